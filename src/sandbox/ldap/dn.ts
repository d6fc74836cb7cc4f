import { Malformed } from './ber.ts';
import { attributeType, normaliseText } from './schema.ts';

/**
 * A distinguished name by which entries are found: its RDNs normalised, the root's first, each ended by NUL, so that
 * "is below" is a prefix test.
 */
export interface Name {
  readonly path: string;
  readonly depth: number;
}

export const rootName: Name = { path: '', depth: 0 };

/** Parses the text form of RFC 4514. Throws Malformed. */
export function parseName(dn: string): Name {
  const rdns = splitUnescaped(dn, ',');
  if (dn.trim() === '') return rootName;
  const path = rdns
    .map((rdn) => splitUnescaped(rdn, '+').map(normaliseAssertion).sort().join('+'))
    .reverse()
    .map((rdn) => `${rdn}\0`)
    .join('');
  return { path, depth: rdns.length };
}

export function parentOf(name: Name): Name {
  const cut = name.path.lastIndexOf('\0', name.path.length - 2);
  return { path: name.path.slice(0, cut + 1), depth: Math.max(0, name.depth - 1) };
}

function normaliseAssertion(assertion: string): string {
  const equals = assertion.indexOf('=');
  if (equals < 1) throw new Malformed('name without an attribute type');
  const written = assertion.slice(0, equals).trim();
  if (!/^([a-zA-Z][a-zA-Z0-9-]*|\d+(\.\d+)+)$/.test(written)) throw new Malformed('name with a bad attribute type');
  const known = attributeType(written);
  return `${(known?.name ?? written).toLowerCase()}=${normaliseText(unescapeValue(assertion.slice(equals + 1)))}`;
}

/** Cuts at a separator that no backslash precedes. */
function splitUnescaped(text: string, separator: string): string[] {
  const parts: string[] = [];
  let from = 0;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === separator) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  parts.push(text.slice(from));
  return parts;
}

function unescapeValue(written: string): string {
  const trimmed = written.replace(/^ +/, '').replace(/((?:^|[^\\])(?:\\\\)*) +$/, '$1');
  if (/["<>;]/.test(trimmed.replace(/\\./g, ''))) throw new Malformed('name with an unescaped special character');
  const bytes: Buffer[] = [];
  for (let at = 0; at < trimmed.length; ) {
    const pair = /^\\([0-9a-fA-F]{2})/.exec(trimmed.slice(at, at + 3));
    if (pair) {
      bytes.push(Buffer.from(pair[1]!, 'hex'));
      at += 3;
      continue;
    }
    const escaped = trimmed[at] === '\\';
    if (escaped && !/[ "#+,;<=>\\]/.test(trimmed[at + 1] ?? '')) throw new Malformed('name with a bad escape');
    const character = String.fromCodePoint(trimmed.codePointAt(escaped ? at + 1 : at) ?? 0);
    bytes.push(Buffer.from(character));
    at += character.length + (escaped ? 1 : 0);
  }
  return Buffer.concat(bytes).toString('utf8');
}

/** Writes a value for use in a DN (RFC 4514 2.4): what needs escaping as `\2C`, the way OpenLDAP does. */
export function escapeValue(value: string): string {
  return value.replace(
    /[\\",+<>;=\0]|^[ #]| $/g,
    (one) => `\\${one.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}
