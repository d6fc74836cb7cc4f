import type { HeldSubscription } from '../contract/notifications.ts';
import type { StreamName } from '../model/model.ts';
import { inTenant, type TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { sql } from './sql.ts';
import type { ConnectionConfiguration } from './types.ts';

/** A connection that is no more, with what its source still holds for it: told once, and kept nowhere. */
export interface RemovedConnection {
  readonly tenant: string;
  readonly configured: ConnectionConfiguration;
  readonly held: readonly HeldSubscription[];
  /** The source asked to be left alone until then; null: it did not. */
  readonly notBefore: Date | null;
}

/** What a source was asked to tell for a connection that wants to hear nothing any more. */
export interface QuietStore {
  /**
   * What the source of a paused connection still holds. From here on a run takes none of it for standing, should the
   * connection be resumed at this moment. Nothing while it is being read, or if it is not paused.
   */
  letGo(connectionId: string): Promise<readonly HeldSubscription[]>;
  /** The source has ended it. */
  gone(connectionId: string, id: string): Promise<void>;
  /** Nothing is left to be ended, if that is so. */
  settled(connectionId: string): Promise<void>;
  /** A sentence for tenant IT, which names nobody; null: all is as it should be. */
  tell(connectionId: string, failure: string | null): Promise<void>;
}

interface Row {
  readonly id: string;
  readonly stream: StreamName;
  readonly partition: string;
  readonly expires_at: Date;
}

const held = ({ expires_at, ...row }: Row): HeldSubscription => ({
  ...row,
  expiresAt: expires_at,
  renew: false,
  lost: false,
  moved: false,
});

/**
 * In the transaction that pauses or resumes connections, or makes a subscription for one that was paused meanwhile.
 * @param only this connection, whose lease is held; absent: all of the tenant
 */
export const settleQuiet = (tx: Tx, { tenantId, clock }: TenantContext, only: string | null = null): Promise<number> =>
  tx.run(sql`
    UPDATE registry.connection c
       SET quiet_due_at = CASE WHEN c.paused THEN ${clock.now()}::timestamptz END, quiet_tries = 0
     WHERE c.tenant_id = ${tenantId} AND (${only}::uuid IS NULL OR c.id = ${only}::uuid)
       AND (c.quiet_due_at IS NOT NULL) <> (c.paused AND EXISTS (
             SELECT 1 FROM sluice.subscription s WHERE s.tenant_id = ${tenantId} AND s.connection_id = c.id))`);

/** Of a connection that is about to be removed: with it they would be forgotten. */
export async function subscriptionsOf(
  tx: Tx,
  { tenantId }: TenantContext,
  connectionId: string,
): Promise<readonly HeldSubscription[]> {
  const rows = await tx.rows<Row>(sql`
    SELECT source_id AS id, stream, partition, expires_at FROM sluice.subscription
     WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId} ORDER BY source_id`);
  return rows.map(held);
}

export function quietStore(context: TenantContext): QuietStore {
  const { tenantId } = context;
  return {
    letGo: (connectionId) =>
      inTenant(context, async (tx) => {
        const idle = await tx.rows(sql`
          SELECT 1 AS one FROM registry.connection
           WHERE tenant_id = ${tenantId} AND id = ${connectionId} AND paused
             AND (lease_until IS NULL OR lease_until < now()) FOR NO KEY UPDATE`);
        if (idle.length === 0) return [];
        const rows = await tx.rows<Row>(sql`
          UPDATE sluice.subscription SET lost = true WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId}
          RETURNING source_id AS id, stream, partition, expires_at`);
        return rows.map(held);
      }),

    gone: async (connectionId, id) => {
      await inTenant(context, (tx) =>
        tx.run(sql`
          DELETE FROM sluice.subscription
           WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId} AND source_id = ${id} AND lost`),
      );
    },

    settled: async (connectionId) => {
      await inTenant(context, (tx) =>
        tx.run(sql`
          UPDATE registry.connection SET quiet_due_at = NULL, quiet_tries = 0
           WHERE tenant_id = ${tenantId} AND id = ${connectionId}
             AND NOT EXISTS (SELECT 1 FROM sluice.subscription s WHERE s.tenant_id = ${tenantId} AND s.connection_id = ${connectionId})`),
      );
    },

    tell: async (connectionId, failure) => {
      await inTenant(context, (tx) =>
        tx.run(sql`
          UPDATE registry.connection SET notifications_failure = ${failure}
           WHERE tenant_id = ${tenantId} AND id = ${connectionId} AND notifications_failure IS DISTINCT FROM ${failure}::text`),
      );
    },
  };
}
