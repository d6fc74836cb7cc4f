import type { z } from 'zod';
import type { UserEvent } from '../../store/types.ts';
import { readIdCursor, writeCursor } from '../cursor.ts';
import { digestTag } from '../etag.ts';
import { requireFeature } from '../features.ts';
import { notFoundSentence, Problem } from '../problems.ts';
import type { Answer, Call } from '../route.ts';
import type { EventsQuery } from './schema.ts';
import type { userEvent } from './user-schema.ts';

/** When one user is busy, and how much of the time asked about is known at all: what is not covered is not free. */
export async function listUserEvents(
  { query, store, caller }: Call<unknown, EventsQuery>,
  user: string,
): Promise<Answer> {
  requireFeature(caller, 'hybrid-meetings');
  const known = await store.users.get(user);
  if (!known) throw new Problem('not-found', notFoundSentence);
  if (!known.opt_ins.includes('hybrid-meetings'))
    throw new Problem(
      'no-opt-in',
      'This user has not switched hybrid-meetings on: nothing is asked or kept about them.',
    );
  // Before the list: what is read in between may be told without being covered yet, and never the other way round.
  const { as_of, covers } = await store.userCalendars.known(user);
  const page = await store.userCalendars.list({
    user,
    from: query.from,
    to: query.to,
    after: query.cursor === undefined ? undefined : readIdCursor('events', query.cursor),
    limit: query.limit,
  });
  const items = page.items.map(userEventView);
  return {
    status: 200,
    body: { items, next: page.next === null ? null : writeCursor('events', page.next), as_of, covers },
    etag: digestTag([page.next, as_of, covers, items.map(({ id, version, spaces }) => [id, version, spaces])]),
  };
}

export const userEventView = (from: UserEvent): z.infer<typeof userEvent> => {
  const { id, user, starts_at, ends_at, time_zone, all_day, show_as, spaces, version } = from;
  return { id, user, starts_at, ends_at, time_zone, all_day, show_as, spaces: [...spaces], version };
};
