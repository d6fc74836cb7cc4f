import type { StreamName } from '../model/model.ts';
import type { TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import type { FeedEntry } from './feed.ts';
import { releaseLockersOf, removeAssignments, removeLockers, setLockerVersions } from './lockers.ts';
import { loadPeople, savePeople } from './people.ts';
import { sql } from './sql.ts';
import type { RemovalLimit } from './types.ts';

export const DEFAULT_LIMIT: RemovalLimit = { percent: 10, more_than: 5 };
const WINDOW_MS = 24 * 3_600_000;

/** How many rows of a stream the connection has now; what strangers have of lockers is of the assignments. */
export async function countRows(
  tx: Tx,
  { tenantId }: TenantContext,
  connection: string,
  stream: StreamName,
): Promise<number> {
  const [row] = await tx.rows<{ n: number }>(
    stream === 'users'
      ? sql`SELECT count(*)::int AS n FROM sluice.contribution WHERE tenant_id = ${tenantId} AND supplier = ${connection}`
      : stream === 'lockers'
        ? sql`SELECT count(*)::int AS n FROM sluice.locker WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND reported IS NOT NULL`
        : sql`SELECT (SELECT count(*)::int FROM sluice.locker_assignment WHERE tenant_id = ${tenantId} AND connection_id = ${connection})
                     + (SELECT count(*)::int FROM sluice.locker WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND stranger) AS n`,
  );
  return row!.n;
}

/**
 * Rows of ours that a complete pass did not see: only what existed when it began and nothing has touched since,
 * and neither what a person said to keep nor what this run has staged already.
 */
export async function unseenRows(
  tx: Tx,
  { tenantId }: TenantContext,
  connection: string,
  stream: StreamName,
  startedAt: Date,
  seen: readonly string[],
  run: string,
): Promise<string[]> {
  const decided = await tx.rows<{ row_id: string }>(sql`
    SELECT row_id FROM sluice.held
     WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND stream = ${stream} AND (rejected OR run_id = ${run})`);
  const kept = new Set(decided.map((row) => row.row_id));
  const rows = await tx.rows<{ id: string }>(
    stream === 'users'
      ? sql`SELECT user_id AS id FROM sluice.contribution
             WHERE tenant_id = ${tenantId} AND supplier = ${connection} AND read_at < ${startedAt}
               AND NOT (user_id = ANY(${seen}::uuid[])) ORDER BY user_id`
      : stream === 'lockers'
        ? sql`SELECT id FROM sluice.locker
               WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND reported IS NOT NULL
                 AND NOT (id = ANY(${seen}::uuid[])) ORDER BY id`
        : sql`SELECT row_id AS id FROM sluice.locker_assignment
               WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND read_at < ${startedAt}
                 AND NOT (row_id = ANY(${seen}::uuid[]))
              UNION ALL
              SELECT id FROM sluice.locker
               WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND stranger
                 AND NOT (id = ANY(${seen}::uuid[])) ORDER BY id`,
  );
  return rows.map(({ id }) => id).filter((id) => !kept.has(id));
}

/** Our rows of these source keys; streams of users are named by binding, not by key. */
export async function rowsByKey(
  tx: Tx,
  { tenantId }: TenantContext,
  connection: string,
  stream: StreamName,
  keys: readonly string[],
): Promise<string[]> {
  if (keys.length === 0 || stream === 'users') return [];
  const rows = await tx.rows<{ id: string }>(
    stream === 'lockers'
      ? sql`SELECT id FROM sluice.locker
             WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND source_key = ANY(${keys}::text[])`
      : sql`SELECT row_id AS id FROM sluice.locker_assignment
             WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND source_key = ANY(${keys}::text[])`,
  );
  return rows.map(({ id }) => id);
}

/** Rows that wait for removal, or were rejected, and are there after all: they leave the list. */
export const seenAgain = (
  tx: Tx,
  { tenantId }: TenantContext,
  connection: string,
  stream: StreamName,
  rows: readonly string[],
): Promise<number> =>
  tx.run(sql`
    DELETE FROM sluice.held
     WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND stream = ${stream}
       AND row_id = ANY(${rows}::uuid[])`);

/**
 * Whether so many removals may be applied without asking: per stream over a rolling 24 h, against the number at its
 * start. More than `percent` and more than `more_than`, or more than half, waits for a person; so does everything
 * when a complete pass saw nothing where there was something.
 */
export async function exceedsLimit(
  tx: Tx,
  context: TenantContext,
  connection: string,
  stream: StreamName,
  removing: number,
  limit: RemovalLimit,
): Promise<boolean> {
  const { tenantId, clock } = context;
  const now = clock.now();
  const since = new Date(now.getTime() - WINDOW_MS);
  const [past] = await tx.rows<{ removed: number; at_start: number | null }>(sql`
    SELECT coalesce(sum(removed), 0)::int AS removed,
           (array_agg(rows_before ORDER BY at))[1] AS at_start
      FROM sluice.removal
     WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND stream = ${stream} AND at > ${since}`);
  const atStart = past!.at_start ?? (await countRows(tx, context, connection, stream));
  const total = past!.removed + removing;
  return (total > limit.more_than && total * 100 > atStart * limit.percent) || total * 2 > atStart;
}

/** Takes rows away and notes how many for the limit. @returns how many went */
export async function removeRows(
  tx: Tx,
  context: TenantContext,
  connection: string,
  stream: StreamName,
  run: string,
  rows: readonly string[],
  counted = true,
): Promise<number> {
  if (rows.length === 0) return 0;
  const { tenantId, clock } = context;
  const before = await countRows(tx, context, connection, stream);
  const removed =
    stream === 'users'
      ? await removeContributions(tx, context, connection, rows)
      : stream === 'lockers'
        ? await removeLockers(tx, context, rows, 'source-removed')
        : await removeAssignments(tx, context, connection, rows);
  if (counted && removed > 0) {
    await tx.run(sql`
      INSERT INTO sluice.removal (tenant_id, connection_id, stream, run_id, at, rows_before, removed)
      VALUES (${tenantId}, ${connection}, ${stream}, ${run}, ${clock.now()}, ${before}, ${removed})
      ON CONFLICT (tenant_id, connection_id, stream, run_id, at) DO UPDATE SET removed = removal.removed + excluded.removed`);
  }
  await seenAgain(tx, context, connection, stream, rows);
  return removed;
}

/**
 * The directory no longer knows these users. Whoever no directory vouches for any more has left: attributes, match
 * values and opt-ins go now, name, e-mail and binding when the grace is over. Needs the rules held alone.
 */
export async function removeContributions(
  tx: Tx,
  context: TenantContext,
  connection: string,
  users: readonly string[],
): Promise<number> {
  const { tenantId } = context;
  const people = await loadPeople(tx, context, users);
  const leavers: string[] = [];
  const stayers: string[] = [];
  let removed = 0;
  for (const person of people.values()) {
    if (!person.unsay(connection)) continue;
    removed++;
    if (person.hasDirectory) stayers.push(person.id);
    else {
      person.leaving = true;
      leavers.push(person.id);
    }
  }
  await tx.run(sql`DELETE FROM sluice.opt_in WHERE tenant_id = ${tenantId} AND user_id = ANY(${leavers}::uuid[])`);
  // A leaver's binding stays through the grace, so that the same entry brings back the same user.
  await tx.run(sql`
    DELETE FROM sluice.binding
     WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND user_id = ANY(${stayers}::uuid[])`);
  const lockers = await releaseLockersOf(tx, context, leavers);
  const saved = await savePeople(
    tx,
    context,
    people.values(),
    lockers.map((id): FeedEntry => ({ kind: 'locker', id })),
  );
  await setLockerVersions(tx, context, lockers, saved.extraVersions);
  return removed;
}
