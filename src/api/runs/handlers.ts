import { readIdCursor, writeCursor } from '../cursor.ts';
import { digestTag } from '../etag.ts';
import type { Answer, Call } from '../route.ts';
import type { RunsQuery } from './schema.ts';

export async function listRuns({ query, store }: Call<unknown, RunsQuery>): Promise<Answer> {
  const page = await store.runs.list({
    limit: query.limit,
    ...(query.connection === undefined ? {} : { connection: query.connection }),
    ...(query.cursor === undefined ? {} : { after: readIdCursor('runs', query.cursor) }),
  });
  const body = { items: page.items, next: page.next === null ? null : writeCursor('runs', page.next) };
  return { status: 200, body, etag: digestTag(body) };
}

export async function getRun({ params, store }: Call<{ id: string }>): Promise<Answer> {
  const body = await store.runs.get(params.id);
  return { status: 200, body, etag: digestTag(body) };
}

/** Removes what the run held, less what was seen again since. */
export async function approveRun({ params, store, caller, deps }: Call<{ id: string }>): Promise<Answer> {
  await store.runs.get(params.id);
  return { status: 200, body: await deps.sync.approve(store.tenantId, params.id, caller.key.name) };
}

export async function rejectRun({ params, store, caller, deps }: Call<{ id: string }>): Promise<Answer> {
  await store.runs.get(params.id);
  return { status: 200, body: await deps.sync.reject(store.tenantId, params.id, caller.key.name) };
}

export async function cancelRun({ params, store, deps }: Call<{ id: string }>): Promise<Answer> {
  await store.runs.get(params.id);
  return { status: 200, body: await deps.sync.cancel(store.tenantId, params.id) };
}
