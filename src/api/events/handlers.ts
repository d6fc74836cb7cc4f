import { readIdCursor, writeCursor } from '../cursor.ts';
import { digestTag } from '../etag.ts';
import { requireFeature } from '../features.ts';
import type { Answer, Call } from '../route.ts';
import { requireSpaces } from '../spaces/known.ts';
import type { EventsQuery } from './schema.ts';
import { eventView } from './view.ts';

export async function listEvents({ query, store, caller }: Call<unknown, EventsQuery>): Promise<Answer> {
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
