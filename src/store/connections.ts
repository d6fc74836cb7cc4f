import { Refused } from '../base/errors.ts';
import type { StreamName } from '../model/model.ts';
import { inTenant, type TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { settleQuiet } from './quiet.ts';
import { replacementOf } from './replacement.ts';
import { sql } from './sql.ts';
import type { ConnectionStatus, ConnectionStore, Health, LiveConfiguration, SourceStatus } from './types.ts';

interface Row {
  id: string;
  name: string;
  connector: string;
  directory: string;
  paused: boolean;
  schedule: string | null;
  full_schedule: string | null;
  next_due_at: Date | null;
  not_before: Date | null;
  health: Health;
  failing_since: Date | null;
  failure: string | null;
  notifications_failure: string | null;
  running: string | null;
}

/** As a person and a program want it: when it is due in fact, and a wait that is over is none. */
const statusOf = (row: Row, now: Date): ConnectionStatus => ({
  id: row.id,
  name: row.name,
  connector: row.connector,
  directory: row.directory,
  paused: row.paused,
  schedule: row.schedule,
  full: row.full_schedule,
  next_due_at: dueInFact(row)?.toISOString() ?? null,
  not_before: waitOf(row, now),
  health: row.health,
  failing_since: row.failing_since?.toISOString() ?? null,
  failure: row.failure,
  notifications_failure: row.notifications_failure,
  running: row.running,
});

const dueInFact = ({ next_due_at: due, not_before: wait }: Row): Date | null =>
  due && wait && wait > due ? wait : due;

const waitOf = ({ not_before: wait }: Row, now: Date): string | null =>
  wait && wait > now ? wait.toISOString() : null;

// Late: a slot passed a quarter of an hour ago and nobody has read.
const LATE_MS = 15 * 60_000;

/** What all partitions of a stream have in common. */
interface ReadStream {
  readonly name: string;
  readonly stream: StreamName;
  readonly first: Date | null;
  readonly last: Date | null;
  readonly covers_from: Date | null;
  readonly covers_to: Date | null;
}

export function connectionStore(
  context: TenantContext,
  configured: (tx: Tx) => Promise<LiveConfiguration | undefined>,
): ConnectionStore {
  const { tenantId, clock } = context;

  const everyOne = (tx: Tx, name: string | null) =>
    tx.rows<Row>(sql`
      SELECT c.id, c.name, c.connector, c.directory, c.paused, c.schedule, c.full_schedule, c.next_due_at, c.not_before, c.health,
             c.failing_since, c.failure, c.notifications_failure, CASE WHEN c.lease_until > now() THEN c.lease_run END AS running
        FROM registry.connection c
       WHERE c.tenant_id = ${tenantId} AND (${name}::text IS NULL OR c.name = ${name}) ORDER BY c.name`);

  async function one(tx: Tx, name: string): Promise<ConnectionStatus> {
    const [row] = await everyOne(tx, name);
    if (!row) throw new Refused('not-found', 'There is no such connection.');
    return statusOf(row, clock.now());
  }

  return {
    list: () => inTenant(context, async (tx) => (await everyOne(tx, null)).map((row) => statusOf(row, clock.now()))),
    get: (name) => inTenant(context, (tx) => one(tx, name)),

    setPaused: (name, paused) =>
      inTenant(context, async (tx) => {
        await tx.run(sql`
          UPDATE registry.connection
             SET paused = ${paused},
                 next_due_at = CASE WHEN ${paused} THEN NULL WHEN schedule IS NOT NULL THEN ${clock.now()}::timestamptz END
           WHERE tenant_id = ${tenantId} AND name = ${name} AND paused <> ${paused}`);
        await settleQuiet(tx, context);
        return one(tx, name);
      }),

    replacement: (old, by) => inTenant(context, (tx) => replacementOf(tx, context, { old, by })),

    sources: () =>
      inTenant(context, async (tx) => {
        const live = await configured(tx);
        const read = await tx.rows<ReadStream>(sql`
          SELECT c.name, p.stream,
                 CASE WHEN bool_and(p.first_complete_at IS NOT NULL) THEN max(p.first_complete_at) END AS first,
                 CASE WHEN bool_and(p.last_complete_at IS NOT NULL) THEN min(p.last_complete_at) END AS last,
                 CASE WHEN bool_and(p.covers_from IS NOT NULL) THEN max(p.covers_from) END AS covers_from,
                 CASE WHEN bool_and(p.covers_to IS NOT NULL) THEN min(p.covers_to) END AS covers_to
            FROM sluice.partition p JOIN registry.connection c ON c.tenant_id = p.tenant_id AND c.id = p.connection_id
           WHERE p.tenant_id = ${tenantId} GROUP BY c.name, p.stream`);
        const connections = await everyOne(tx, null);
        return connections.flatMap((row) => {
          const told = live?.configuration.connections.find(({ name }) => name === row.name)?.streams ?? {};
          const theirs = read.filter(({ name }) => name === row.name);
          const streams = new Set([...(Object.keys(told) as StreamName[]), ...theirs.map(({ stream }) => stream)]);
          return [...streams].sort().map((stream): SourceStatus => {
            const done = theirs.find((one) => one.stream === stream);
            const late = row.next_due_at !== null && clock.now().getTime() - row.next_due_at.getTime() > LATE_MS;
            const health = row.health === 'ok' && late ? 'late' : row.health;
            return {
              connection: row.name,
              stream,
              first_complete_at: done?.first?.toISOString() ?? null,
              last_success_at: done?.last?.toISOString() ?? null,
              covers:
                done?.covers_from && done.covers_to
                  ? { from: done.covers_from.toISOString(), to: done.covers_to.toISOString() }
                  : null,
              status: row.paused ? 'paused' : done ? health : health === 'ok' ? 'never' : health,
              not_before: waitOf(row, clock.now()),
            };
          });
        });
      }),
  };
}
