import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { HealthChange, HubTenantStore, Notify, Store } from '../store/index.ts';
import { expiryNotice, type Notice, type NoticeSender, nextAttempt, noticeFor, noticeOf } from '../webhooks/index.ts';
import type { JobQueue, Jobs } from './jobs.ts';

/** What is due when a run leaves its connection in another state; `undefined` if nothing is. */
export function noticeJob(
  tenantId: string,
  run: string,
  health: HealthChange,
  clock: Clock,
): Jobs['notice'] | undefined {
  // A connection that fails already is told of no more; what waits for a person is another matter.
  const kind = noticeOf(health.was, health.now) ?? (health.asks ? 'held' : undefined);
  if (!kind) return undefined;
  return {
    tenantId,
    run,
    kind,
    was: health.was,
    now: health.now,
    at: clock.now().toISOString(),
    since: health.since?.toISOString() ?? null,
    attempt: 1,
  };
}

/**
 * Tells a tenant's IT, and once more later those who could not be told. Without `jobs` (a command, not a hub) it is
 * one attempt: the notice also stands in the runs.
 */
export async function deliverNotice(
  deps: {
    store: Store;
    sender: (tenant: HubTenantStore) => NoticeSender;
    jobs?: JobQueue | undefined;
    clock: Clock;
    log: Log;
  },
  job: Jobs['notice'],
): Promise<void> {
  const tenant = await deps.store.tenant(job.tenantId);
  const live = await tenant.configuration.read();
  const places = (live?.configuration.notify ?? []).map((entry, place) => ({ entry, place }));
  const wanted = job.to ? places.filter(({ place }) => job.to?.includes(place)) : places;
  if (wanted.length === 0) return;
  const notice = await noticeOfJob(tenant, job);
  const sender = deps.sender(tenant);
  try {
    const outcomes = await sender.send(
      notice,
      wanted.map(({ entry }): Notify => entry),
    );
    const failed = wanted.filter((_, index) => outcomes[index]?.outcome === 'failed');
    for (const outcome of outcomes) {
      deps.log.event(outcome.outcome === 'sent' ? 'info' : 'warn', {
        event: 'notice',
        tenant: tenant.tenant,
        connection: `${notice.tenant}/${notice.connection}`,
        kind: job.kind,
        outcome: `${outcome.channel}: ${outcome.outcome}${outcome.sentence ? `; ${outcome.sentence}` : ''}`,
      });
    }
    const asked = outcomes.flatMap(({ retryAt }) => retryAt ?? []);
    const notBefore = asked.sort((a, b) => b.getTime() - a.getTime())[0];
    const after = nextAttempt(job.attempt, deps.clock.now(), notBefore ? { notBefore } : {});
    if (failed.length === 0 || !after || !deps.jobs) return;
    await deps.jobs.send(
      'notice',
      { ...job, to: failed.map(({ place }) => place), attempt: job.attempt + 1 },
      { after },
    );
  } finally {
    await sender.close();
  }
}

async function noticeOfJob(tenant: HubTenantStore, job: Jobs['notice']): Promise<Notice> {
  const at = new Date(job.at);
  if (job.kind === 'expiring') {
    const { connection, connector, setting, expires_at, days_left } = job;
    const expiring = { tenant: tenant.tenant, connection, connector, setting, expires_at: new Date(expires_at) };
    return expiryNotice(expiring, days_left, at);
  }
  const { kind, was, now, since } = job;
  const receipt = await tenant.runs.get(job.run);
  return noticeFor({ kind, was, now, receipt, at, since: since ? new Date(since) : undefined });
}
