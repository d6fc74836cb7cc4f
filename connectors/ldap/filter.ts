import { NeedsAttention } from '../../src/contract/index.ts';
import { and, atLeast, atMost, equal, type Filter, like, matching, not, or, present, substring } from './codec.ts';

/** Longest and deepest filter taken; people write filters of three lines, not of three pages. */
const maxLength = 8192;
const maxDepth = 50;

/** RFC 4512 2.5: a name or an OID, then options. */
const description = String.raw`(?:[A-Za-z][\w-]*|\d+(?:\.\d+)+)(?:;[\w-]+)*`;
const simple = new RegExp(`^(${description})(=|>=|<=|~=)(.*)$`, 's');
const extensible = new RegExp(String.raw`^(${description})?(:dn)?(?::([A-Za-z][\w-]*|\d+(?:\.\d+)+))?:=(.*)$`, 'si');

/**
 * A filter as people write it (RFC 4515), as an object. It can then be combined with others and cannot reach
 * beyond its own brackets.
 * @throws NeedsAttention naming the place in the text
 */
export function parseFilter(text: string): Filter {
  if (text.length > maxLength) throw wrong(`it is longer than ${maxLength} characters`);
  const trimmed = text.trim();
  const parser = new Parser(trimmed.startsWith('(') ? trimmed : `(${trimmed})`);
  const filter = parser.filter(0);
  parser.end();
  return filter;
}

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  filter(depth: number): Filter {
    if (depth > maxDepth) throw wrong(`it is nested deeper than ${maxDepth} brackets`);
    this.#skip();
    this.#expect('(');
    this.#skip();
    const sign = this.#text[this.#at];
    let filter: Filter;
    if (sign === '&' || sign === '|') {
      this.#at += 1;
      const parts = this.#several(depth);
      filter = sign === '&' ? and(parts) : or(parts);
    } else if (sign === '!') {
      this.#at += 1;
      filter = not(this.filter(depth + 1));
      this.#skip();
    } else filter = this.#item();
    this.#expect(')');
    return filter;
  }

  end(): void {
    this.#skip();
    if (this.#at < this.#text.length) throw wrong(`something follows its last bracket, at character ${this.#at + 1}`);
  }

  #several(depth: number): Filter[] {
    const parts: Filter[] = [];
    for (;;) {
      this.#skip();
      if (this.#text[this.#at] !== '(') break;
      parts.push(this.filter(depth + 1));
    }
    if (parts.length === 0) throw wrong(`nothing stands between the brackets at character ${this.#at + 1}`);
    return parts;
  }

  #item(): Filter {
    const start = this.#at;
    while (this.#at < this.#text.length && !'()'.includes(this.#text[this.#at]!)) this.#at += 1;
    const item = this.#text.slice(start, this.#at);
    const filter = comparison(item);
    if (!filter) throw wrong(`the comparison at character ${start + 1} is not one of RFC 4515`);
    return filter;
  }

  #expect(sign: string): void {
    if (this.#text[this.#at] !== sign) throw wrong(`\`${sign}\` is missing at character ${this.#at + 1}`);
    this.#at += 1;
  }

  #skip(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at += 1;
  }
}

function comparison(item: string): Filter | undefined {
  const extended = extensible.exec(item);
  if (extended) {
    const [, attribute, dn, rule, value = ''] = extended;
    const text = unescapedText(value);
    if (text === undefined || (!attribute && !rule)) return undefined;
    return matching({
      ...(attribute ? { attribute } : {}),
      ...(rule ? { rule } : {}),
      value: text,
      dnAttributes: dn !== undefined,
    });
  }
  const [, attribute, operator, value] = simple.exec(item) ?? [];
  if (attribute === undefined || value === undefined) return undefined;
  if (operator !== '=') {
    const text = unescapedText(value);
    if (!text) return undefined;
    return operator === '>='
      ? atLeast(attribute, text)
      : operator === '<='
        ? atMost(attribute, text)
        : like(attribute, text);
  }
  if (value === '*') return present(attribute);
  if (!value.includes('*')) {
    const bytes = unescaped(value);
    return bytes && bytes.length > 0 ? equal(attribute, bytes) : undefined;
  }
  const pieces = value.split('*').map(unescapedText);
  if (pieces.some((piece) => piece === undefined) || pieces.every((piece) => piece === '')) return undefined;
  const [initial = '', ...rest] = pieces as string[];
  const final = rest.pop() ?? '';
  return substring(
    attribute,
    initial,
    rest.filter((piece) => piece !== ''),
    final,
  );
}

/** `\2a` and the like become their bytes; undefined if a backslash is followed by anything else. */
function unescaped(value: string): Buffer | undefined {
  if (/\\(?![0-9a-fA-F]{2})/.test(value)) return undefined;
  const pieces = value.split(/(\\[0-9a-fA-F]{2})/);
  return Buffer.concat(
    pieces.map((piece) => (piece.startsWith('\\') ? Buffer.from(piece.slice(1), 'hex') : Buffer.from(piece))),
  );
}

function unescapedText(value: string): string | undefined {
  const bytes = unescaped(value);
  const text = bytes?.toString('utf8');
  return bytes && text !== undefined && Buffer.from(text).equals(bytes) ? text : undefined;
}

const wrong = (why: string): NeedsAttention =>
  new NeedsAttention(
    `The setting \`filter\` is not an LDAP filter: ${why}; correct it, for example (objectClass=inetOrgPerson).`,
  );
