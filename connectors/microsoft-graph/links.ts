import { NeedsAttention } from '../../src/contract/index.ts';

/** Far longer than any that Graph sends; a state holds at most 64 KiB. */
const LONGEST_LINK = 48 * 1024;

const elsewhere = () =>
  new NeedsAttention(
    'Microsoft Graph answers with a link to another server than graph_url; it was not followed: set graph_url to the address at which your cloud answers.',
  );

/**
 * A nextLink or deltaLink as path and query, for the host that tenant IT configured. It is a server's word: followed to
 * another host it would carry the token there.
 * @throws NeedsAttention it leads elsewhere
 */
export function pinned(link: string, origin: string): string {
  const parsed = URL.parse(link);
  if (parsed?.origin !== origin || !isOurs(link.slice(origin.length))) throw elsewhere();
  // Cut, not rebuilt: the tokens are opaque, and a parser's idea of escaping is not theirs.
  return link.slice(origin.length);
}

/**
 * The same link as a request inside a batch names it: after the version.
 * @throws NeedsAttention it is none; `/v1.0//host/` would name another server
 */
export function inBatch(link: string): string {
  if (isOurs(link) && /^\/v1\.0\/\w/.test(link)) return link.slice('/v1.0'.length);
  throw elsewhere();
}

/** Whether a kept link may be followed: what comes out of a state was somebody's word, too. */
export function isOurs(link: unknown): link is string {
  return typeof link === 'string' && link.length <= LONGEST_LINK && /^\/v1\.0\/[\x21-\x7e]+$/.test(link);
}
