import { formatUuid } from '../../base/uuid.ts';
import { encode, encodeText, tag } from './ber.ts';
import { type Name, parseName } from './dn.ts';
import { type AttributeType, covers, type Description, describe, normaliseText } from './schema.ts';

export type Value = string | Buffer;
/** What an entry is made of: values by attribute description (`mail`, `cn;lang-el`). */
export type Attributes = Readonly<Record<string, readonly Value[]>>;

/** One attribute of a stored entry, ready to be compared and sent. */
export interface Attribute {
  readonly written: string;
  readonly description: Description;
  readonly values: readonly Buffer[];
  readonly normal: readonly string[];
  /** The PartialAttribute of RFC 4511 4.1.7, with and without its values. */
  readonly encoded: Buffer;
  readonly encodedType: Buffer;
}

export interface Entry {
  readonly dn: string;
  readonly name: Name;
  readonly attributes: readonly Attribute[];
  /** By type name, each type holding its kinds too; a lookup of a hundred people tests each entry a hundred times. */
  readonly byType: ReadonlyMap<string, readonly Attribute[]>;
}

export function makeEntry(dn: string, attributes: Attributes): Entry {
  const made: Attribute[] = [];
  for (const [written, given] of Object.entries(attributes)) {
    const description = describe(written);
    if (!description) throw new RangeError(`The sandbox directory's schema has no attribute type ${written}.`);
    if (given.length === 0) continue;
    const values = given.map((value) => (typeof value === 'string' ? Buffer.from(value, 'utf8') : value));
    made.push({
      written,
      description,
      values,
      normal: values.map((value) => normalise(description.type, value) ?? ''),
      encoded: encode(tag.sequence, encodeText(written), encode(tag.set, ...values.map((value) => encodeText(value)))),
      encodedType: encode(tag.sequence, encodeText(written), encode(tag.set)),
    });
  }
  const byType = new Map<string, Attribute[]>();
  for (const attribute of made) {
    const { name, kindOf } = attribute.description.type;
    for (const type of kindOf ? [name, kindOf] : [name]) byType.set(type, [...(byType.get(type) ?? []), attribute]);
  }
  return { dn, name: parseName(dn), attributes: made, byType };
}

/** The attributes of an entry that a description covers. */
export function held(entry: Entry, asked: Description): readonly Attribute[] {
  const found = entry.byType.get(asked.type.name) ?? [];
  return asked.options.length === 0 ? found : found.filter((attribute) => covers(asked, attribute.description));
}

/** A value in the form its type compares; `undefined` if it is not a value of that type. */
export function normalise(type: AttributeType, value: Buffer): string | undefined {
  const text = value.toString('utf8');
  switch (type.syntax) {
    case 'text':
      return normaliseText(text);
    case 'telephone':
      return normaliseText(text).replace(/[ -]/g, '');
    case 'name':
      try {
        return parseName(text).path;
      } catch {
        return undefined;
      }
    case 'uuid':
      return uuid(value);
    case 'time':
      return /^\d{10}(\d{2}(\d{2})?)?Z$/.test(text) ? text : undefined;
    case 'octets':
      return value.toString('latin1');
    case 'binary':
      return undefined;
  }
}

/** UUIDMatch takes the text form; OpenLDAP also takes the 16 bytes. */
function uuid(value: Buffer): string | undefined {
  if (value.length === 16) return formatUuid(value);
  const text = value.toString('latin1').toLowerCase();
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text) ? text : undefined;
}
