import { NeedsAttention } from '../../src/contract/index.ts';
import type { Message } from './ber.ts';
import type { Search } from './codec.ts';
import { codes, type Result, searchFailure } from './results.ts';
import type { Session } from './session.ts';

/** Empty pages in a row before we stop believing that the next one will not be. */
const maxEmptyPages = 1000;

/** A batch of entries, or the end of a page with the server's estimate of how many there are in all. */
export type Paged =
  | { readonly entries: Message[] }
  | { readonly endOfPage: true; readonly estimate: number | undefined };

/**
 * Every entry of a search, page by page (RFC 2696); ends only after the server said that there is no more. A page
 * may be empty and yet not be the last: only an empty cookie ends the reading.
 * @throws TryLater, NeedsAttention whenever anything at all may be missing
 */
export async function* pages(session: Session, search: Search, pageSize: number): AsyncGenerator<Paged> {
  const { client, vendor, place } = session;
  let cookie: Buffer = Buffer.alloc(0);
  let emptyPages = 0;
  for (let pageNumber = 1; ; pageNumber += 1) {
    const answer = client.search({ ...search, paged: { size: pageSize, cookie } });
    let entries = 0;
    let result: Result;
    for (;;) {
      const { done, value } = await answer.next();
      if (done) {
        result = value;
        break;
      }
      entries += value.length;
      yield { entries: value };
    }
    if (result.code !== codes.success)
      throw searchFailure(result, place, { sizeLimit: vendor.sizeLimitFix, read: vendor.readFix });
    // A server without paging answers everything at once; one that loses the thread midway has not told all.
    if (!result.paged && pageNumber > 1) throw lostThread(client.at);
    yield { endOfPage: true, estimate: result.paged?.estimate || undefined };
    cookie = result.paged?.cookie ?? Buffer.alloc(0);
    if (cookie.length === 0) return;
    emptyPages = entries === 0 ? emptyPages + 1 : 0;
    if (emptyPages >= maxEmptyPages) throw lostThread(client.at);
  }
}

const lostThread = (at: string): NeedsAttention =>
  new NeedsAttention(
    `${at} stopped answering in pages before it had told everything: check the server's log, and try a smaller \`page_size\`.`,
  );
