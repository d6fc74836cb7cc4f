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

/** A page is closed by its connector, or here when it grows past these bounds. */
const MOST_RECORDS = 2_000;

/**
 * Cuts a connector's items into pages. A reading that ends without `complete` ends without: nothing follows from
 * what it did not tell.
 */
export async function* readPages(items: AsyncIterable<Item>, now: () => Date): AsyncGenerator<ReadPage> {
  const iterator = items[Symbol.asyncIterator]();
  try {
    for (;;) {
      await faultPoint('fetch.before');
      const page = await nextPage(iterator, now());
      await faultPoint('fetch.after');
      if (page) yield page;
      if (!page || page.end) return;
    }
  } finally {
    // The connector's own `finally` closes what it opened, also when the run ends here.
    await iterator.return?.(undefined);
  }
}

async function nextPage(iterator: AsyncIterator<Item>, readAt: Date): Promise<ReadPage | undefined> {
  const items: Item[] = [];
  let records = 0;
  for (;;) {
    const next = await iterator.next();
    if (next.done) return items.length > 0 ? { items, readAt, state: undefined, total: undefined, end: undefined } : undefined;
    const item = next.value;
    if (item.item === 'page') return { items, readAt, state: item.state, total: item.total, end: undefined };
    if (item.item === 'complete') return { items, readAt, state: undefined, total: undefined, end: item };
    items.push(item);
    records += item.item === 'records' || item.item === 'whole' ? item.records.length : 1;
    if (records >= MOST_RECORDS) return { items, readAt, state: undefined, total: undefined, end: undefined };
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
