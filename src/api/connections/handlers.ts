import { Refused, TryLater } from '../../base/errors.ts';
import type { PreviewRequest, SyncService } from '../../sync/types.ts';
import { pageOf } from '../cursor.ts';
import { digestTag } from '../etag.ts';
import type { Answer, Call } from '../route.ts';
import type { ListQuery } from '../shapes.ts';
import type { ConnectionParams, PreviewBody, RunRequestBody } from './schema.ts';

type CheckReport = Awaited<ReturnType<SyncService['check']>>;

export async function listConnections({ query, store }: Call<unknown, ListQuery>): Promise<Answer> {
  const body = pageOf('connections', await store.connections.list(), ({ name }) => name, query);
  return { status: 200, body, etag: digestTag(body) };
}

export async function getConnection({ params, store }: Call<ConnectionParams>): Promise<Answer> {
  const body = await store.connections.get(params.name);
  return { status: 200, body, etag: digestTag(body) };
}

export async function checkConnection({ params, store, deps }: Call<ConnectionParams>): Promise<Answer> {
  await store.connections.get(params.name);
  const { findings } = await deps.sync.check(store.tenantId, params.name);
  const failed = (finding: CheckReport['findings'][number]) =>
    finding.outcome === 'failed' || finding.outcome === 'too-little';
  return { status: 200, body: { passed: !findings.some(failed), findings } };
}

export async function previewConnection(call: Call<ConnectionParams, unknown, PreviewBody>): Promise<Answer> {
  const { params, body, store, deps } = call;
  await store.connections.get(params.name);
  const request: PreviewRequest = {
    ...(body.user === undefined ? {} : { user: body.user }),
    ...(body.as_user === undefined ? {} : { asUser: body.as_user }),
    ...(body.limit === undefined ? {} : { limit: body.limit }),
  };
  return { status: 200, body: await deps.sync.preview(store.tenantId, params.name, request) };
}

export async function pauseConnection({ params, store }: Call<ConnectionParams>): Promise<Answer> {
  return { status: 200, body: await store.connections.setPaused(params.name, true) };
}

/**
 * Resuming what was paused wants a run at once, so that tenant IT sees at once whether it works. It is resumed
 * whether or not the run can be asked for: its schedule brings one too.
 */
export async function resumeConnection(call: Call<ConnectionParams>): Promise<Answer> {
  const { params, store, deps, report } = call;
  const before = await store.connections.get(params.name);
  const after = await store.connections.setPaused(params.name, false);
  if (before.paused) {
    const wanted = { tenantId: store.tenantId, connection: params.name, trigger: 'resume' } as const;
    await deps.sync.request(wanted).catch((error: unknown) => {
      // Already read, or to be left alone for now: then `not_before` in the answer says until when.
      const leftAlone = error instanceof TryLater && error.notBefore !== undefined;
      if (!leftAlone && !(error instanceof Refused && error.kind === 'already-running')) report(error);
    });
  }
  return { status: 200, body: after };
}

export async function startRun(call: Call<ConnectionParams, unknown, RunRequestBody>): Promise<Answer> {
  const { params, body, store, deps } = call;
  await store.connections.get(params.name);
  const { run } = await deps.sync.request({
    tenantId: store.tenantId,
    connection: params.name,
    trigger: 'manual',
    ...(body.mode === undefined ? {} : { mode: body.mode }),
  });
  return { status: 202, body: { run }, location: `/admin/v1/runs/${run}` };
}
