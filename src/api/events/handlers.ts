import { readIdCursor, writeCursor } from '../cursor.ts';
import { digestTag } from '../etag.ts';
import { requireFeature } from '../features.ts';
import { Problem } from '../problems.ts';
import type { Answer, Call } from '../route.ts';
import { requireSpaces } from '../spaces/known.ts';
import { listUserEvents } from './of-user.ts';
import type { EventsQuery } from './schema.ts';
import { eventView } from './view.ts';

export async function listEvents(call: Call<unknown, EventsQuery>): Promise<Answer> {
  const { query, store, caller } = call;
  if (query.user !== undefined && query.space !== undefined)
    throw new Problem('bad-request', 'Ask by `space` or by `user`, not by both.');
  if (query.user !== undefined) return listUserEvents(call, query.user);
  requireFeature(caller, 'room-booking');
  await requireSpaces(store, query.space ?? []);
  const after = query.cursor === undefined ? undefined : readIdCursor('events', query.cursor);
  const page = await store.events.list({
    spaces: query.space,
    from: query.from,
    to: query.to,
    after,
    limit: query.limit,
  });
  const items = page.items.map((one) => eventView(one, caller));
  return {
    status: 200,
    body: { items, next: page.next === null ? null : writeCursor('events', page.next) },
    etag: digestTag([page.next, items.map(({ id, version, space, organizer }) => [id, version, space, organizer])]),
  };
}
