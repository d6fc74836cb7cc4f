import { emptyStreamReceipt, type Receipt, type RunMode, type StreamReceipt } from '../model/receipt.ts';
import { inTenant, type TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { keepReceipt } from './keep-receipt.ts';
import { holdLease, type Lease } from './lease.ts';
import { removeRows } from './removals.ts';
import { lockRules } from './rules.ts';
import { sql } from './sql.ts';

/** The account of the run so far, which goes on in the same transaction. */
export interface RunAccount {
  readonly streams: Receipt['streams'];
  readonly mode: RunMode;
  readonly requests: number;
  readonly bytes: number;
}

/**
 * Calendars that ought never to have been read: a person's mailbox that was taken for a shared one. All that was kept of
 * them goes, in one transaction and at once. It waits for no approval, because what may not be kept is not kept a day longer
 * for being much; nor does it count towards the limit, lest what is missing tomorrow be held for it. What was read for a
 * space stays, whoever is named: that a source does not list the space today is silence, which takes nothing away.
 * @returns the streams whose account it changed
 */
export function forgetRefused(
  context: TenantContext,
  lease: Lease,
  refused: readonly string[],
  account: RunAccount,
): Promise<Receipt['streams']> {
  const { tenantId } = context;
  const connection = lease.connectionId;
  return inTenant(context, async (tx) => {
    await holdLease(tx, tenantId, lease);
    const names = await ofNoSpace(tx, context, connection, refused);
    const events = await tx.rows<{ id: string }>(sql`
      SELECT id FROM sluice.event
       WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND partition = ANY(${names}::text[]) ORDER BY id`);
    const read = await tx.rows(sql`
      SELECT 1 AS one FROM sluice.partition
       WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND stream = 'events' AND name = ANY(${names}::text[])`);
    const subscribed = await tx.rows(sql`
      SELECT 1 AS one FROM sluice.subscription
       WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND stream = 'events' AND partition = ANY(${names}::text[])`);
    if (events.length + read.length + subscribed.length === 0) return {};
    await lockRules(tx, tenantId, 'alone');
    // The source is still to be told that it ends, by this run if it keeps subscriptions; whose it was is no longer written there.
    await tx.run(sql`
      UPDATE sluice.subscription SET partition = '', served = wanted, renew = true
       WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND stream = 'events' AND partition = ANY(${names}::text[])`);
    const changed: Receipt['streams'] = {};
    if (events.length > 0) {
      const receipt = { ...(account.streams.events ?? emptyStreamReceipt(account.mode)) };
      await removeCounted(tx, context, lease, events, receipt);
      await keepReceipt(tx, context, { lease, stream: 'events' }, receipt, account);
      changed.events = receipt;
    }
    await tx.run(sql`
      DELETE FROM sluice.seen
       WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND stream = 'events' AND partition = ANY(${names}::text[])`);
    await tx.run(sql`
      DELETE FROM sluice.partition
       WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND stream = 'events' AND name = ANY(${names}::text[])`);
    return changed;
  });
}

/** Those that were never read for a space: of these the name stands for the space, in the partition and in each event. */
async function ofNoSpace(
  tx: Tx,
  { tenantId }: TenantContext,
  connection: string,
  refused: readonly string[],
): Promise<string[]> {
  // OFFSET 0: looked up for each name, never made a join of all with all.
  const rows = await tx.rows<{ name: string }>(sql`
    SELECT asked.name FROM unnest(${[...refused]}::text[]) AS asked(name)
     WHERE coalesce((SELECT p.about FROM sluice.partition p
                      WHERE p.tenant_id = ${tenantId} AND p.connection_id = ${connection} AND p.stream = 'events'
                        AND p.name = asked.name) = asked.name, true)
       AND NOT EXISTS (SELECT 1 FROM sluice.event e
                        WHERE e.tenant_id = ${tenantId} AND e.connection_id = ${connection}
                          AND e.partition = asked.name AND e.space <> asked.name OFFSET 0)`);
  return rows.map(({ name }) => name);
}

async function removeCounted(
  tx: Tx,
  context: TenantContext,
  { connectionId, run }: Lease,
  rows: readonly { id: string }[],
  receipt: StreamReceipt,
): Promise<void> {
  const ids = rows.map(({ id }) => id);
  const [staged] = await tx.rows<{ here: number }>(sql`
    SELECT count(*)::int AS here FROM sluice.held
     WHERE tenant_id = ${context.tenantId} AND connection_id = ${connectionId} AND stream = 'events' AND run_id = ${run}
       AND NOT rejected AND row_id = ANY(${ids}::uuid[])`);
  receipt.held = Math.max(0, receipt.held - staged!.here);
  receipt.removed += await removeRows(tx, context, connectionId, 'events', run, ids, false);
}
