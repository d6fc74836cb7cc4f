import type { Window } from '../contract/record.ts';
import type { StreamReceipt } from '../model/receipt.ts';
import type { TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import type { Pass } from './pass.ts';
import { DEFAULT_LIMIT, exceedsLimit, removeRows, seenAgain, unseenRows } from './removals.ts';
import { sql } from './sql.ts';
import type { RemovalLimit } from './types.ts';

/** After a complete full pass: what it did not see goes, or waits for a person. @returns whether users may have left */
export async function sweep(
  tx: Tx,
  context: TenantContext,
  pass: Pass,
  receipt: StreamReceipt,
  lastPage: ReadonlySet<string>,
  limit: RemovalLimit | undefined,
  within: Window | undefined,
): Promise<boolean> {
  const connection = pass.lease.connectionId;
  const seen = [...pass.seen, ...lastPage];
  const { run } = pass.lease;
  await supersede(tx, context, pass);
  const { startedAt, partition } = pass;
  const unseen = await unseenRows(tx, context, connection, pass.stream, { run, startedAt, seen, partition, within });
  // A reading that saw nothing of ours is believed by a person or not at all; but of many calendars one may well be empty.
  return takeAway(
    tx,
    context,
    pass,
    receipt,
    unseen,
    limit,
    seen.length === 0 && partition === '' ? 'always' : 'by-limit',
  );
}

/** A newer pass knows better than what an older one had staged. */
export async function supersede(tx: Tx, { tenantId }: TenantContext, { lease, stream }: Pass): Promise<void> {
  const { connectionId: connection, run } = lease;
  await tx.run(sql`
    DELETE FROM sluice.held
     WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND stream = ${stream} AND NOT rejected
       AND run_id <> ${run}`);
  await tx.run(sql`
    UPDATE sluice.run SET status = 'superseded'
     WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND status = 'held' AND id <> ${run}
       AND NOT EXISTS (SELECT 1 FROM sluice.held h WHERE h.tenant_id = ${tenantId} AND h.run_id = run.id AND NOT h.rejected)`);
}

/** What was told as here, or goes after all, waits no more; where nothing waits, nothing is asked. */
export async function leaveTheList(
  tx: Tx,
  context: TenantContext,
  pass: Pass,
  receipt: StreamReceipt,
  rows: readonly string[],
): Promise<void> {
  if (!pass.anyHeld || rows.length === 0) return;
  const { connectionId, run } = pass.lease;
  const waited = await seenAgain(tx, context, connectionId, pass.stream, rows);
  receipt.held -= waited.get(run) ?? 0;
}

export async function takeAway(
  tx: Tx,
  context: TenantContext,
  pass: Pass,
  receipt: StreamReceipt,
  rows: readonly string[],
  limit: RemovalLimit | undefined,
  asking: 'always' | 'by-limit' | 'by-limit-unless-few' = 'by-limit',
): Promise<boolean> {
  if (rows.length === 0) return false;
  const { tenantId } = context;
  const { connectionId, run } = pass.lease;
  const fewAreFine = asking === 'by-limit-unless-few';
  const exceeds = () =>
    exceedsLimit(tx, context, connectionId, pass.stream, rows.length, limit ?? DEFAULT_LIMIT, fewAreFine);
  if (asking === 'always' || (await exceeds())) {
    const staged = await tx.run(sql`
      INSERT INTO sluice.held (tenant_id, connection_id, stream, row_id, run_id, reason)
      SELECT ${tenantId}, ${connectionId}, ${pass.stream}, row_id, ${run}, 'source-removed'
        FROM unnest(${rows}::uuid[]) AS new (row_id)
      ON CONFLICT (tenant_id, connection_id, stream, row_id) DO NOTHING`);
    receipt.held += staged;
    // The source may yet tell of them as here, later in this very pass.
    pass.anyHeld = true;
    return false;
  }
  await leaveTheList(tx, context, pass, receipt, rows);
  receipt.removed += await removeRows(tx, context, connectionId, pass.stream, run, rows);
  return pass.stream === 'users';
}
