import { faultPoint } from '../base/faults.ts';
import type { Item, State } from '../contract/record.ts';

/** What is read between two commits. */
export interface ReadPage {
  readonly items: readonly Item[];
  /** The instant before the source was asked for it. */
  readonly readAt: Date;
  readonly state: State | undefined;
  readonly total: number | undefined;
  /** The connector said that everything was told. */
  readonly end: Extract<Item, { item: 'complete' }> | undefined;
}

/** A page is closed by its connector, or here when it grows past this. */
const MOST_RECORDS = 5_000;
/** Pages whose state is worth nothing are joined for no longer than this, so that work is kept as it comes in. */
const JOINED_FOR_MS = 1_000;

export interface Cutting {
  now(): Date;
  /**
   * The source's pages carry no state that outlives a connection, so nothing is lost by committing several together:
   * a transaction costs as much for five thousand strangers as for one thousand.
   */
  readonly join: boolean;
}

/**
 * Cuts a connector's items into pages. A reading that ends without `complete` ends without: nothing follows from
 * what it did not tell.
 */
export async function* readPages(items: AsyncIterable<Item>, cutting: Cutting): AsyncGenerator<ReadPage> {
  const iterator = items[Symbol.asyncIterator]();
  try {
    for (;;) {
      await faultPoint('fetch.before');
      const page = await nextPage(iterator, cutting);
      await faultPoint('fetch.after');
      if (page) yield page;
      if (!page || page.end) return;
    }
  } finally {
    // The connector's own `finally` closes what it opened, also when the run ends here.
    await iterator.return?.(undefined);
  }
}

async function nextPage(iterator: AsyncIterator<Item>, { now, join }: Cutting): Promise<ReadPage | undefined> {
  const readAt = now();
  const items: Item[] = [];
  let records = 0;
  let total: number | undefined;
  const cut = (state?: State): ReadPage => ({ items, readAt, state, total, end: undefined });
  for (;;) {
    const next = await iterator.next();
    if (next.done) return items.length > 0 ? cut() : undefined;
    const item = next.value;
    if (item.item === 'complete') return { ...cut(), end: item };
    if (item.item === 'page') {
      total = item.total ?? total;
      if (!join || records >= MOST_RECORDS || now().getTime() - readAt.getTime() >= JOINED_FOR_MS)
        return cut(item.state);
      continue;
    }
    items.push(item);
    records += item.item === 'records' || item.item === 'whole' ? item.records.length : 1;
    if (records >= MOST_RECORDS) return cut();
  }
}

/**
 * Reads one page ahead while the last one is being applied: the source and the database work side by side, and no
 * more than two pages are in memory.
 */
export async function* oneAhead<T>(pages: AsyncGenerator<T>): AsyncGenerator<T> {
  let ahead = pages.next();
  // Awaited below; a rejection meanwhile must not count as unhandled.
  ahead.catch(() => {});
  try {
    for (;;) {
      const page = await ahead;
      if (page.done) return;
      ahead = pages.next();
      ahead.catch(() => {});
      yield page.value;
    }
  } finally {
    await ahead.catch(() => {});
    await pages.return(undefined);
  }
}
