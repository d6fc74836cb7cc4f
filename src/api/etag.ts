import { createHash } from 'node:crypto';

/** The ETag of one entity: the feed number of its last change. */
export const versionTag = (version: number): string => `"${version}"`;

/**
 * The ETag of an answer that names no person, or of a list of ids and versions. Not for personal content: an
 * unkeyed digest of a name can be matched by whoever guesses names.
 */
export function digestTag(impersonal: unknown): string {
  return `"${createHash('sha256').update(JSON.stringify(impersonal)).digest('base64url').slice(0, 27)}"`;
}

/** If-None-Match (RFC 9110 13.1.2), which compares weakly. */
export function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  const bare = (tag: string) => tag.trim().replace(/^W\//, '');
  return ifNoneMatch.trim() === '*' || ifNoneMatch.split(',').some((tag) => bare(tag) === bare(etag));
}
