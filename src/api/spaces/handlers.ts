import { readIdCursor, writeCursor } from '../cursor.ts';
import { digestTag } from '../etag.ts';
import { requireFeature } from '../features.ts';
import type { Answer, Call } from '../route.ts';
import type { ListQuery } from '../shapes.ts';
import { spaceView } from './view.ts';

export async function listSpaces({ query, store, caller }: Call<unknown, ListQuery>): Promise<Answer> {
  requireFeature(caller, 'room-booking');
  const after = query.cursor === undefined ? undefined : readIdCursor('spaces', query.cursor);
  const page = await store.spaces.list({ after, limit: query.limit });
  return {
    status: 200,
    body: {
      items: page.items.map(spaceView),
      next: page.next === null ? null : writeCursor('spaces', page.next),
    },
    etag: digestTag([page.next, page.items.map(({ id, version, parent }) => [id, version, parent])]),
  };
}
