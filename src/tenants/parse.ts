import {
  type ErrorCode,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type ParsedNode,
  parseDocument,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import { type Path, type Problem, pathText } from './problem.ts';

/**
 * YAML 1.2 with places. Bounds, because a file comes from whoever may write one: the parser needs up to 6 µs per
 * byte on hostile text, so 64 KiB stay well under a second; aliases are followed within a budget of nodes.
 */
export const MAX_BYTES = 64 * 1024;
const MAX_NODES = 20_000;
const MAX_DEPTH = 40;
const MAX_SYNTAX_PROBLEMS = 10;

interface Place {
  /** Offsets into the text; `key` is where the key stands (the item itself in a list, and at the root). */
  readonly key: number;
  readonly value: number;
  readonly children: Map<string | number, Place>;
}

export interface Located {
  readonly value: unknown;
  /** Where a path stands; of a path that is not there, where its nearest ancestor's key stands. */
  at(path: Path, of: 'key' | 'value'): { line: number; column: number };
}

export type Parsed = { readonly located: Located } | { readonly problems: readonly Problem[] };

export function parseYaml(text: string): Parsed {
  if (Buffer.byteLength(text) > MAX_BYTES) {
    return {
      problems: [
        { line: 1, column: 1, path: '', sentence: 'The file is larger than 64 KiB; a configuration is far smaller.' },
      ],
    };
  }
  const lines = new LineCounter();
  const where = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    // A file without a line break has no entry yet: the counter then says line 0.
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  let document: ReturnType<typeof parseDocument>;
  // The parser makes an Error for everything it stumbles over, thousands on hostile text, each deep in recursion:
  // where whole stacks are kept (mocha does), that took twenty times the parsing. Nobody reads them.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    document = parseDocument(text, {
      lineCounter: lines,
      // The parser's own words quote the text, which may be a secret; its own check for equal keys is quadratic.
      prettyErrors: false,
      uniqueKeys: false,
      stringKeys: true,
      resolveKnownTags: false,
      // 'silent' would also hide that a second document follows.
      logLevel: 'error',
    });
  } catch {
    // Deep nesting overflows the parser's stack.
    return { problems: [{ line: 1, column: 1, path: '', sentence: TOO_MUCH }] };
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  const broken = [...document.errors, ...document.warnings];
  if (broken.length > 0) return { problems: syntaxProblems(text, broken, where) };
  return convert(document.contents as ParsedNode | null, where);
}

const TOO_MUCH = 'The file nests too deep or repeats too much through aliases; write it out plainly.';

function syntaxProblems(
  text: string,
  errors: readonly YAMLError[],
  where: (offset: number) => { line: number; column: number },
): Problem[] {
  const byLine = new Map<number, Problem>();
  for (const error of errors) {
    const place = where(error.pos[0]);
    // One slip makes the parser stumble several times on the same line: the first is the one to repair.
    if (byLine.has(place.line)) continue;
    const star = unquotedStar(text, error.pos[0]);
    const found =
      star === undefined ? { ...place, sentence: syntaxSentence(error.code) } : { ...where(star), sentence: STAR };
    byLine.set(place.line, { ...found, path: '' });
    if (byLine.size === MAX_SYNTAX_PROBLEMS) break;
  }
  return [...byLine.values()].sort((a, b) => a.line - b.line || a.column - b.column);
}

const STAR = 'A text that begins with * or & must stand in quotes, for example "*/15 * * * *".';

/** Where a value on this line begins with `*` or `&`: nearly always a schedule without quotes. */
function unquotedStar(text: string, offset: number): number | undefined {
  const start = text.lastIndexOf('\n', offset - 1) + 1;
  const match = /^ *(?:- +)?[\w-]+: +(?=[*&])/.exec(text.slice(start, start + 200));
  return match ? start + match[0].length : undefined;
}

const SYNTAX: Partial<Record<ErrorCode, string>> = {
  TAB_AS_INDENT: 'A tab indents this line; YAML takes only spaces there.',
  BAD_INDENT:
    'This line is not indented like its neighbours, or a bracket above it is not closed; line it up with them, in spaces.',
  BAD_ALIAS: 'This alias is not usable; write the value out, or in quotes if it begins with * or &.',
  BAD_DQ_ESCAPE: 'A backslash in double quotes begins something YAML does not know; use single quotes.',
  BAD_SCALAR_START: 'A text cannot begin with this character; put it in quotes.',
  BLOCK_AS_IMPLICIT_KEY:
    'Two keys run into each other here; check the indent of the next line, or put a text that holds a colon in quotes.',
  MISSING_CHAR: 'Something is not closed or separated here; look for a missing quote, bracket, comma, colon or space.',
  MULTILINE_IMPLICIT_KEY: 'This line is not "key: value"; look for a missing colon or a wrong indent.',
  MULTIPLE_DOCS: 'A second document begins here; one file holds one tenant, so remove the line ---.',
  NON_STRING_KEY: 'Only a plain word can be a key here.',
  TAG_RESOLVE_FAILED: 'Tags (words that begin with !) are not used here; remove it, or put the text in quotes.',
  UNEXPECTED_TOKEN:
    'This is not valid YAML from here on; put texts with special characters in quotes and look at the line above.',
  RESOURCE_EXHAUSTION: TOO_MUCH,
};

function syntaxSentence(code: ErrorCode): string {
  return SYNTAX[code] ?? 'This is not valid YAML; compare the line and the one above with the example in the README.';
}

/** Plain values and their places. Nodes are walked here and not by the library, to bound what aliases unfold to. */
function convert(root: ParsedNode | null, where: (offset: number) => { line: number; column: number }): Parsed {
  const problems: Problem[] = [];
  const anchors = new Map<string, ParsedNode>();
  let nodes = 0;
  /** The outermost alias being followed: what it unfolds to is its doing, wherever that stands. */
  let following: { offset: number; path: Path } | undefined;
  const problem = (offset: number, path: Path, sentence: string) => {
    if (problems.length < 50) problems.push({ ...where(offset), path: pathText(path), sentence });
  };

  function walk(node: ParsedNode | null, place: Place, path: Path): unknown {
    nodes += 1;
    if (nodes > MAX_NODES || path.length > MAX_DEPTH) {
      throw new TooMuch(following?.offset ?? place.key, following?.path ?? path);
    }
    if (node === null) return null;
    if (isAlias(node)) {
      const target = anchors.get(node.source);
      if (target) {
        const outer = following;
        following ??= { offset: place.value, path };
        const value = walk(target, place, path);
        following = outer;
        return value;
      }
      problem(place.value, path, SYNTAX.BAD_ALIAS!);
      return null;
    }
    if (node.anchor) anchors.set(node.anchor, node);
    if (isMap(node)) return walkMap(node as YAMLMap.Parsed, place, path);
    if (isSeq(node)) {
      return node.items.map((item, index) => {
        const offset = (item as ParsedNode | null)?.range?.[0] ?? place.value;
        const child: Place = { key: offset, value: offset, children: new Map() };
        place.children.set(index, child);
        return walk(item as ParsedNode, child, [...path, index]);
      });
    }
    return walkScalar(isScalar(node) ? node.value : null, place, path);
  }

  function walkMap(map: YAMLMap.Parsed, place: Place, path: Path): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    for (const pair of map.items) {
      const key = isScalar(pair.key) ? String(pair.key.value ?? '') : '';
      const keyOffset = pair.key?.range?.[0] ?? place.value;
      const here = [...path, key];
      if (!isScalar(pair.key) || key === '' || key === '__proto__') {
        problem(keyOffset, here, 'Only a plain word can be a key here.');
      } else if (Object.hasOwn(result, key)) {
        problem(keyOffset, here, `${pathText(here)} stands here for the second time; keep one of them.`);
      } else {
        const child: Place = { key: keyOffset, value: pair.value?.range?.[0] ?? keyOffset, children: new Map() };
        place.children.set(key, child);
        result[key] = walk(pair.value as ParsedNode | null, child, here);
      }
    }
    return result;
  }

  function walkScalar(value: unknown, place: Place, path: Path): unknown {
    // PostgreSQL has no NUL, and half a character would be stored as another.
    if (typeof value === 'string' && (!value.isWellFormed() || /[^\P{Cc}\t\r\n]/u.test(value))) {
      problem(place.value, path, `${pathText(path) || 'The file'} holds a control character; remove it.`);
    }
    return value;
  }

  const place: Place = { key: 0, value: root?.range?.[0] ?? 0, children: new Map() };
  let value: unknown;
  try {
    value = walk(root, place, []);
  } catch (error) {
    if (!(error instanceof TooMuch)) throw error;
    return { problems: [{ ...where(error.offset), path: pathText(error.path.slice(0, 3)), sentence: TOO_MUCH }] };
  }
  if (problems.length > 0) return { problems };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const sentence =
      value === null || value === undefined
        ? 'The file is empty; begin with version: 1 and tenant: the name of the tenant.'
        : 'The file must be a map of keys; begin with version: 1 and tenant: the name of the tenant.';
    return { problems: [{ ...where(place.value), path: '', sentence }] };
  }
  return {
    located: {
      value,
      at(path, of) {
        let found = place;
        for (const [index, part] of path.entries()) {
          const next = found.children.get(part);
          if (!next) return where(index === 0 ? place.value : found.key);
          found = next;
        }
        return where(of === 'key' ? found.key : found.value);
      },
    },
  };
}

class TooMuch extends Error {
  readonly offset: number;
  readonly path: Path;
  constructor(offset: number, path: Path) {
    super('too much');
    this.offset = offset;
    this.path = path;
  }
}
