import { readIdCursor, writeCursor } from '../cursor.ts';
import { digestTag, versionTag } from '../etag.ts';
import { notFoundSentence, Problem } from '../problems.ts';
import type { Answer, Call } from '../route.ts';
import type { ListQuery } from '../shapes.ts';
import { userView } from './view.ts';

export async function listUsers({ query, store, caller }: Call<unknown, ListQuery>): Promise<Answer> {
  const after = query.cursor === undefined ? undefined : readIdCursor('users', query.cursor);
  const page = await store.users.list({ after, limit: query.limit });
  return {
    status: 200,
    body: {
      items: page.items.map((user) => userView(user, caller)),
      next: page.next === null ? null : writeCursor('users', page.next),
    },
    // Features decide what is shown and can go off before a version moves, so they are part of it.
    etag: digestTag([caller.key.features, page.next, page.items.map(shape)]),
  };
}

const shape = (user: { id: string; version: number; fields: object }) => [
  user.id,
  user.version,
  Object.keys(user.fields).length,
];

export async function getUser({ params, store, caller }: Call<{ id: string }>): Promise<Answer> {
  const user = await store.users.get(params.id);
  if (!user) throw new Problem('not-found', notFoundSentence);
  return { status: 200, body: userView(user, caller), etag: versionTag(user.version) };
}

/** At once, key first; what another connection reads later brings nobody back. */
export async function eraseUser({ params, store }: Call<{ id: string }>): Promise<Answer> {
  if (!(await store.users.erase(params.id))) throw new Problem('not-found', notFoundSentence);
  return { status: 204 };
}
