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
 * may be empty and yet not be the last: only an empty cookie ends the reading. The next page is asked for as soon as
 * this one is all there, so that the server looks for it while its reader is busy with this one.
 * @throws TryLater, NeedsAttention whenever anything at all may be missing
 */
export async function* pages(session: Session, search: Search, pageSize: number): AsyncGenerator<Paged> {
  const { client } = session;
  const ask = (cookie: Buffer) => client.search({ ...search, paged: { size: pageSize, cookie } });
  let emptyPages = 0;
  let asked: ReturnType<typeof ask> | undefined = ask(Buffer.alloc(0));
  for (let pageNumber = 1; asked !== undefined; pageNumber += 1) {
    let pageIsEmpty = true;
    let ended = false;
    let next: ReturnType<typeof ask> | undefined;
    let estimate: number | undefined;
    let refused: { readonly error: unknown } | undefined;
    for await (const { entries, result } of asked) {
      if (entries.length > 0) pageIsEmpty = false;
      let wrong: Error | undefined;
      if (result) {
        ended = true;
        emptyPages = pageIsEmpty ? emptyPages + 1 : 0;
        wrong = whatIsWrong(session, result, pageNumber, emptyPages);
        estimate = result.paged?.estimate || undefined;
        if (!wrong && result.paged?.cookie.length) {
          try {
            next = ask(result.paged.cookie);
          } catch (error) {
            refused = { error }; // this page is all there, and told first
          }
        }
      }
      if (entries.length > 0) yield { entries };
      if (wrong) throw wrong;
    }
    // Without the server's word that the page is over there is no last page, and nothing may follow from its end.
    if (!ended) throw new Error('A search ended without its result.');
    yield { endOfPage: true, estimate };
    if (refused) throw refused.error;
    asked = next;
  }
}

function whatIsWrong(
  { client, vendor, place }: Session,
  result: Result,
  pageNumber: number,
  emptyPages: number,
): Error | undefined {
  if (result.code !== codes.success)
    return searchFailure(result, place, { sizeLimit: vendor.sizeLimitFix, read: vendor.readFix });
  // A server without paging answers everything at once; one that loses the thread midway has not told all.
  if (!result.paged && pageNumber > 1) return lostThread(client.at);
  return emptyPages >= maxEmptyPages && result.paged?.cookie.length ? lostThread(client.at) : undefined;
}

const lostThread = (at: string): NeedsAttention =>
  new NeedsAttention(
    `${at} stopped answering in pages before it had told everything: check the server's log, and try a smaller \`page_size\`.`,
  );
