import type { z } from 'zod';
import { Problem, type RequestError } from './problems.ts';

type Issue = z.core.$ZodIssue;

/**
 * The value as its schema declares it.
 * @throws Problem `bad-request` with one entry per wrong place, in our words: a validator's own text can quote input
 */
export function validated<T>(schema: z.ZodType<T>, value: unknown, where: RequestError['in']): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const errors = result.error.issues
    .flatMap(unfold)
    .slice(0, 20)
    .map((issue) => told(issue, where));
  const first = errors[0];
  const place = first ? `${first.path || `the ${where}`} ${first.problem}` : `the ${where} is wrong`;
  throw new Problem('bad-request', `In the ${where}: ${place}.`, { errors });
}

/** Of a choice of forms, the complaints of the form that fits best: telling all of them helps nobody. */
function unfold(issue: Issue): Issue[] {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue];
  const best = issue.errors.reduce((a, b) => (misfit(b) < misfit(a) ? b : a));
  return best.flatMap((inner) => unfold({ ...inner, path: [...issue.path, ...inner.path] }));
}

/** Keys that a form does not know tell more about which form was meant than whatever else is wrong with it. */
function misfit(issues: readonly Issue[]): number {
  const strange = issues.flatMap((issue) => (issue.code === 'unrecognized_keys' ? issue.keys : []));
  return strange.length * 100 + issues.length;
}

function told(issue: Issue, where: RequestError['in']): RequestError {
  const steps = issue.path.map(String);
  const path = where === 'body' ? steps.map((step) => `/${step}`).join('') : steps.join('.');
  return { in: where, path, problem: sentence(issue) };
}

function sentence(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      // The library tells "absent" only in its message; the message itself is not passed on.
      return issue.message.endsWith('received undefined') ? 'is missing' : `must be ${article(issue.expected)}`;
    case 'unrecognized_keys':
      return issue.keys.map(unknownKey).join(', ');
    case 'too_big':
      return `is more than ${issue.maximum}${unit(issue.origin)}`;
    case 'too_small':
      return `is less than ${issue.minimum}${unit(issue.origin)}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    case 'invalid_format':
      if (issue.format !== 'regex') return `is not a valid ${issue.format}`;
      // A sentence written beside the schema; the library's own begins so and quotes the pattern.
      return issue.message.startsWith('Invalid string') ? 'has the wrong form' : issue.message;
    default:
      return 'is wrong';
  }
}

/** A key can be a person's name or address (a map keyed by e-mail): it is quoted only if it looks like one of ours. */
function unknownKey(key: string): string {
  return /^[a-z][a-z0-9_]{0,39}$/.test(key) ? `has the unknown key "${key}"` : 'has an unknown key';
}

function unit(origin: string): string {
  if (origin === 'string') return ' characters';
  return origin === 'array' ? ' entries' : '';
}

function article(type: string): string {
  if (type === 'int') return 'a whole number';
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

/**
 * The query as a plain object without prototype.
 * @throws Problem `bad-request` for a parameter given twice: which of the two counts would be anybody's guess
 */
export function queryOf(url: string): Record<string, string> {
  const query: Record<string, string> = Object.create(null);
  const start = url.indexOf('?');
  if (start < 0) return query;
  for (const [name, value] of new URLSearchParams(url.slice(start + 1))) {
    if (Object.hasOwn(query, name)) throw new Problem('bad-request', 'A query parameter is given twice.');
    query[name] = value;
  }
  return query;
}
