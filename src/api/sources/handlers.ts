import { pageOf } from '../cursor.ts';
import { digestTag } from '../etag.ts';
import type { Answer, Call } from '../route.ts';
import type { ListQuery } from '../shapes.ts';

export async function listSources({ query, store }: Call<unknown, ListQuery>): Promise<Answer> {
  const all = await store.connections.sources();
  const body = pageOf('sources', all, (source) => `${source.connection}/${source.stream}`, query);
  return { status: 200, body, etag: digestTag(body) };
}
