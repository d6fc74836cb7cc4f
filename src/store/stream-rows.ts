import type { StreamName } from '../model/model.ts';
import type { TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { removeEvents } from './events.ts';
import { removeAssignments, removeLockers } from './lockers.ts';
import { removeContributions } from './remove-contributions.ts';
import { removeSpaces } from './spaces.ts';
import { type Sql, sql } from './sql.ts';
import { removeUserEvents } from './user-events.ts';

/** What a complete pass saw, and of what. */
export interface PassSeen {
  readonly startedAt: Date;
  readonly seen: readonly string[];
  readonly partition: string;
  /** The window of time that it covered; what lies outside it was not told of. */
  readonly within: { readonly from: Date; readonly to: Date } | undefined;
}

/** How the rows of one stream are counted, found and taken away; everything else about removals is the same for all. */
export interface StreamRows {
  /** How many there are now. */
  count(tx: Tx, context: TenantContext, connection: string): Promise<number>;
  /** What existed when the pass began, nothing has touched since, and the pass would have seen if it were there. */
  unseen(tx: Tx, context: TenantContext, connection: string, pass: PassSeen): Promise<string[]>;
  /** Of these source keys, as the partition tells them. */
  byKey(
    tx: Tx,
    context: TenantContext,
    connection: string,
    partition: string,
    keys: readonly string[],
  ): Promise<string[]>;
  /** @returns how many went */
  remove(tx: Tx, context: TenantContext, connection: string, rows: readonly string[]): Promise<number>;
}

async function ids(tx: Tx, statement: Sql): Promise<string[]> {
  return (await tx.rows<{ id: string }>(statement)).map(({ id }) => id);
}

async function number(tx: Tx, statement: Sql): Promise<number> {
  return (await tx.rows<{ n: number }>(statement))[0]!.n;
}

export const streamRows: Readonly<Record<StreamName, StreamRows>> = {
  users: {
    count: (tx, { tenantId }, connection) =>
      number(
        tx,
        sql`SELECT count(*)::int AS n FROM sluice.contribution WHERE tenant_id = ${tenantId} AND supplier = ${connection}`,
      ),
    unseen: (tx, { tenantId }, connection, { startedAt, seen }) =>
      ids(
        tx,
        sql`SELECT user_id AS id FROM sluice.contribution
             WHERE tenant_id = ${tenantId} AND supplier = ${connection} AND read_at < ${startedAt}
               AND NOT (user_id = ANY(${seen}::uuid[])) ORDER BY user_id`,
      ),
    // Users are named by binding, not by key: the gate has looked it up.
    byKey: async () => [],
    remove: removeContributions,
  },
  lockers: {
    count: (tx, { tenantId }, connection) =>
      number(
        tx,
        sql`SELECT count(*)::int AS n FROM sluice.locker WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND reported IS NOT NULL`,
      ),
    unseen: (tx, { tenantId }, connection, { seen }) =>
      ids(
        tx,
        sql`SELECT id FROM sluice.locker
             WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND reported IS NOT NULL
               AND NOT (id = ANY(${seen}::uuid[])) ORDER BY id`,
      ),
    byKey: (tx, { tenantId }, connection, _partition, keys) =>
      ids(
        tx,
        sql`SELECT DISTINCT one.id FROM unnest(${keys}::text[]) AS asked (key)
             CROSS JOIN LATERAL (
               SELECT id FROM sluice.locker
                WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND source_key = asked.key LIMIT 1) one`,
      ),
    remove: (tx, context, _connection, rows) => removeLockers(tx, context, rows, 'source-removed'),
  },
  // What strangers have of lockers is of the assignments.
  locker_assignments: {
    count: (tx, { tenantId }, connection) =>
      number(
        tx,
        sql`SELECT (SELECT count(*)::int FROM sluice.locker_assignment WHERE tenant_id = ${tenantId} AND connection_id = ${connection})
                   + (SELECT count(*)::int FROM sluice.locker WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND stranger) AS n`,
      ),
    unseen: (tx, { tenantId }, connection, { startedAt, seen }) =>
      ids(
        tx,
        sql`SELECT row_id AS id FROM sluice.locker_assignment
             WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND read_at < ${startedAt}
               AND NOT (row_id = ANY(${seen}::uuid[]))
            UNION ALL
            SELECT id FROM sluice.locker
             WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND stranger
               AND NOT (id = ANY(${seen}::uuid[])) ORDER BY id`,
      ),
    byKey: (tx, { tenantId }, connection, _partition, keys) =>
      ids(
        tx,
        sql`SELECT DISTINCT one.id FROM unnest(${keys}::text[]) AS asked (key)
             CROSS JOIN LATERAL (
               SELECT row_id AS id FROM sluice.locker_assignment
                WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND source_key = asked.key LIMIT 1) one`,
      ),
    remove: removeAssignments,
  },
  spaces: {
    count: (tx, { tenantId }, connection) =>
      number(
        tx,
        sql`SELECT count(*)::int AS n FROM sluice.space WHERE tenant_id = ${tenantId} AND connection_id = ${connection}`,
      ),
    unseen: (tx, { tenantId }, connection, { seen }) =>
      ids(
        tx,
        sql`SELECT id FROM sluice.space
             WHERE tenant_id = ${tenantId} AND connection_id = ${connection}
               AND NOT (id = ANY(${seen}::uuid[])) ORDER BY id`,
      ),
    byKey: (tx, { tenantId }, connection, _partition, keys) =>
      ids(
        tx,
        sql`SELECT DISTINCT one.id FROM unnest(${keys}::text[]) AS asked (key)
             CROSS JOIN LATERAL (
               SELECT id FROM sluice.space
                WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND source_key = asked.key LIMIT 1) one`,
      ),
    remove: (tx, context, _connection, rows) => removeSpaces(tx, context, rows, 'source-removed'),
  },
  events: {
    count: (tx, { tenantId }, connection) =>
      number(
        tx,
        sql`SELECT count(*)::int AS n FROM sluice.event WHERE tenant_id = ${tenantId} AND connection_id = ${connection}`,
      ),
    unseen: (tx, { tenantId }, connection, { seen, partition, within }) =>
      ids(
        tx,
        sql`SELECT id FROM sluice.event
             WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND partition = ${partition}
               AND (${within?.from ?? null}::timestamptz IS NULL OR ends_at > ${within?.from ?? null}::timestamptz)
               AND (${within?.to ?? null}::timestamptz IS NULL OR starts_at < ${within?.to ?? null}::timestamptz)
               AND NOT (id = ANY(${seen}::uuid[])) ORDER BY id`,
      ),
    byKey: (tx, { tenantId }, connection, partition, keys) =>
      ids(
        tx,
        sql`SELECT DISTINCT one.id FROM unnest(${keys}::text[]) AS asked (key)
             CROSS JOIN LATERAL (
               SELECT id FROM sluice.event
                WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND partition = ${partition}
                  AND source_key = asked.key LIMIT 1) one`,
      ),
    remove: (tx, context, _connection, rows) => removeEvents(tx, context, rows, 'source-removed'),
  },
  // Told user by user, each time as a whole: what is unseen of one is known where it is told.
  user_events: {
    count: (tx, { tenantId }, connection) =>
      number(
        tx,
        sql`SELECT count(*)::int AS n FROM sluice.user_event WHERE tenant_id = ${tenantId} AND connection_id = ${connection}`,
      ),
    unseen: async () => [],
    byKey: async () => [],
    remove: (tx, context, _connection, rows) => removeUserEvents(tx, context, rows, 'source-removed'),
  },
};
