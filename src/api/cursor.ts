import { isUuid } from '../base/uuid.ts';
import { Problem } from './problems.ts';

const FORM = /^1 ([a-z]+) (.+)$/s;

/**
 * An opaque place in a list: after which id to go on. The list's name is in it, so that a cursor of one list is not
 * taken by another. The change feed has its own, made by the store.
 */
export function writeCursor(list: string, after: string): string {
  return Buffer.from(`1 ${list} ${after}`, 'utf8').toString('base64url');
}

/** @throws Problem `bad-request` for a cursor that this list never gave */
export function readCursor(list: string, cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  const [, of, after] = FORM.exec(text) ?? [];
  // Written again and compared: base64 decoding skips what it does not know, and one place would have many cursors.
  if (of !== list || after === undefined || writeCursor(list, after) !== cursor) {
    throw foreignCursor();
  }
  return after;
}

/** The same for a list ordered by UUID: anything else would reach the database as a UUID and fail there. */
export function readIdCursor(list: string, cursor: string): string {
  const after = readCursor(list, cursor);
  if (!isUuid(after)) throw foreignCursor();
  return after;
}

function foreignCursor(): Problem {
  return new Problem('bad-request', 'The cursor is not one that this list gave; start again without a cursor.', {
    errors: [{ in: 'query', path: 'cursor', problem: 'is not a cursor of this list' }],
  });
}

/** Cuts one page out of a list that is small enough to be read whole; ordered by `idOf`. */
export function pageOf<T>(
  list: string,
  all: readonly T[],
  idOf: (item: T) => string,
  page: { cursor?: string | undefined; limit: number },
): { items: T[]; next: string | null } {
  const after = page.cursor === undefined ? undefined : readCursor(list, page.cursor);
  const ordered = [...all].sort((a, b) => compare(idOf(a), idOf(b)));
  const rest = after === undefined ? ordered : ordered.filter((item) => compare(idOf(item), after) > 0);
  const items = rest.slice(0, page.limit);
  const last = items.at(-1);
  return { items, next: rest.length > items.length && last ? writeCursor(list, idOf(last)) : null };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
