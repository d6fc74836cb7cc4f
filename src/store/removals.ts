import type { StreamName } from '../model/model.ts';
import type { TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { sql } from './sql.ts';
import { type PassSeen, streamRows } from './stream-rows.ts';
import type { RemovalLimit } from './types.ts';

export const DEFAULT_LIMIT: RemovalLimit = { percent: 10, more_than: 5 };
const WINDOW_MS = 24 * 3_600_000;

/**
 * Rows of ours that a complete pass did not see: only what existed when it began and nothing has touched since,
 * and neither what a person said to keep nor what this run has staged already.
 */
export async function unseenRows(
  tx: Tx,
  context: TenantContext,
  connection: string,
  stream: StreamName,
  { run, ...pass }: PassSeen & { readonly run: string },
): Promise<string[]> {
  const { tenantId } = context;
  const decided = await tx.rows<{ row_id: string }>(sql`
    SELECT row_id FROM sluice.held
     WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND stream = ${stream} AND (rejected OR run_id = ${run})`);
  const kept = new Set(decided.map((row) => row.row_id));
  const rows = await streamRows[stream].unseen(tx, context, connection, pass);
  return rows.filter((id) => !kept.has(id));
}

/**
 * Rows that wait for removal, or were rejected, and are there after all: they leave the list.
 * @returns how many waited, by the run that held them
 */
export async function seenAgain(
  tx: Tx,
  { tenantId }: TenantContext,
  connection: string,
  stream: StreamName,
  rows: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const waited = await tx.rows<{ run_id: string; rows: number }>(sql`
    WITH off AS (
      DELETE FROM sluice.held
       WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND stream = ${stream}
         AND row_id = ANY(${rows}::uuid[])
      RETURNING run_id, rejected)
    SELECT run_id, count(*)::int AS rows FROM off WHERE NOT rejected GROUP BY run_id`);
  return new Map(waited.map(({ run_id, rows: many }) => [run_id, many]));
}

/**
 * Whether so many removals may be applied without asking: per stream over a rolling 24 h, against the number at its
 * start. More than `percent` and more than `more_than`, or more than half, waits for a person; so does everything
 * when a complete pass saw nothing where there was something.
 * @param fewAreFine no more than `more_than` never wait, though they be more than half
 */
export async function exceedsLimit(
  tx: Tx,
  context: TenantContext,
  connection: string,
  stream: StreamName,
  removing: number,
  limit: RemovalLimit,
  fewAreFine = false,
): Promise<boolean> {
  const { tenantId, clock } = context;
  const now = clock.now();
  const since = new Date(now.getTime() - WINDOW_MS);
  const [past] = await tx.rows<{ removed: number; at_start: number | null }>(sql`
    SELECT coalesce(sum(removed), 0)::int AS removed,
           (array_agg(rows_before ORDER BY at))[1] AS at_start
      FROM sluice.removal
     WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND stream = ${stream} AND at > ${since}`);
  const atStart = past!.at_start ?? (await streamRows[stream].count(tx, context, connection));
  const total = past!.removed + removing;
  if (fewAreFine && total <= limit.more_than) return false;
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
  const before = await streamRows[stream].count(tx, context, connection);
  const removed = await streamRows[stream].remove(tx, context, connection, rows);
  if (counted && removed > 0) {
    await tx.run(sql`
      INSERT INTO sluice.removal (tenant_id, connection_id, stream, run_id, at, rows_before, removed)
      VALUES (${tenantId}, ${connection}, ${stream}, ${run}, ${clock.now()}, ${before}, ${removed})
      ON CONFLICT (tenant_id, connection_id, stream, run_id, at) DO UPDATE SET removed = removal.removed + excluded.removed`);
  }
  await seenAgain(tx, context, connection, stream, rows);
  return removed;
}
