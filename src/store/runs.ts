import { Refused } from '../base/errors.ts';
import { isUuid, newId } from '../base/uuid.ts';
import type { StreamName } from '../model/model.ts';
import { emptyStreamReceipt, type Receipt, type RunStatus, type StreamReceipt } from '../model/receipt.ts';
import { inTenant, type TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { removeRows } from './removals.ts';
import { lockRules, rulesChanged } from './rules.ts';
import { sql } from './sql.ts';
import type { ListPage, RunStore } from './types.ts';

interface Row {
  id: string;
  connection: string;
  connection_id: string;
  status: RunStatus;
  started_at: Date;
  finished_at: Date | null;
  requests: number;
  bytes: number;
  streams: Partial<Record<StreamName, StreamReceipt>>;
  /** What is still on its list for a person, by stream. */
  waiting: Partial<Record<StreamName, number>>;
  failure: string | null;
  decided_by: string | null;
  decided_at: Date | null;
}

/** A run that ended otherwise than held says by no status whether its list still waits: the list itself tells. */
const countsOfList = ({ status }: Row): boolean => status === 'failed' || status === 'cancelled';

function receiptOf({ tenant }: TenantContext, row: Row): Receipt {
  return {
    run: row.id,
    connection: `${tenant}/${row.connection}`,
    status: row.status,
    started_at: row.started_at.toISOString(),
    finished_at: row.finished_at?.toISOString() ?? null,
    requests: row.requests,
    bytes: row.bytes,
    streams: Object.fromEntries(
      (Object.entries(row.streams) as [StreamName, StreamReceipt][]).map(([stream, counts]) => [
        stream,
        {
          ...emptyStreamReceipt(counts.mode),
          ...counts,
          ...(countsOfList(row) ? { held: row.waiting[stream] ?? 0 } : {}),
        },
      ]),
    ),
    ...(row.failure ? { error: row.failure } : {}),
    ...(row.decided_by ? { decided_by: row.decided_by } : {}),
    ...(row.decided_at ? { decided_at: row.decided_at.toISOString() } : {}),
  };
}

async function readRun(tx: Tx, context: TenantContext, id: string): Promise<Row> {
  const [row] = isUuid(id)
    ? await tx.rows<Row>(sql`
        SELECT r.*, c.name AS connection,
               (SELECT coalesce(jsonb_object_agg(w.stream, w.many), '{}')
                  FROM (SELECT stream, count(*) AS many FROM sluice.held
                         WHERE tenant_id = ${context.tenantId} AND run_id = r.id AND NOT rejected GROUP BY stream) w) AS waiting
          FROM sluice.run r
          JOIN registry.connection c ON c.tenant_id = r.tenant_id AND c.id = r.connection_id
         WHERE r.tenant_id = ${context.tenantId} AND r.id = ${id}`)
    : [];
  if (!row) throw new Refused('not-found', 'There is no such run.');
  return row;
}

/** A run that nobody has taken up after this long has lost its job. */
const JOB_PATIENCE_MS = 2 * 60_000;

/** What the store does with runs beyond telling of them. */
export interface RunDecisions {
  /** A run that a worker is to take up: it stands as running from now on. @throws Refused `already-running` */
  open(connectionId: string, trigger: string, within?: (tx: Tx, run: string) => Promise<void>): Promise<string>;
  /** Asks a run to stop; one that nobody works on stops here. */
  cancel(id: string): Promise<Receipt>;
  /**
   * Removes the staged set less what was seen again. A run that failed, or was cancelled, with a list of its own is decided
   * on like one that ended `held`, and keeps its status. @throws Refused `not-held`
   */
  approve(id: string, by: string): Promise<Receipt>;
  /** Keeps the staged set; its members are not asked about again until seen again. @throws Refused `not-held` */
  reject(id: string, by: string): Promise<Receipt>;
}

export function runStore(context: TenantContext): RunStore & RunDecisions {
  const { tenantId, clock } = context;

  const get = (id: string) => inTenant(context, async (tx) => receiptOf(context, await readRun(tx, context, id)));

  async function decide(
    id: string,
    by: string,
    status: 'succeeded' | 'rejected',
    act: (tx: Tx, row: Row) => Promise<void>,
  ) {
    return inTenant(context, async (tx) => {
      const before = await readRun(tx, context, id);
      // The lock order of every page: connection, rules, rows, feed head.
      await tx.run(sql`
        SELECT 1 FROM registry.connection WHERE tenant_id = ${tenantId} AND id = ${before.connection_id} FOR NO KEY UPDATE`);
      await lockRules(tx, tenantId, 'alone');
      const row = await readRun(tx, context, id);
      const waits = row.status !== 'running' && Object.keys(row.waiting).length > 0;
      if (row.status !== 'held' && !waits) {
        throw new Refused('not-held', `This run is ${row.status}: it holds nothing for a decision any more.`);
      }
      await act(tx, row);
      await tx.run(sql`
        UPDATE sluice.run SET status = ${row.status === 'held' ? status : row.status}, decided_by = ${by}, decided_at = ${clock.now()}, streams = ${JSON.stringify(row.streams)}::jsonb
         WHERE tenant_id = ${tenantId} AND id = ${id}`);
      await tx.run(sql`
        UPDATE registry.connection SET health = 'ok'
         WHERE tenant_id = ${tenantId} AND id = ${row.connection_id} AND health = 'held'
           AND NOT EXISTS (SELECT 1 FROM sluice.held h
                            WHERE h.tenant_id = ${tenantId} AND h.connection_id = ${row.connection_id} AND NOT h.rejected)`);
      return receiptOf(context, await readRun(tx, context, id));
    });
  }

  return {
    get,

    list: ({ connection, after, limit }): Promise<ListPage<Receipt>> =>
      inTenant(context, async (tx) => {
        // Newest first: UUIDv7 sorts by time.
        const rows = await tx.rows<Row>(sql`
          SELECT r.*, c.name AS connection,
                 (SELECT coalesce(jsonb_object_agg(w.stream, w.many), '{}')
                    FROM (SELECT stream, count(*) AS many FROM sluice.held
                           WHERE tenant_id = ${tenantId} AND run_id = r.id AND NOT rejected GROUP BY stream) w) AS waiting
            FROM sluice.run r
            JOIN registry.connection c ON c.tenant_id = r.tenant_id AND c.id = r.connection_id
           WHERE r.tenant_id = ${tenantId} AND (${connection ?? null}::text IS NULL OR c.name = ${connection ?? null})
             AND (${after ?? null}::uuid IS NULL OR r.id < ${after ?? null}::uuid)
           ORDER BY r.id DESC LIMIT ${limit + 1}`);
        const shown = rows.slice(0, limit);
        return {
          items: shown.map((row) => receiptOf(context, row)),
          next: rows.length > limit ? shown.at(-1)!.id : null,
        };
      }),

    open: (connectionId, trigger, within) =>
      inTenant(context, async (tx) => {
        const [lease] = await tx.rows<{ live: boolean }>(sql`
          SELECT coalesce(lease_until > now(), false) AS live FROM registry.connection
           WHERE tenant_id = ${tenantId} AND id = ${connectionId} FOR NO KEY UPDATE`);
        const [running] = await tx.rows<{ id: string; started_at: Date }>(sql`
          SELECT id, started_at FROM sluice.run WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId} AND status = 'running'`);
        const waiting = running && clock.now().getTime() - running.started_at.getTime() < JOB_PATIENCE_MS;
        if (running && (lease?.live || waiting)) {
          throw new Refused(
            'already-running',
            `This connection is being read already, by run ${running.id}; wait for it or cancel it.`,
          );
        }
        if (running) {
          // It lost its process before its end: whoever takes the job goes on with it.
          await within?.(tx, running.id);
          return running.id;
        }
        const id = newId();
        await tx.run(sql`
          INSERT INTO sluice.run (tenant_id, id, connection_id, status, trigger, started_at)
          VALUES (${tenantId}, ${id}, ${connectionId}, 'running', ${trigger}, ${clock.now()})`);
        await within?.(tx, id);
        return id;
      }),

    cancel: (id) =>
      inTenant(context, async (tx) => {
        const run = await readRun(tx, context, id);
        if (run.status !== 'running') return receiptOf(context, run);
        const [worked] = await tx.rows<{ on: boolean }>(sql`
          UPDATE registry.connection SET cancel_run = ${id}
           WHERE tenant_id = ${tenantId} AND id = ${run.connection_id}
          RETURNING coalesce(lease_run = ${id} AND lease_until > now(), false) AS on`);
        if (!worked?.on) {
          await tx.run(sql`
            UPDATE sluice.run SET status = 'cancelled', finished_at = ${clock.now()}
             WHERE tenant_id = ${tenantId} AND id = ${id} AND status = 'running'`);
          // Nobody is to go on with it.
          await tx.run(sql`
            UPDATE registry.connection SET lease_run = NULL
             WHERE tenant_id = ${tenantId} AND id = ${run.connection_id} AND lease_run = ${id}`);
        }
        return receiptOf(context, await readRun(tx, context, id));
      }),

    approve: (id, by) =>
      decide(id, by, 'succeeded', async (tx, row) => {
        let moved = false;
        const staged = await tx.rows<{ stream: StreamName; rows: string[] }>(sql`
          SELECT stream, array_agg(row_id::text ORDER BY row_id) AS rows FROM sluice.held
           WHERE tenant_id = ${tenantId} AND run_id = ${id} AND NOT rejected GROUP BY stream`);
        for (const { stream, rows } of staged) {
          // A person decided: it does not count against tomorrow's limit.
          const removed = await removeRows(tx, context, row.connection_id, stream, id, rows, false);
          const receipt = row.streams[stream];
          if (receipt) row.streams[stream] = { ...receipt, removed: receipt.removed + removed };
          moved ||= stream === 'users' && removed > 0;
        }
        // What an erasure or an opt-out took out of the set meanwhile waits no more either.
        for (const [stream, receipt] of Object.entries(row.streams) as [StreamName, StreamReceipt][])
          row.streams[stream] = { ...receipt, held: 0 };
        if (moved) await rulesChanged(tx, tenantId);
      }),

    reject: (id, by) =>
      decide(id, by, 'rejected', async (tx) => {
        await tx.run(sql`UPDATE sluice.held SET rejected = true WHERE tenant_id = ${tenantId} AND run_id = ${id}`);
      }),
  };
}
