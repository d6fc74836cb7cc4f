import { timingSafeEqual } from 'node:crypto';
import type { HeldSubscription, Notice, Subscription } from '../contract/notifications.ts';
import type { StreamName } from '../model/model.ts';
import { inTenant, type TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { holdLease, type Lease } from './lease.ts';
import { settleQuiet } from './quiet.ts';
import { sql } from './sql.ts';

/** A partition that a notification asks to be read, as it stood at some instant. */
export interface Wish {
  readonly stream: StreamName;
  readonly partition: string;
  readonly subscription: string;
  /** Rises with every notification: one that comes during the reading is not taken for served. */
  readonly number: number;
}

export interface SubscriptionStore {
  /** @param address at which sources are to call today */
  held(connectionId: string, address: string): Promise<readonly HeldSubscription[]>;
  /** A new one; its partition is wanted, for whatever changed while it was made. */
  made(lease: Lease, subscription: Subscription, told: { secret: string; address: string }): Promise<void>;
  renewed(lease: Lease, subscription: Pick<Subscription, 'id' | 'expiresAt'>): Promise<void>;
  ended(lease: Lease, id: string): Promise<void>;
  wishes(connectionId: string): Promise<readonly Wish[]>;
  /** A reading that began after the wish was seen has told everything. */
  served(lease: Lease, wish: Wish): Promise<void>;
  /** Whether a run has anything to do for this connection: a partition to read, a subscription to see to. */
  pending(connectionId: string): Promise<boolean>;
  /**
   * Writes down what a source told, if its secrets are right and the connection is not paused. `call` enqueues a run in
   * the same transaction, unless one was called less than `coversMs` ago, which has not begun yet. `from`: now, or when the
   * source may be asked again: the one call for that instant covers whatever is told until then.
   */
  notified(
    connectionId: string,
    notices: readonly Notice[],
    coversMs: number,
    call: (tx: Tx, from: Date) => Promise<void>,
  ): Promise<{ believed: number; ignored: number }>;
}

interface Row {
  id: string;
  stream: StreamName;
  partition: string;
  expires_at: Date;
  renew: boolean;
  lost: boolean;
  address_digest: Buffer;
}

export function subscriptionStore(context: TenantContext): SubscriptionStore {
  const { tenantId, clock, keys } = context;
  const digestOf = (secret: string) => keys.digest('subscription', secret);
  const addressDigest = (address: string) => keys.digest('push-address', address);
  const fenced = (lease: Lease, work: (tx: Tx) => Promise<unknown>) =>
    inTenant(context, async (tx) => {
      await holdLease(tx, tenantId, lease);
      await work(tx);
    });

  /** Those that came with the right secret; an unknown one costs the same comparison. */
  function believed(notices: readonly Notice[], digests: ReadonlyMap<string, Buffer>): Set<Notice> {
    const nobodys = digestOf('');
    return new Set(
      notices.filter(({ subscription, secret }) => {
        const right = timingSafeEqual(digestOf(secret), digests.get(subscription) ?? nobodys);
        return right && digests.has(subscription);
      }),
    );
  }

  return {
    held: (connectionId, address) =>
      inTenant(context, async (tx) => {
        const rows = await tx.rows<Row>(sql`
          SELECT source_id AS id, stream, partition, expires_at, renew, lost, address_digest FROM sluice.subscription
           WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId} ORDER BY stream, partition, source_id`);
        const today = addressDigest(address);
        return rows.map(({ expires_at, address_digest, ...row }) => ({
          ...row,
          expiresAt: expires_at,
          moved: !today.equals(address_digest),
        }));
      }),

    made: (lease, { id, stream, partition, expiresAt }, { secret, address }) =>
      fenced(lease, async (tx) => {
        await tx.run(sql`
          INSERT INTO sluice.subscription (tenant_id, connection_id, source_id, stream, partition, secret_digest, address_digest, expires_at)
          VALUES (${tenantId}, ${lease.connectionId}, ${id}, ${stream}, ${partition}, ${digestOf(secret)},
                  ${addressDigest(address)}, ${expiresAt})
          ON CONFLICT (tenant_id, connection_id, source_id) DO UPDATE
             SET stream = excluded.stream, partition = excluded.partition, secret_digest = excluded.secret_digest,
                 address_digest = excluded.address_digest,
                 expires_at = excluded.expires_at, wanted = subscription.wanted + 1, renew = false, lost = false`);
        await settleQuiet(tx, context, lease.connectionId);
      }),

    renewed: (lease, { id, expiresAt }) =>
      fenced(lease, (tx) =>
        tx.run(sql`
          UPDATE sluice.subscription SET expires_at = ${expiresAt}, renew = false
           WHERE tenant_id = ${tenantId} AND connection_id = ${lease.connectionId} AND source_id = ${id}`),
      ),

    ended: (lease, id) =>
      fenced(lease, (tx) =>
        tx.run(sql`
          DELETE FROM sluice.subscription
           WHERE tenant_id = ${tenantId} AND connection_id = ${lease.connectionId} AND source_id = ${id}`),
      ),

    wishes: (connectionId) =>
      inTenant(context, (tx) =>
        tx.rows<Wish>(sql`
          SELECT stream, partition, source_id AS subscription, wanted AS number FROM sluice.subscription
           WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId} AND wanted > served`),
      ),

    served: (lease, { subscription, number }) =>
      fenced(lease, (tx) =>
        tx.run(sql`
          UPDATE sluice.subscription SET served = greatest(served, ${number})
           WHERE tenant_id = ${tenantId} AND connection_id = ${lease.connectionId} AND source_id = ${subscription}`),
      ),

    pending: (connectionId) =>
      inTenant(context, async (tx) => {
        const [row] = await tx.rows<{ any: boolean }>(sql`
          SELECT EXISTS (SELECT 1 FROM sluice.subscription
            WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId} AND (wanted > served OR renew OR lost)) AS any`);
        return row!.any;
      }),

    notified: (connectionId, notices, coversMs, call) =>
      inTenant(context, async (tx) => {
        const named = [...new Set(notices.map(({ subscription }) => subscription))];
        // In one order everywhere, so that two deliveries queue; of a paused connection none is found.
        const rows = await tx.rows<{ id: string; secret_digest: Buffer; not_before: Date | null }>(sql`
          SELECT s.source_id AS id, s.secret_digest, c.not_before FROM sluice.subscription s
            JOIN registry.connection c ON c.tenant_id = s.tenant_id AND c.id = s.connection_id
           WHERE s.tenant_id = ${tenantId} AND s.connection_id = ${connectionId} AND s.source_id = ANY(${named}::text[])
             AND NOT c.paused ORDER BY s.source_id FOR UPDATE OF s`);
        const right = believed(notices, new Map(rows.map(({ id, secret_digest }) => [id, secret_digest])));
        const ids = (fits: (notice: Notice) => boolean) => [
          ...new Set([...right].filter(fits).map(({ subscription }) => subscription)),
        ];
        const outcome = { believed: right.size, ignored: notices.length - right.size };
        if (right.size === 0) return outcome;
        await tx.run(sql`
          UPDATE sluice.subscription
             SET wanted = wanted + CASE WHEN source_id = ANY(${ids(({ kind }) => kind !== 'renew')}::text[]) THEN 1 ELSE 0 END,
                 renew = renew OR source_id = ANY(${ids(({ kind }) => kind === 'renew')}::text[]),
                 lost = lost OR source_id = ANY(${ids(({ kind }) => kind === 'removed')}::text[])
           WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId} AND source_id = ANY(${ids(() => true)}::text[])`);
        const now = clock.now();
        const since = new Date(now.getTime() - coversMs);
        const wait = rows[0]?.not_before;
        const from = wait && wait > now ? wait : now;
        const called = await tx.rows(sql`
          SELECT 1 AS one FROM sluice.subscription
           WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId} AND called_at > ${since}
             -- One for an instant that does not stand any more covers nothing.
             AND called_at <= ${from} LIMIT 1`);
        if (called.length > 0) return outcome;
        await tx.run(sql`
          UPDATE sluice.subscription SET called_at = ${from}
           WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId} AND source_id = ANY(${ids(() => true)}::text[])`);
        await call(tx, from);
        return outcome;
      }),
  };
}
