import { z } from 'zod';
import { nearest } from '../base/nearest.ts';
import type { Located } from './parse.ts';
import { listed, type Path, type Problem, pathText, shown } from './problem.ts';
import { nouns } from './schema.ts';

/** Longer lists would bury the first thing to repair. */
const MAX_PROBLEMS = 100;

/**
 * What zod says about an issue, as the end of a sentence that begins with the path. Only kinds and bounds are told,
 * never the value: it may be a secret on the wrong line.
 */
export function describeIssue(issue: z.core.$ZodRawIssue): string {
  const raw = issue as z.core.$ZodRawIssue & Record<string, unknown>;
  switch (raw.code) {
    case 'invalid_type':
      return wrongType(String(raw.expected), raw.input);
    case 'invalid_value': {
      const values = (raw.values as unknown[]).filter((value) => typeof value !== 'boolean').map(String);
      if (raw.input === undefined) return `is missing; add it (${listed(values)})`;
      return `must be ${listed(values)}`;
    }
    case 'too_small':
      if (raw.origin === 'string') return 'is empty; fill it in or remove the line';
      if (raw.origin === 'array') return 'is empty; list at least one';
      return `must be at least ${raw.minimum}`;
    case 'too_big':
      if (raw.origin === 'string') return `is too long; at most ${raw.maximum} characters`;
      if (raw.origin === 'array') return `is too long; at most ${raw.maximum} entries`;
      return `must be at most ${raw.maximum}`;
    case 'unrecognized_keys': {
      // One line per key, in the order of `keys`: a key has a place of its own in the file.
      const known = raw.inst instanceof z.ZodObject ? Object.keys(raw.inst.shape) : [];
      const noun = (raw.inst && nouns.get(raw.inst as z.ZodType)?.noun) ?? 'key';
      return (raw.keys as string[]).map((key) => unknownKey(noun, key, known)).join('\n');
    }
    default:
      return 'is not of the right form; compare it with the example in the README';
  }
}

const TYPES: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  array: 'a list (each entry on its own line, after a hyphen)',
  object: 'a map (keys indented below it)',
  record: 'a map (keys indented below it)',
};

function wrongType(expected: string, input: unknown): string {
  if (input === undefined) return 'is missing; add it';
  if (input === null) return 'is empty; fill it in or remove the line';
  if (expected === 'string' && typeof input !== 'object') return 'must be a text; put it in quotes';
  return `must be ${TYPES[expected] ?? 'of another kind'}`;
}

function unknownKey(noun: string, key: string, known: readonly string[]): string {
  const meant = nearest(key, known);
  const hint = meant
    ? `did you mean ${meant}?`
    : known.length > 0
      ? `there are ${listed(known, 'and')}.`
      : 'it has none.';
  return `There is no ${noun} called ${shown(key)}; ${hint}`;
}

function unknownConnector(path: Path, input: unknown, connectors: readonly string[]): string {
  const there = `there are ${listed(connectors, 'and')}.`;
  if (input === undefined) return `${pathText(path)} is missing; name the connector that reads this system: ${there}`;
  if (typeof input !== 'string') return `${pathText(path)} must be the name of a connector: ${there}`;
  const meant = nearest(input, connectors);
  return `There is no connector called ${shown(input)}; ${meant ? `did you mean ${meant}?` : there}`;
}

const ended = (sentence: string) => (sentence.endsWith('?') ? sentence : `${sentence}.`);

/** Every issue at its place in the file, in the order of the file. */
export function problemsOf(
  issues: readonly z.core.$ZodIssue[],
  located: Located,
  connectors: readonly string[],
): Problem[] {
  const problems: Problem[] = [];
  const add = (path: Path, of: 'key' | 'value', sentence: string) => {
    const text = pathText(path);
    // The first thing wrong with a value is enough: the others often follow from it.
    if (!problems.some((problem) => problem.path === text))
      problems.push({ ...located.at(path, of), path: text, sentence });
  };
  for (const issue of issues) {
    if (problems.length === MAX_PROBLEMS) break;
    const path = issue.path as Path;
    if (issue.code === 'unrecognized_keys') {
      const sentences = issue.message.split('\n');
      for (const [index, key] of issue.keys.slice(0, MAX_PROBLEMS).entries())
        add([...path, key], 'key', sentences[index]!);
    } else if (issue.code === 'invalid_key') {
      add(path, 'key', `${pathText(path)} ${issue.issues[0]?.message ?? 'is no name'}.`);
    } else if (issue.code === 'invalid_union') {
      add(path, 'value', unknownConnector(path, valueAt(located.value, path), connectors));
    } else {
      add(path, 'value', ended(`${pathText(path)} ${issue.message}`));
    }
  }
  return problems.sort((a, b) => a.line - b.line || a.column - b.column);
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (at, part) =>
      typeof at === 'object' && at !== null && Object.hasOwn(at, part)
        ? (at as Record<PropertyKey, unknown>)[part]
        : undefined,
    value,
  );
}
