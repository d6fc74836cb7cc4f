import type { FeedKind, RemovalReason } from '../model/model.ts';
import type { TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { sql } from './sql.ts';

export interface FeedEntry {
  readonly kind: FeedKind;
  readonly id: string;
  /** Absent: the entity lives. */
  readonly removed?: RemovalReason;
}

/**
 * Takes numbers from the tenant's feed head and moves each entity's one row to its new number. Last in a
 * transaction: the head's lock is held to the commit, so numbers follow commits and whoever sees one sees all below.
 * @returns the number of each entry, in the order given
 */
export async function announce(
  tx: Tx,
  { tenantId, clock }: TenantContext,
  entries: readonly FeedEntry[],
): Promise<number[]> {
  if (entries.length === 0) return [];
  const [head] = await tx.rows<{ seq: number }>(sql`
    UPDATE registry.feed_head SET seq = seq + ${entries.length}
     WHERE tenant_id = ${tenantId} RETURNING seq`);
  if (!head) throw new Error('The tenant has no feed head.');
  const first = head.seq - entries.length + 1;
  const numbers = entries.map((_, index) => first + index);
  await tx.run(sql`
    INSERT INTO sluice.feed (tenant_id, seq, kind, entity_id, op, reason, removed_at)
    SELECT ${tenantId}, seq, kind, entity_id, CASE WHEN reason IS NULL THEN 'upsert' ELSE 'remove' END, reason,
           CASE WHEN reason IS NOT NULL THEN ${clock.now()}::timestamptz END
      FROM unnest(${numbers}::bigint[], ${entries.map((entry) => entry.kind)}::text[],
                  ${entries.map((entry) => entry.id)}::uuid[],
                  ${entries.map((entry) => entry.removed ?? null)}::text[]) AS new (seq, kind, entity_id, reason)
    ON CONFLICT (tenant_id, kind, entity_id) DO UPDATE
       SET seq = excluded.seq, op = excluded.op, reason = excluded.reason, removed_at = excluded.removed_at`);
  return numbers;
}

/** Rows that are gone for good. @returns how many */
export async function announceGone(
  tx: Tx,
  context: TenantContext,
  kind: FeedKind,
  gone: readonly { readonly id: string }[],
  reason: RemovalReason,
): Promise<number> {
  await announce(
    tx,
    context,
    gone.map(({ id }): FeedEntry => ({ kind, id, removed: reason })),
  );
  return gone.length;
}
