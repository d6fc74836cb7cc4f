import { Refused } from '../base/errors.ts';
import { newId } from '../base/uuid.ts';
import type { StreamName } from '../model/model.ts';
import type { RunStatus, StreamReceipt } from '../model/receipt.ts';
import { inTenant, type TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { leaveAlone } from './left-alone.ts';
import { sql } from './sql.ts';
import type { Health } from './types.ts';

/** How long a run may be silent before another may take over; database clock. */
const LEASE_SECONDS = 60;

/** One run's right to write for its connection: whoever holds an older epoch writes nothing more. */
export interface Lease {
  readonly connectionId: string;
  readonly connection: string;
  readonly epoch: number;
  readonly run: string;
  /** The run was begun by a process that is no more, and goes on here. */
  readonly resumed: boolean;
  /** Runs of this connection that failed one after the other before it. */
  readonly failures: number;
  readonly startedAt: Date;
  readonly trigger: string;
  readonly streams: Partial<Record<StreamName, StreamReceipt>>;
  readonly requests: number;
  readonly bytes: number;
}

/** The lease was taken over: this process must stop writing at once. */
export class LostLease extends Error {}

/** @throws Refused `already-running` (with the run's id in the sentence) or `not-found` */
export async function acquireLease(
  context: TenantContext,
  connectionId: string,
  wanted: { trigger: string; run?: string },
): Promise<Lease> {
  const { tenantId, clock } = context;
  return inTenant(context, async (tx) => {
    const [taken] = await tx.rows<{ epoch: number; name: string; failures: number }>(sql`
      UPDATE registry.connection
         SET lease_epoch = lease_epoch + 1, lease_until = now() + make_interval(secs => ${LEASE_SECONDS})
       WHERE tenant_id = ${tenantId} AND id = ${connectionId} AND (lease_until IS NULL OR lease_until < now())
      RETURNING lease_epoch AS epoch, name, failures`);
    if (!taken) {
      const [held] = await tx.rows<{ run: string }>(sql`
        SELECT lease_run AS run FROM registry.connection WHERE tenant_id = ${tenantId} AND id = ${connectionId}`);
      if (!held) throw new Refused('not-found', 'There is no such connection.');
      throw new Refused(
        'already-running',
        `This connection is being read already, by run ${held.run}; wait for it or cancel it.`,
      );
    }
    const run = await runFor(tx, context, connectionId, wanted);
    await tx.run(sql`
      UPDATE registry.connection SET lease_run = ${run.id}
       WHERE tenant_id = ${tenantId} AND id = ${connectionId}`);
    return {
      connectionId,
      connection: taken.name,
      epoch: taken.epoch,
      run: run.id,
      resumed: run.resumed,
      failures: taken.failures,
      startedAt: run.started_at ?? clock.now(),
      trigger: run.trigger,
      streams: run.streams,
      requests: run.requests,
      bytes: run.bytes,
    };
  });
}

interface RunRow {
  id: string;
  started_at: Date;
  trigger: string;
  streams: Partial<Record<StreamName, StreamReceipt>>;
  requests: number;
  bytes: number;
}

// A run that is still `running` though nobody holds its lease lost its process: it goes on here, under its own id.
async function runFor(
  tx: Tx,
  { tenantId, clock }: TenantContext,
  connectionId: string,
  wanted: { trigger: string; run?: string },
): Promise<RunRow & { resumed: boolean }> {
  const [orphan] = await tx.rows<RunRow>(sql`
    SELECT id, started_at, trigger, streams, requests, bytes FROM sluice.run
     WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId} AND status = 'running' ORDER BY id LIMIT 1`);
  if (wanted.run && orphan?.id !== wanted.run) {
    throw new Refused('conflict', 'This run has ended already; there is nothing to go on with.');
  }
  if (orphan) return { ...orphan, resumed: true };
  const fresh: RunRow = {
    id: wanted.run ?? newId(),
    started_at: clock.now(),
    trigger: wanted.trigger,
    streams: {},
    requests: 0,
    bytes: 0,
  };
  await tx.run(sql`
    INSERT INTO sluice.run (tenant_id, id, connection_id, status, trigger, started_at)
    VALUES (${tenantId}, ${fresh.id}, ${connectionId}, 'running', ${fresh.trigger}, ${fresh.started_at})`);
  return { ...fresh, resumed: false };
}

/**
 * The fence: first statement of every transaction of a run, and its heartbeat.
 * @throws LostLease
 */
export async function holdLease(tx: Tx, tenantId: string, lease: Lease): Promise<{ cancelled: boolean }> {
  const [row] = await tx.rows<{ cancelled: boolean }>(sql`
    UPDATE registry.connection SET lease_until = now() + make_interval(secs => ${LEASE_SECONDS})
     WHERE tenant_id = ${tenantId} AND id = ${lease.connectionId} AND lease_epoch = ${lease.epoch}
    RETURNING cancel_run = ${lease.run} AS cancelled`);
  if (!row) throw new LostLease('Another process took this run over.');
  return { cancelled: row.cancelled === true };
}

export interface RunEnd {
  readonly status: RunStatus;
  readonly failure: string | null;
  readonly requests: number;
  readonly bytes: number;
  /** The source asked to be left alone until then: nothing is asked of it before, and a schedule goes on at that instant. */
  readonly notBefore?: Date | undefined;
}

export interface HealthChange {
  readonly was: Health;
  readonly now: Health;
  /** Since when it had been failing before. */
  readonly since: Date | null;
  /** It failed, and holds removals besides, where the run before it left none: nobody has been told that they wait. */
  readonly asks: boolean;
}

/** Each reading of everything holds the same anew, so what the run before it held is no news. */
async function asksAnew(tx: Tx, tenantId: string, { connectionId, run }: Lease): Promise<boolean> {
  const [found] = await tx.rows<{ asks: boolean }>(sql`
    SELECT EXISTS (SELECT 1 FROM sluice.held WHERE tenant_id = ${tenantId} AND run_id = ${run} AND NOT rejected)
           AND NOT EXISTS (
             SELECT 1 FROM (SELECT streams, decided_at FROM sluice.run
                             WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId} AND id < ${run} AND trigger <> 'push'
                             ORDER BY id DESC LIMIT 1) AS before, jsonb_each(before.streams) AS told (stream, counts)
              WHERE before.decided_at IS NULL AND (told.counts ->> 'held')::bigint > 0) AS asks`);
  return found!.asks;
}

/** Before a run that a source sent away goes on: many name an instant that is past, or the next second, each time. */
const SOONEST_MS = 15_000;

/**
 * Ends the run and gives the lease back, with what the connection's health is from now on. What is due to be
 * told of it is enqueued by `within`, in the same transaction.
 */
export async function endRun(
  context: TenantContext,
  lease: Lease,
  end: RunEnd,
  within?: (tx: Tx, health: HealthChange) => Promise<void>,
): Promise<HealthChange> {
  const { tenantId, clock } = context;
  return inTenant(context, async (tx) => {
    await holdLease(tx, tenantId, lease);
    const soonest = new Date(clock.now().getTime() + SOONEST_MS);
    const resume = end.notBefore ? await leaveAlone(tx, context, lease.connectionId, end.notBefore) : null;
    // The pages' own commits keep the account: what the caller remembers may lack one whose answer was lost.
    const ended = await tx.run(sql`
      UPDATE sluice.run
         SET status = ${end.status}, finished_at = ${clock.now()}, failure = ${end.failure},
             requests = ${end.requests}, bytes = ${end.bytes}
       WHERE tenant_id = ${tenantId} AND id = ${lease.run} AND status = 'running'`);
    const [before] = await tx.rows<{ health: Health; failing_since: Date | null }>(sql`
      SELECT health, failing_since FROM registry.connection WHERE tenant_id = ${tenantId} AND id = ${lease.connectionId}`);
    if (ended === 0) {
      // It has ended before, though the caller did not hear of it, or was cancelled: that stands.
      await tx.run(sql`
        UPDATE registry.connection SET lease_until = NULL, lease_run = NULL
         WHERE tenant_id = ${tenantId} AND id = ${lease.connectionId}`);
      return { was: before!.health, now: before!.health, since: before!.failing_since, asks: false };
    }
    // A run by notification read a part: whether the connection is well, only a reading of everything can say.
    const unjudged = end.status === 'cancelled' || lease.trigger === 'push';
    const failed = end.status === 'failed' && !unjudged;
    const now: Health = failed
      ? 'failing'
      : end.status === 'held'
        ? 'held'
        : end.status === 'succeeded' && !unjudged
          ? 'ok'
          : before!.health;
    await tx.run(sql`
      UPDATE registry.connection
         SET health = ${now}, lease_until = NULL, lease_run = NULL, cancel_run = NULL,
             -- A wish for a full run that was made meanwhile does not wait for the next slot.
             next_due_at = CASE WHEN ${resume}::timestamptz IS NOT NULL AND NOT paused AND schedule IS NOT NULL
                                THEN greatest(${resume}::timestamptz, ${soonest}::timestamptz)
                                WHEN ${now === 'ok'} AND NOT paused AND schedule IS NOT NULL AND full_wanted > full_done
                                THEN least(next_due_at, ${clock.now()}::timestamptz) ELSE next_due_at END,
             failing_since = CASE WHEN ${failed} THEN coalesce(failing_since, ${clock.now()}::timestamptz)
                                  WHEN ${unjudged} THEN failing_since END,
             failures = CASE WHEN ${failed} THEN failures + 1 WHEN ${unjudged} THEN failures ELSE 0 END,
             failure = CASE WHEN ${unjudged} THEN failure ELSE ${end.failure} END
       WHERE tenant_id = ${tenantId} AND id = ${lease.connectionId}`);
    const asks = end.status === 'failed' && (await asksAnew(tx, tenantId, lease));
    const health = { was: before!.health, now, since: before!.failing_since, asks };
    await within?.(tx, health);
    return health;
  });
}

/** Gives the lease back without ending the run: the next holder goes on with it (graceful stop). */
export async function yieldLease(context: TenantContext, lease: Lease): Promise<void> {
  await inTenant(context, (tx) =>
    tx.run(sql`
      UPDATE registry.connection SET lease_until = NULL
       WHERE tenant_id = ${context.tenantId} AND id = ${lease.connectionId} AND lease_epoch = ${lease.epoch}`),
  );
}
