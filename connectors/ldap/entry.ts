import { isUtf8 } from 'node:buffer';
import type { SourceRecord, SourceValue } from '../../src/contract/index.ts';
import { type Message, Reader, tags } from './ber.ts';
import { canonicalUuid, uuidFromGuid } from './uuid.ts';

/** Longest value of a declared attribute that is taken; a longer one makes its entry unreadable, and only that one. */
const maxValueBytes = 64 * 1024;
/** Values of one attribute and unasked names of one entry that are looked at. */
const maxValues = 1000;
const maxUnasked = 64;
/** Attributes of an entry whose order is remembered. */
const maxTurns = 64;
/** Longest values of an attribute that are compared with those of the entry before. */
const maxAlikeBytes = 1024;

export interface EntryPlan {
  /** The declaration's spelling; servers may answer in another. */
  readonly fields: readonly string[];
  readonly key: 'entryUUID' | 'objectGUID';
  /** Fields of which all values count (match, decide, scope); of the others, one. */
  readonly all: readonly string[];
  /** Fields in which most entries have the same values, such as their classes. */
  readonly alike: readonly string[];
  /** Documented spellings of names that may arrive unasked. */
  readonly known: readonly string[];
}

/** Where on the wire an entry lies: the value of its search result entry. */
export type EncodedEntry = Pick<Message, 'bytes' | 'start' | 'stop'>;

export interface Entry {
  /** The canonical UUID; undefined if the entry has none, or one that is none. */
  readonly key: string | undefined;
  /** Undefined without a key, and if a value is not valid UTF-8 or too long: then the entry can be named but not read. */
  readonly record: SourceRecord | undefined;
}

/** What an attribute description of the wire is to us. */
interface Described {
  /** As it stands on the wire. */
  readonly spelling: Buffer;
  /** Place in `fields`, or -1 if nobody asked. */
  readonly place: number;
  /** Its options such as `lang-fr`, without the `range=` of Active Directory; empty sorts first. */
  readonly options: string;
  /** The name under which an unasked attribute is counted. */
  readonly unasked: string;
}

/**
 * Decodes search result entries (RFC 4511 4.5.2), the hot path: only the values of attributes that were asked for
 * become strings, and only one variant of each. `givenName` is preferred to `givenName;lang-fr`, and among tagged
 * variants the first by code point; likewise among several values where one is wanted, because servers promise no
 * order (RFC 4511 4.1.7). An unasked attribute leaves its name with `null`: it is counted, its values are never held.
 */
export class EntryDecoder {
  readonly #fields: readonly string[];
  readonly #places: ReadonlyMap<string, number>;
  readonly #known: ReadonlyMap<string, string>;
  readonly #wantsAll: readonly boolean[];
  readonly #keyPlace: number;
  readonly #binaryKey: boolean;
  /** By the spelling on the wire; a server uses few, a hostile one may use many. */
  readonly #described = new Map<string, Described>();
  /** By its turn in the entry before this one: servers tell the attributes of like entries in the same order. */
  readonly #byTurn: Described[] = [];
  /** Of the entry being decoded, by place: where the chosen variant's values start and stop, and its options. */
  readonly #starts: number[];
  readonly #stops: number[];
  readonly #options: string[];
  /** By place: whether most entries say the same there, and what one said before this. */
  readonly #isAlike: readonly boolean[];
  readonly #saidBefore: ({ readonly bytes: Buffer; readonly value: SourceValue } | undefined)[];
  /** By place, whether its values are read now; the set of fields this was made from. */
  #wanted: readonly boolean[];
  #onlyOf: ReadonlySet<string> | undefined;

  constructor(plan: EntryPlan) {
    const lower = (name: string) => name.toLowerCase();
    const all = new Set(plan.all.map(lower));
    this.#fields = plan.fields;
    this.#places = new Map(plan.fields.map((name, place) => [lower(name), place]));
    this.#known = new Map(plan.known.map((name) => [lower(name), name]));
    this.#wantsAll = plan.fields.map((name) => all.has(lower(name)));
    this.#isAlike = plan.fields.map((name) => plan.alike.includes(name));
    this.#saidBefore = plan.fields.map(() => undefined);
    this.#keyPlace = plan.fields.indexOf(plan.key);
    this.#binaryKey = plan.key === 'objectGUID';
    this.#starts = plan.fields.map(() => -1);
    this.#stops = plan.fields.map(() => -1);
    this.#options = plan.fields.map(() => '');
    this.#wanted = plan.fields.map(() => true);
  }

  /**
   * @param only of these fields alone the values are read; names that nobody asked for are told all the same
   * @throws Unreadable if the bytes are not a search result entry
   */
  decode(entry: EncodedEntry, only?: ReadonlySet<string>): Entry {
    if (only !== this.#onlyOf) this.#restrictTo(only);
    const { bytes } = entry;
    const starts = this.#starts;
    starts.fill(-1);
    const record: Record<string, SourceValue> = {};
    const reader = new Reader(bytes, entry.start, entry.stop);
    reader.expect(tags.octets); // the DN: a name of a person, and not asked for
    const attributes = reader.expect(tags.sequence).inside();
    let unasked = 0;
    let turn = 0;
    while (attributes.more) {
      attributes.expect(tags.sequence);
      const { end, at } = attributes;
      // Walks into the attribute with the same reader: this loop runs a million times in a large directory.
      attributes.end = attributes.stop;
      attributes.at = attributes.start;
      attributes.expect(tags.octets);
      const expected = this.#byTurn[turn];
      const described =
        expected !== undefined && stands(bytes, attributes.start, attributes.stop, expected.spelling)
          ? expected
          : this.#describe(bytes, attributes.start, attributes.stop);
      if (turn < maxTurns) this.#byTurn[turn] = described;
      turn += 1;
      attributes.expect(tags.set);
      const { place, options } = described;
      if (place < 0) {
        if (unasked < maxUnasked) record[described.unasked] = null;
        unasked += 1;
      } else if (attributes.stop > attributes.start && (starts[place]! < 0 || before(options, this.#options[place]!))) {
        starts[place] = attributes.start;
        this.#stops[place] = attributes.stop;
        this.#options[place] = options;
      }
      attributes.end = end;
      attributes.at = at;
    }
    const key = this.#key(bytes);
    // Only the root DSE is read without a key.
    let readable = key !== undefined || this.#keyPlace < 0;
    for (let place = 0; place < starts.length && readable; place += 1) {
      if (starts[place]! < 0 || place === this.#keyPlace || !this.#wanted[place]) continue;
      const value = this.#isAlike[place] ? this.#alikeValue(bytes, place) : this.#value(bytes, place);
      if (value === undefined) readable = false;
      else record[this.#fields[place]!] = value;
    }
    if (key !== undefined) record[this.#fields[this.#keyPlace]!] = key;
    return { key, record: readable ? record : undefined };
  }

  #restrictTo(only: ReadonlySet<string> | undefined): void {
    this.#onlyOf = only;
    this.#wanted = this.#fields.map((name) => only === undefined || only.has(name));
  }

  #describe(bytes: Buffer, start: number, stop: number): Described {
    const spelling = bytes.toString('latin1', start, Math.min(stop, start + 256));
    const seen = this.#described.get(spelling);
    if (seen) return seen;
    const [base = '', ...options] = spelling.split(';');
    const lower = base.toLowerCase();
    const described = {
      spelling: Buffer.from(spelling, 'latin1'),
      place: this.#places.get(lower) ?? -1,
      options: options
        .map((option) => option.toLowerCase())
        .filter((option) => !option.startsWith('range='))
        .sort()
        .join(';'),
      // A name that no schema documents may itself be somebody's: it is counted, not told.
      unasked: this.#known.get(lower) ?? 'other',
    };
    if (this.#described.size < 10_000) this.#described.set(spelling, described);
    return described;
  }

  #key(bytes: Buffer): string | undefined {
    const place = this.#keyPlace;
    const start = this.#starts[place] ?? -1;
    if (start < 0) return undefined;
    const value = new Reader(bytes, start, this.#stops[place]).expect(tags.octets);
    if (this.#binaryKey) return uuidFromGuid(bytes.subarray(value.start, value.stop));
    return value.stop - value.start > 64 ? undefined : canonicalUuid(value.text());
  }

  /** Decodes, sorts and hands on the same text once, not for every entry that says it. */
  #alikeValue(bytes: Buffer, place: number): SourceValue | undefined {
    const [start, stop] = [this.#starts[place]!, this.#stops[place]!];
    const before = this.#saidBefore[place];
    if (before && stands(bytes, start, stop, before.bytes)) return before.value;
    const value = this.#value(bytes, place);
    // A copy: where these bytes lie others will.
    if (value !== undefined && stop - start <= maxAlikeBytes)
      this.#saidBefore[place] = { bytes: Buffer.from(bytes.subarray(start, stop)), value };
    return value;
  }

  /** One value, or all of them sorted; undefined if any is unreadable. */
  #value(bytes: Buffer, place: number): SourceValue | undefined {
    const reader = new Reader(bytes, this.#starts[place], this.#stops[place]);
    const first = readText(reader, bytes);
    if (first === undefined || !reader.more) return first;
    const values = [first];
    while (reader.more) {
      const value = readText(reader, bytes);
      if (value === undefined || values.length === maxValues) return undefined;
      values.push(value);
    }
    values.sort(byCodePoint);
    return this.#wantsAll[place] ? values : values[0];
  }
}

/** Whether these bytes are what is expected. Bytes beyond the 256 that a spelling is cut to make it another. */
function stands(bytes: Buffer, start: number, stop: number, expected: Buffer): boolean {
  if (stop - start !== expected.length) return false;
  for (let n = 0; n < expected.length; n += 1) if (bytes[start + n] !== expected[n]) return false;
  return true;
}

/** The names of an entry's attributes, without options; for answers that hold no values (`typesOnly`). */
export function* attributeNames(message: Message): Generator<string> {
  const reader = new Reader(message.bytes, message.start, message.stop);
  reader.expect(tags.octets);
  const attributes = reader.expect(tags.sequence).inside();
  while (attributes.more) {
    const description = attributes.expect(tags.sequence).inside().expect(tags.octets).text();
    yield description.split(';', 1)[0]!;
  }
}

function readText(reader: Reader, bytes: Buffer): string | undefined {
  reader.expect(tags.octets);
  const { start, stop } = reader;
  if (stop - start > maxValueBytes) return undefined;
  const text = bytes.toString('utf8', start, stop);
  // Decoding puts U+FFFD where bytes are no UTF-8; it may also have been there already.
  return text.includes('\uFFFD') && !isUtf8(bytes.subarray(start, stop)) ? undefined : text;
}

/** Untagged first, then by code point. */
const before = (one: string, than: string): boolean => one < than;

/** UTF-8 sorts by code point; JavaScript's own order is by UTF-16 unit and differs beyond U+FFFF. */
function byCodePoint(one: string, two: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(two));
}
