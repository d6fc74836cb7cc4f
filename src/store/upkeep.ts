import { inTenant, type TenantContext } from './context.ts';
import { eraseUsers } from './erase.ts';
import { endEvents } from './events.ts';
import { lockRules, rulesChanged } from './rules.ts';
import { sql } from './sql.ts';
import { endUserEvents } from './user-events.ts';

const TOMBSTONE_MS = 30 * 24 * 3_600_000;
const RECEIPT_MS = 90 * 24 * 3_600_000;
/** A busy house has one for every few seconds. */
const PUSH_RECEIPT_MS = 7 * 24 * 3_600_000;
const ANSWER_MS = 24 * 3_600_000;
const AT_ONCE = 500;

/** What time alone ends: leavers after their grace, events, tombstones after 30 days, receipts after 90, or 7 by notification. */
export async function upkeep(context: TenantContext, graceMs: number): Promise<{ leavers: number }> {
  const { tenantId, clock } = context;
  const now = clock.now().getTime();
  let leavers = 0;
  for (;;) {
    const batch = await inTenant(context, async (tx) => {
      await lockRules(tx, tenantId, 'alone');
      const due = await tx.rows<{ id: string }>(sql`
        SELECT id FROM sluice.users
         WHERE tenant_id = ${tenantId} AND status = 'left' AND left_at <= ${new Date(now - graceMs)}
         ORDER BY id LIMIT ${AT_ONCE}`);
      const erased = await eraseUsers(
        tx,
        context,
        due.map(({ id }) => id),
        'left',
      );
      if (erased > 0) await rulesChanged(tx, tenantId);
      return erased;
    });
    leavers += batch;
    if (batch < AT_ONCE) break;
  }
  let ended: number;
  do {
    ended = await inTenant(context, (tx) => endEvents(tx, context, AT_ONCE));
  } while (ended >= AT_ONCE);
  do {
    ended = await inTenant(context, (tx) => endUserEvents(tx, context, AT_ONCE));
  } while (ended >= AT_ONCE);
  await inTenant(context, async (tx) => {
    const [gone] = await tx.rows<{ through: number | null }>(sql`
      WITH old AS (DELETE FROM sluice.feed WHERE tenant_id = ${tenantId} AND removed_at <= ${new Date(now - TOMBSTONE_MS)} RETURNING seq)
      SELECT max(seq)::bigint AS through FROM old`);
    if (gone?.through) {
      await tx.run(sql`
        UPDATE registry.feed_head SET purged_through = greatest(purged_through, ${gone.through}) WHERE tenant_id = ${tenantId}`);
    }
    await tx.run(
      sql`DELETE FROM sluice.idempotency WHERE tenant_id = ${tenantId} AND begun_at < ${new Date(now - ANSWER_MS)}`,
    );
    await tx.run(
      sql`DELETE FROM sluice.removal WHERE tenant_id = ${tenantId} AND at < ${new Date(now - 2 * 24 * 3_600_000)}`,
    );
    await tx.run(sql`
      DELETE FROM sluice.run
       WHERE tenant_id = ${tenantId} AND status <> 'held'
         AND NOT EXISTS (SELECT 1 FROM sluice.held h WHERE h.tenant_id = ${tenantId} AND h.run_id = run.id AND NOT h.rejected)
         AND finished_at < CASE WHEN trigger = 'push' THEN ${new Date(now - PUSH_RECEIPT_MS)}::timestamptz
                                ELSE ${new Date(now - RECEIPT_MS)}::timestamptz END`);
  });
  return { leavers };
}
