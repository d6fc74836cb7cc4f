import type { ApiKey } from '../../store/types.ts';
import { pageOf } from '../cursor.ts';
import { digestTag } from '../etag.ts';
import { notFoundSentence, Problem } from '../problems.ts';
import type { Answer, Call } from '../route.ts';
import type { ListQuery } from '../shapes.ts';
import type { NewKeyBody } from './schema.ts';

const view = ({ id, name, scopes, features, expires_at }: ApiKey) => ({ id, name, scopes, features, expires_at });

export async function listKeys({ query, store }: Call<unknown, ListQuery>): Promise<Answer> {
  const page = pageOf('keys', await store.keys.list(), ({ id }) => id, query);
  const body = { items: page.items.map(view), next: page.next };
  return { status: 200, body, etag: digestTag(body) };
}

export async function createKey({ body, store, deps }: Call<unknown, unknown, NewKeyBody>): Promise<Answer> {
  const expires = body.expires_at === null ? null : new Date(body.expires_at);
  if (expires && expires <= deps.clock.now()) {
    throw new Problem('bad-request', 'In the body: /expires_at is in the past.', {
      errors: [{ in: 'body', path: '/expires_at', problem: 'is in the past' }],
    });
  }
  const scopes = [...new Set(body.scopes)];
  const features = body.features === null ? null : [...new Set(body.features)];
  const { id, key } = await store.keys.create({ name: body.name, scopes, features, expires_at: expires });
  return {
    status: 201,
    body: { id, name: body.name, scopes, features, expires_at: expires?.toISOString() ?? null, key },
    location: `/admin/v1/keys/${id}`,
  };
}

export async function revokeKey({ params, store }: Call<{ id: string }>): Promise<Answer> {
  if (!(await store.keys.revoke(params.id))) throw new Problem('not-found', notFoundSentence);
  return { status: 204 };
}
