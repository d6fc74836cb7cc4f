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
 * Calendars that ought never to have been read: a person's mailbox that was taken for a room's. All that was kept of them
 * goes, in one transaction and at once. It waits for no approval, because what may not be kept is not kept a day longer for
 * being much; nor does it count towards the limit, lest what is missing tomorrow be held for it.
 * @returns the streams whose account it changed
 */
export function forgetRefused(
  context: TenantContext,
  lease: Lease,
  names: readonly string[],
  account: RunAccount,
): Promise<Receipt['streams']> {
  const { tenantId } = context;
  const connection = lease.connectionId;
  return inTenant(context, async (tx) => {
    await holdLease(tx, tenantId, lease);
    const events = await tx.rows<{ id: string; space: string }>(sql`
      SELECT id, space FROM sluice.event
       WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND partition = ANY(${names}::text[]) ORDER BY id`);
    const read = await tx.rows<{ about: string | null }>(sql`
      SELECT about FROM sluice.partition
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
    const remove = async (stream: 'events' | 'spaces', rows: readonly { id: string }[]) => {
      if (rows.length === 0) return;
      const receipt = { ...(account.streams[stream] ?? emptyStreamReceipt(account.mode)) };
      await removeCounted(tx, context, lease, stream, rows, receipt);
      await keepReceipt(tx, context, { lease, stream }, receipt, account);
      changed[stream] = receipt;
    };
    await remove('events', events);
    const spaces = [...events.map(({ space }) => space), ...read.map(({ about }) => about)];
    await remove('spaces', await spacesGone(tx, context, connection, new Set(spaces)));
    await tx.run(sql`
      DELETE FROM sluice.seen
       WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND stream = 'events' AND partition = ANY(${names}::text[])`);
    await tx.run(sql`
      DELETE FROM sluice.partition
       WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND stream = 'events' AND name = ANY(${names}::text[])`);
    return changed;
  });
}

async function removeCounted(
  tx: Tx,
  context: TenantContext,
  { connectionId, run }: Lease,
  stream: 'events' | 'spaces',
  rows: readonly { id: string }[],
  receipt: StreamReceipt,
): Promise<void> {
  const ids = rows.map(({ id }) => id);
  const [staged] = await tx.rows<{ here: number }>(sql`
    SELECT count(*)::int AS here FROM sluice.held
     WHERE tenant_id = ${context.tenantId} AND connection_id = ${connectionId} AND stream = ${stream} AND run_id = ${run}
       AND NOT rejected AND row_id = ANY(${ids}::uuid[])`);
  receipt.held = Math.max(0, receipt.held - staged!.here);
  receipt.removed += await removeRows(tx, context, connectionId, stream, run, ids, false);
}

/** The rooms they were read for, as far as the source does not tell of these any more either: their removal only waits. */
function spacesGone(
  tx: Tx,
  { tenantId }: TenantContext,
  connection: string,
  keys: ReadonlySet<string | null>,
): Promise<{ id: string }[]> {
  return tx.rows<{ id: string }>(sql`
    SELECT s.id FROM sluice.space s
      JOIN sluice.held h ON h.tenant_id = s.tenant_id AND h.connection_id = s.connection_id AND h.stream = 'spaces' AND h.row_id = s.id
     WHERE s.tenant_id = ${tenantId} AND s.connection_id = ${connection} AND s.source_key = ANY(${[...keys]}::text[]) ORDER BY s.id`);
}
