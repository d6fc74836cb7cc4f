import { Problem } from './problems.ts';

/** Keys by which a body could reach an object's prototype; refused at any depth. */
const PROTOTYPE_KEYS = new Set(['__proto__', 'constructor', 'prototype']);

/** A string, a bracket, a separator, or a number or word: all there is in a text that JSON.parse accepted. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

const refuse = (sentence: string): never => {
  throw new Problem('bad-request', sentence);
};

/**
 * JSON as RFC 8259 and I-JSON (RFC 7493) want it: UTF-8, no key twice, no number beyond a double, no lone surrogate,
 * nesting bounded. JSON.parse alone lets the last of two equal keys win and turns 1e400 into Infinity, so that what
 * a proxy checked and what we read could differ.
 *
 * @throws Problem `bad-request`; never with a piece of the text, which may hold a person's data
 */
export function parseStrictJson(bytes: Uint8Array, deepest: number): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuse('The body is not UTF-8.');
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse('The body is not JSON.');
  }
  inspect(text, deepest);
  return value;
}

function inspect(text: string, deepest: number): void {
  /** Keys seen so far of each open object; `null` for an array. */
  const open: (Set<string> | null)[] = [];
  let keyComesNext = false;
  for (const [token] of text.matchAll(TOKEN)) {
    const object = open.at(-1);
    if (token === '{' || token === '[') {
      open.push(token === '{' ? new Set() : null);
      if (open.length > deepest) refuse(`The body is nested deeper than ${deepest} levels.`);
      keyComesNext = token === '{';
    } else if (token === '}' || token === ']') {
      open.pop();
      keyComesNext = false;
    } else if (token === ',') {
      keyComesNext = object instanceof Set;
    } else if (token.startsWith('"')) {
      const string = JSON.parse(token) as string;
      if (!string.isWellFormed()) refuse('The body holds half of a surrogate pair.');
      if (keyComesNext && object) {
        if (PROTOTYPE_KEYS.has(string)) refuse('The body has a key that names an object’s prototype.');
        if (object.has(string)) refuse('The body has the same key twice in one object.');
        object.add(string);
        keyComesNext = false;
      }
    } else if (/^[-\d]/.test(token) && !Number.isFinite(Number(token))) {
      refuse('The body holds a number too large for JSON.');
    }
  }
}

/** The same text for equal values: keys sorted, no spaces. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`).join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}
