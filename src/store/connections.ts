import { Refused } from '../base/errors.ts';
import type { StreamName } from '../model/model.ts';
import { inTenant, type TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { sql } from './sql.ts';
import type { ConnectionStatus, ConnectionStore, Health, SourceStatus } from './types.ts';

interface Row {
  id: string;
  name: string;
  connector: string;
  paused: boolean;
  schedule: string | null;
  full_schedule: string | null;
  next_due_at: Date | null;
  health: Health;
  failing_since: Date | null;
  failure: string | null;
  running: string | null;
}

const statusOf = (row: Row): ConnectionStatus => ({
  id: row.id,
  name: row.name,
  connector: row.connector,
  paused: row.paused,
  schedule: row.schedule,
  full: row.full_schedule,
  next_due_at: row.next_due_at?.toISOString() ?? null,
  health: row.health,
  failing_since: row.failing_since?.toISOString() ?? null,
  failure: row.failure,
  running: row.running,
});

// Late: a slot passed a quarter of an hour ago and nobody has read.
const LATE_MS = 15 * 60_000;

export function connectionStore(context: TenantContext): ConnectionStore {
  const { tenantId, clock } = context;

  const read = (tx: Tx, name: string | null) =>
    tx.rows<Row>(sql`
      SELECT c.id, c.name, c.connector, c.paused, c.schedule, c.full_schedule, c.next_due_at, c.health, c.failing_since,
             c.failure, CASE WHEN c.lease_until > now() THEN c.lease_run END AS running
        FROM registry.connection c
       WHERE c.tenant_id = ${tenantId} AND (${name}::text IS NULL OR c.name = ${name}) ORDER BY c.name`);

  async function one(tx: Tx, name: string): Promise<ConnectionStatus> {
    const [row] = await read(tx, name);
    if (!row) throw new Refused('not-found', 'There is no such connection.');
    return statusOf(row);
  }

  return {
    list: () => inTenant(context, async (tx) => (await read(tx, null)).map(statusOf)),
    get: (name) => inTenant(context, (tx) => one(tx, name)),

    setPaused: (name, paused) =>
      inTenant(context, async (tx) => {
        await tx.run(sql`
          UPDATE registry.connection
             SET paused = ${paused},
                 next_due_at = CASE WHEN ${paused} THEN NULL WHEN schedule IS NOT NULL THEN ${clock.now()}::timestamptz END
           WHERE tenant_id = ${tenantId} AND name = ${name} AND paused <> ${paused}`);
        return one(tx, name);
      }),

    sources: () =>
      inTenant(context, async (tx) => {
        const rows = await tx.rows<Row & { stream: StreamName; first: Date | null; last: Date | null }>(sql`
          SELECT c.name, c.paused, c.health, c.next_due_at, p.stream,
                 CASE WHEN bool_and(p.first_complete_at IS NOT NULL) THEN max(p.first_complete_at) END AS first,
                 CASE WHEN bool_and(p.last_complete_at IS NOT NULL) THEN min(p.last_complete_at) END AS last
            FROM registry.connection c
            LEFT JOIN sluice.partition p ON p.tenant_id = ${tenantId} AND p.connection_id = c.id
           WHERE c.tenant_id = ${tenantId}
           GROUP BY c.name, c.paused, c.health, c.next_due_at, p.stream ORDER BY c.name, p.stream`);
        return rows.map((row): SourceStatus => {
          const late = row.next_due_at !== null && clock.now().getTime() - row.next_due_at.getTime() > LATE_MS;
          return {
            connection: row.name,
            stream: row.stream ?? 'users',
            first_complete_at: row.first?.toISOString() ?? null,
            last_success_at: row.last?.toISOString() ?? null,
            status: row.paused ? 'paused' : row.health === 'ok' ? (late ? 'late' : 'ok') : row.health,
          };
        });
      }),
  };
}
