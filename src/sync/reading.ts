import { setImmediate } from 'node:timers/promises';
import { faultPoint } from '../base/faults.ts';
import type { Item, State } from '../contract/record.ts';

/** What is read between two commits. */
export interface ReadPage<J> {
  /** As told: for judging the page again, should the rules have moved. */
  readonly items: readonly Item[];
  /** What became of them, item by item as they came. */
  readonly judging: J;
  /** An instant before the source was asked for any of it. */
  readonly readAt: Date;
  readonly state: State | undefined;
  readonly total: number | undefined;
  /** The connector said that everything was told. */
  readonly end: Extract<Item, { item: 'complete' }> | undefined;
}

/** A page is closed by its connector, or here when it grows past this. */
const MOST_RECORDS = 10_000;
/** Pages whose state is worth nothing are joined for no longer than this, so that work is kept as it comes in. */
const JOINED_FOR_MS = 1_000;
/** Judged in one go; then the source's next bytes are taken in, lest it wait for us. */
const BREATH_RECORDS = 200;

export interface Cutting<J> {
  now(): Date;
  /**
   * The source's pages carry no state that outlives a connection, so nothing is lost by committing several together:
   * a transaction costs as much for ten thousand strangers as for one thousand.
   */
  readonly join: boolean;
  /** The connector asks for its next page before it has told the last of this one. */
  readonly asksAhead: boolean;
  /** Called when a page begins; where pages are joined, the one before it may still be on its way into the database. */
  begin(): J;
}

/**
 * Cuts a connector's items into pages, and has each item judged as it comes: a stranger's record is gone before the
 * next one is looked at. A reading that ends without `complete` ends without: nothing follows from what it did not
 * tell. While a page is being applied the next one is read, one page at most; where pages are joined it is
 * judged as well, and the one after it is read.
 */
export async function* readPages<J extends { take(item: Item): void }>(
  items: AsyncIterable<Item>,
  cutting: Cutting<J>,
): AsyncGenerator<ReadPage<J>> {
  const ahead = new Ahead(items[Symbol.asyncIterator](), cutting);
  let coming: Promise<ReadPage<J> | undefined> | undefined;
  try {
    for (;;) {
      const page = await (coming ?? nextPage(ahead, cutting));
      coming = undefined;
      if (page && !page.end && cutting.join) {
        coming = nextPage(ahead, cutting);
        coming.catch(() => {}); // it is told when it is its turn, after this page
      }
      if (page) yield page;
      if (!page || page.end) return;
    }
  } finally {
    await ahead.close();
    await coming?.catch(() => {});
  }
}

async function nextPage<J extends { take(item: Item): void }>(
  ahead: Ahead,
  { now, join, begin }: Cutting<J>,
): Promise<ReadPage<J> | undefined> {
  const begun = now().getTime();
  const judging = begin();
  const items: Item[] = [];
  let readAt: Date | undefined;
  let records = 0;
  let breathAt = BREATH_RECORDS;
  let total: number | undefined;
  const cut = (state?: State): ReadPage<J> => ({ items, judging, readAt: readAt!, state, total, end: undefined });
  for (;;) {
    const told = await ahead.next();
    if (!told) return items.length > 0 ? cut() : undefined;
    const { item } = told;
    if (readAt === undefined) await faultPoint('gate.before');
    readAt ??= told.readAt;
    if (item.item === 'complete') return { ...cut(), end: item };
    if (item.item === 'page') {
      total = item.total ?? total;
      if (!join || records >= MOST_RECORDS || now().getTime() - begun >= JOINED_FOR_MS) return cut(item.state);
      continue;
    }
    items.push(item);
    records += recordsIn(item);
    judging.take(item);
    if (records >= MOST_RECORDS) return cut();
    if (records < breathAt) continue;
    await setImmediate();
    breathAt = records + BREATH_RECORDS;
  }
}

function recordsIn(item: Item): number {
  if (item.item === 'encoded') return item.count;
  return item.item === 'records' || item.item === 'whole' ? item.records.length : 1;
}

interface Told {
  readonly item: Item;
  readonly readAt: Date;
}

/**
 * Reads ahead of whoever takes the items, so that the source and the database work side by side: to the end of the
 * page that comes next, or as many records as a page may have, and no further.
 */
class Ahead {
  readonly #iterator: AsyncIterator<Item>;
  readonly #cutting: Omit<Cutting<unknown>, 'begin'>;
  readonly #told: Told[] = [];
  #records = 0;
  #pageEnds = 0;
  /** The source ended, by itself or with an error. */
  #over: { readonly error?: unknown } | undefined;
  #closed = false;
  /** Wakes who waits: the taker for an item, or the reader for room. */
  #wakeTaker: (() => void) | undefined;
  #wakeReader: (() => void) | undefined;
  readonly #reading: Promise<void>;

  constructor(iterator: AsyncIterator<Item>, cutting: Omit<Cutting<unknown>, 'begin'>) {
    this.#iterator = iterator;
    this.#cutting = cutting;
    this.#reading = this.#read();
  }

  /** The next item, undefined after the last or once closed. @throws what the connector threw, once all before it is taken */
  async next(): Promise<Told | undefined> {
    while (this.#told.length === 0) {
      if (this.#closed) return undefined;
      if (this.#over) {
        if ('error' in this.#over) throw this.#over.error;
        return undefined;
      }
      await new Promise<void>((resolve) => {
        this.#wakeTaker = resolve;
      });
    }
    const told = this.#told.shift()!;
    this.#records -= recordsIn(told.item);
    if (told.item.item === 'page') this.#pageEnds--;
    this.#wakeReader?.();
    return told;
  }

  /**
   * Lets the item under way arrive; then the connector's own `finally` closes what it opened. Should that fail, the
   * reading has ended as it has ended.
   */
  async close(): Promise<void> {
    this.#closed = true;
    this.#wakeReader?.();
    this.#wakeTaker?.();
    await this.#reading;
  }

  async #read(): Promise<void> {
    try {
      await this.#readAll();
      this.#over = {};
    } catch (error) {
      this.#over = { error };
    }
    this.#wakeTaker?.();
  }

  async #readAll(): Promise<void> {
    // Of a page that was asked for ahead no more is known than that it was asked for after the one before began.
    let before: Date | undefined;
    let asked: Date | undefined;
    try {
      while (!this.#closed) {
        if (!asked) await faultPoint('fetch.before');
        asked ??= this.#cutting.now();
        const { done, value: item } = await this.#iterator.next();
        if (done) return;
        const endsPage = item.item === 'page' || item.item === 'complete';
        if (endsPage) await faultPoint('fetch.after');
        this.#told.push({ item, readAt: before ?? asked });
        this.#records += recordsIn(item);
        if (endsPage) {
          this.#pageEnds++;
          if (this.#cutting.asksAhead) before = asked;
          asked = undefined;
        }
        this.#wakeTaker?.();
        // After the last item the connector keeps what it holds until its page is applied: by that it may bound how many
        // of its readings are in memory at a time.
        while (!this.#closed && (item.item === 'complete' || this.#isFull())) {
          await new Promise<void>((resolve) => {
            this.#wakeReader = resolve;
          });
        }
      }
    } finally {
      await this.#iterator.return?.(undefined);
    }
  }

  #isFull(): boolean {
    return this.#records >= MOST_RECORDS || (!this.#cutting.join && this.#pageEnds > 0);
  }
}
