import { type Element, Malformed, Reader, tag, utf8 } from './ber.ts';
import { type Attribute, type Entry, held, normalise } from './entry.ts';
import { type Description, describe } from './schema.ts';

/** RFC 4511 4.5.1.7: a filter is true, false or Undefined of an entry, and `not` leaves Undefined as it is. */
export type Verdict = boolean | undefined;

export interface Filter {
  /** As a person would write it (RFC 4515), so that tests can say what was asked. */
  readonly text: string;
  test(entry: Entry): Verdict;
}

const deepest = 64;

/** Decodes and compiles the Filter of a search request. Throws Malformed. */
export function decodeFilter(element: Element, depth = 0): Filter {
  if (depth > deepest) throw new Malformed('filter nested too deeply');
  const inner = new Reader(element.content);
  switch (element.tag) {
    case 0xa0:
    case 0xa1: {
      const parts: Filter[] = [];
      while (inner.nextTag !== undefined) parts.push(decodeFilter(inner.element(), depth + 1));
      return element.tag === 0xa0 ? all(parts) : any(parts);
    }
    case 0xa2: {
      const part = decodeFilter(inner.element(), depth + 1);
      inner.end();
      const test = (entry: Entry) => {
        const verdict = part.test(entry);
        return verdict === undefined ? undefined : !verdict;
      };
      return { text: `(!${part.text})`, test };
    }
    case 0xa3:
    case 0xa8:
      return assertion(inner, element.tag === 0xa3 ? '=' : '~=', equal);
    case 0xa5:
      return assertion(
        inner,
        '>=',
        ordered((order) => order >= 0),
      );
    case 0xa6:
      return assertion(
        inner,
        '<=',
        ordered((order) => order <= 0),
      );
    case 0xa4:
      return substrings(inner);
    case 0x87:
      return presence(utf8(element.content));
    case 0xa9:
      return extensible(inner);
    default:
      throw new Malformed('unknown kind of filter');
  }
}

function all(parts: readonly Filter[]): Filter {
  const test = (entry: Entry) => {
    let verdict: Verdict = true;
    for (const part of parts) {
      const one = part.test(entry);
      if (one === false) return false;
      if (one === undefined) verdict = undefined;
    }
    return verdict;
  };
  return { text: `(&${parts.map((part) => part.text).join('')})`, test };
}

function any(parts: readonly Filter[]): Filter {
  const test = (entry: Entry) => {
    let verdict: Verdict = false;
    for (const part of parts) {
      const one = part.test(entry);
      if (one === true) return true;
      if (one === undefined) verdict = undefined;
    }
    return verdict;
  };
  return { text: `(|${parts.map((part) => part.text).join('')})`, test };
}

function presence(attribute: string): Filter {
  const asked = describe(attribute);
  return { text: `(${attribute}=*)`, test: (entry) => (asked ? held(entry, asked).length > 0 : undefined) };
}

type Comparison = (attribute: Attribute, asserted: string) => Verdict;

const equal: Comparison = (attribute, asserted) => attribute.normal.includes(asserted);

/** Only these syntaxes have an ordering rule in OpenLDAP's schema; all others are Undefined. */
const ordered =
  (accepts: (order: number) => boolean): Comparison =>
  (attribute, asserted) => {
    const { syntax } = attribute.description.type;
    if (syntax !== 'time' && syntax !== 'uuid') return undefined;
    return attribute.normal.some((value) => accepts(value < asserted ? -1 : value > asserted ? 1 : 0));
  };

function assertion(inner: Reader, operator: string, comparison: Comparison): Filter {
  const attribute = inner.text();
  const value = inner.expect(tag.octetString);
  inner.end();
  return compare(attribute, operator, value, comparison);
}

function compare(attribute: string, operator: string, value: Buffer, comparison: Comparison): Filter {
  const asked = describe(attribute);
  const asserted = asked && normalise(asked.type, value);
  const text = `(${attribute}${operator}${escapeValue(value)})`;
  if (!asked || asserted === undefined) return { text, test: () => undefined };
  return { text, test: (entry) => first(held(entry, asked), (one) => comparison(one, asserted)) };
}

/** True if true of any; an attribute that is absent makes false. */
function first(attributes: readonly Attribute[], test: (attribute: Attribute) => Verdict): Verdict {
  let verdict: Verdict = false;
  for (const attribute of attributes) {
    const one = test(attribute);
    if (one === true) return true;
    if (one === undefined) verdict = undefined;
  }
  return verdict;
}

function substrings(inner: Reader): Filter {
  const attribute = inner.text();
  const pieces = new Reader(inner.expect(tag.sequence));
  inner.end();
  const parts: Element[] = [];
  while (pieces.nextTag !== undefined) parts.push(pieces.element());
  const valid = parts.every(
    (part, at) =>
      part.content.length > 0 &&
      (part.tag === 0x81 || (part.tag === 0x80 && at === 0) || (part.tag === 0x82 && at === parts.length - 1)),
  );
  if (parts.length === 0 || !valid) throw new Malformed('substring filter out of order');
  const asked = describe(attribute);
  const written = parts.map((part) => escapeValue(part.content));
  const open = parts[0]?.tag === 0x80 ? '' : '*';
  const close = parts.at(-1)?.tag === 0x82 ? '' : '*';
  const text = `(${attribute}=${open}${written.join('*')}${close})`;
  if (!asked || (asked.type.syntax !== 'text' && asked.type.syntax !== 'telephone')) {
    return { text, test: () => undefined };
  }
  const wanted = parts.map((part) => ({ at: part.tag, piece: piece(asked, part.content) }));
  return {
    text,
    test: (entry) => first(held(entry, asked), (one) => one.normal.some((value) => contains(value, wanted))),
  };
}

/** Like the value, but a space at the end of a piece counts: it may stand between two words. */
function piece({ type }: Description, content: Buffer): string {
  const folded = content.toString('utf8').normalize('NFKC').toLowerCase().replace(/\s+/g, ' ');
  return type.syntax === 'telephone' ? folded.replace(/[ -]/g, '') : folded;
}

function contains(value: string, wanted: readonly { at: number; piece: string }[]): boolean {
  let from = 0;
  for (const { at, piece } of wanted) {
    if (at === 0x80) {
      if (!value.startsWith(piece)) return false;
      from = piece.length;
    } else if (at === 0x82) {
      return value.length - piece.length >= from && value.endsWith(piece);
    } else {
      const found = value.indexOf(piece, from);
      if (found < 0) return false;
      from = found + piece.length;
    }
  }
  return true;
}

const caseExact = new Set(['caseexactmatch', '2.5.13.5']);
const caseIgnore = new Set(['caseignorematch', '2.5.13.2']);

/** `cn:caseExactMatch:=…`; rules this directory does not know (Active Directory's bit tests) are Undefined. */
function extensible(inner: Reader): Filter {
  let rule = '';
  let attribute = '';
  let value: Buffer | undefined;
  while (inner.nextTag !== undefined) {
    const part = inner.element();
    if (part.tag === 0x81) rule = utf8(part.content);
    else if (part.tag === 0x82) attribute = utf8(part.content);
    else if (part.tag === 0x83) value = part.content;
    else if (part.tag !== 0x84) throw new Malformed('unknown part of an extensible filter');
  }
  if (value === undefined) throw new Malformed('extensible filter without a value');
  const operator = `${rule ? `:${rule}` : ''}:=`;
  if (caseExact.has(rule.toLowerCase())) {
    const exact = value;
    return compare(attribute, operator, value, (one) => one.values.some((held) => held.equals(exact)));
  }
  if (rule === '' || caseIgnore.has(rule.toLowerCase())) return compare(attribute, operator, value, equal);
  return { text: `(${attribute}${operator}${escapeValue(value)})`, test: () => undefined };
}

/** RFC 4515: what would change the meaning, and bytes that are not text, as `\xx`. */
function escapeValue(value: Buffer): string {
  const text = value.toString('utf8');
  if (!Buffer.from(text, 'utf8').equals(value)) return value.toString('hex').replace(/../g, '\\$&');
  return text.replace(/[\\*()\0]/g, (one) => `\\${one.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
