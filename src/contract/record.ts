/**
 * One thing as the source tells it. Binary values are the connector's to decode (an objectGUID arrives here as a
 * canonical UUID string); everything else stays as told.
 */
export type SourceScalar = string | number | boolean | null;
export type SourceValue = SourceScalar | readonly SourceScalar[];
export type SourceRecord = Readonly<Record<string, SourceValue | undefined>>;

/** Where a partition's next reading starts; opaque to all but its connector. JSON, at most 64 KiB. */
export type State = { readonly [key: string]: SourceValue | State };

/** The part of a partition that a reading covered, for sources that know windows of time. */
export interface Window {
  readonly from: Date;
  readonly to: Date;
}

/**
 * Thrown by a reading whose state is worth nothing any more: an expired token, a window that has moved on. The hub reads
 * this partition from its beginning, in the same run, and keeps what it has until that reading is complete.
 */
export class StartOver extends Error {
  override readonly name = 'StartOver';
}

/** What an encoded record says; one that cannot be read has no `record`, and its key if at least that can be read. */
export interface Decoded {
  readonly key: string | undefined;
  readonly record: SourceRecord | undefined;
}

/**
 * Decodes the record with this number, from 0.
 * @param fields only these are looked at now; of a stranger the hub never asks for more. Without it: all that was asked for
 */
export type Decode = (number: number, fields?: ReadonlySet<string>) => Decoded;

export type Item =
  /** Records, complete: an absent field has no value. */
  | { readonly item: 'records'; readonly records: readonly SourceRecord[] }
  /** Records as they came off the wire: they are decoded when they are looked at, and not held before or after. */
  | {
      readonly item: 'encoded';
      readonly count: number;
      readonly decode: Decode;
      readonly release: (() => void) | undefined;
    }
  /** A record in which an absent field means unchanged. */
  | { readonly item: 'partial'; readonly record: SourceRecord }
  /** The source says that this record is no more. */
  | { readonly item: 'gone'; readonly key: string }
  /** A group re-sent as a whole: what it no longer holds is gone. */
  | { readonly item: 'whole'; readonly group: string; readonly records: readonly SourceRecord[] }
  /** One record that cannot be read: counted `invalid`, its text goes nowhere. With a key, its row counts as seen. */
  | { readonly item: 'skip'; readonly key: string | undefined }
  /** Ends a page; the state, if any, is kept in the same transaction as the page's records. */
  | { readonly item: 'page'; readonly state: State | undefined; readonly total: number | undefined }
  /** Everything of this partition (in the window) was told; `state` starts the next incremental reading. */
  | { readonly item: 'complete'; readonly within: Window | undefined; readonly state: State | undefined };

export const record = (one: SourceRecord): Item => ({ item: 'records', records: [one] });
/** Several at once: cheaper for sources that answer in pages. */
export const records = (many: readonly SourceRecord[]): Item => ({ item: 'records', records: many });
/**
 * Several still encoded: the cheapest, for sources of very many records of which few are kept. `decode` is called when
 * the hub looks at one, for a user's more than once, and perhaps after the reading ended.
 * @param release called once their page is applied: they are not looked at again, and their memory may be used anew
 */
export const encoded = (count: number, decode: Decode, release?: () => void): Item => ({
  item: 'encoded',
  count,
  decode,
  release,
});
export const partial = (one: SourceRecord): Item => ({ item: 'partial', record: one });
export const gone = (key: string): Item => ({ item: 'gone', key });
export const whole = (group: string, members: readonly SourceRecord[]): Item => ({
  item: 'whole',
  group,
  records: members,
});
export const skip = (key?: string): Item => ({ item: 'skip', key });
/** The same, with nothing left encoded. */
export function* decoded(item: Item): Generator<Exclude<Item, { readonly item: 'encoded' }>> {
  if (item.item !== 'encoded') return yield item;
  for (let number = 0; number < item.count; number++) {
    const { key, record: told } = item.decode(number);
    yield told ? { item: 'records', records: [told] } : { item: 'skip', key };
  }
}
/** @param total how many records the whole partition holds, if the source tells; only for showing progress */
export const page = (state?: State, total?: number): Item => ({ item: 'page', state, total });
export const complete = (end: { within?: Window; state?: State } = {}): Item => ({
  item: 'complete',
  within: end.within,
  state: end.state,
});
