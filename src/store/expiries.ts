import { inTenant, type TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { sql } from './sql.ts';

/** A certificate or secret of a connection that has passed a threshold before its end. */
export interface ExpiryDue {
  readonly setting: string;
  readonly expires_at: Date;
  /** 30, 7 or 1; 0: it has ended. */
  readonly days_left: number;
}

/**
 * Marks what is told of a connection's certificates and secrets, each threshold once however often and by how many
 * processes we look; what was not marked before is told by `tell` in the same transaction, or not marked either. What
 * no longer stands is forgotten. A connection that is paused or gone is told nothing.
 */
export function markExpiries(
  context: TenantContext,
  connectionId: string,
  standing: readonly ExpiryDue[],
  tell: (tx: Tx, due: ExpiryDue) => Promise<void>,
): Promise<readonly ExpiryDue[]> {
  const { tenantId } = context;
  const settings = standing.map(({ setting }) => setting);
  const ends = standing.map(({ expires_at }) => expires_at);
  return inTenant(context, async (tx) => {
    await tx.run(sql`
      DELETE FROM sluice.expiry_told
       WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId}
         AND (setting, expires_at) NOT IN (SELECT * FROM unnest(${settings}::text[], ${ends}::timestamptz[]))`);
    const due = await tx.rows<ExpiryDue>(sql`
      INSERT INTO sluice.expiry_told (tenant_id, connection_id, setting, expires_at, days_left)
      SELECT c.tenant_id, c.id, passed.setting, passed.expires_at, passed.days_left
        FROM registry.connection c,
             unnest(${settings}::text[], ${ends}::timestamptz[], ${standing.map(({ days_left }) => days_left)}::int[])
               AS passed (setting, expires_at, days_left)
       WHERE c.tenant_id = ${tenantId} AND c.id = ${connectionId} AND NOT c.paused
      ON CONFLICT (tenant_id, connection_id, setting, expires_at)
         DO UPDATE SET days_left = excluded.days_left WHERE expiry_told.days_left > excluded.days_left
      RETURNING setting, expires_at, days_left`);
    for (const one of due) await tell(tx, one);
    return due;
  });
}
