import { inTenant, type TenantContext } from './context.ts';
import { sql } from './sql.ts';
import type { IdempotencyStore } from './types.ts';

const KEPT_MS = 24 * 3_600_000;
/** Longer than any request takes: an unfinished one older than this lost its process, and may be tried again. */
const ABANDONED_MS = 120_000;

export function idempotencyStore(context: TenantContext): IdempotencyStore {
  const { tenantId, keys, clock } = context;
  // The caller's key may be anything, an address included: only its keyed digest is stored.
  const digestOf = (apiKey: string, key: string) => keys.digest('idempotency', `${apiKey} ${key}`);
  const place = (apiKey: string, digest: Buffer) => `${apiKey} ${digest.toString('hex')}`;

  return {
    begin: ({ apiKey, key, fingerprint }) =>
      inTenant(context, async (tx) => {
        const digest = digestOf(apiKey, key);
        const print = keys.digest('idempotency-request', fingerprint);
        const now = clock.now().getTime();
        await tx.run(sql`
          DELETE FROM sluice.idempotency
           WHERE tenant_id = ${tenantId} AND (begun_at < ${new Date(now - KEPT_MS)}
              OR (status IS NULL AND begun_at < ${new Date(now - ABANDONED_MS)}))`);
        const inserted = await tx.run(sql`
          INSERT INTO sluice.idempotency (tenant_id, api_key, key_digest, fingerprint, begun_at)
          VALUES (${tenantId}, ${apiKey}, ${digest}, ${print}, ${clock.now()})
          ON CONFLICT (tenant_id, api_key, key_digest) DO NOTHING`);
        if (inserted > 0) return { outcome: 'new' };
        const [row] = await tx.rows<{ fingerprint: Buffer; status: number | null; body: Buffer | null }>(sql`
          SELECT fingerprint, status, body FROM sluice.idempotency
           WHERE tenant_id = ${tenantId} AND api_key = ${apiKey} AND key_digest = ${digest}`);
        if (!row) return { outcome: 'busy' };
        if (!row.fingerprint.equals(print)) return { outcome: 'mismatch' };
        if (row.status === null || !row.body) return { outcome: 'busy' };
        return {
          outcome: 'replay',
          status: row.status,
          body: keys.open('idempotency', 'body', place(apiKey, digest), row.body),
        };
      }),

    async finish({ apiKey, key, status, body, subject }) {
      const digest = digestOf(apiKey, key);
      const sealed = keys.seal('idempotency', 'body', place(apiKey, digest), body);
      await inTenant(context, (tx) =>
        tx.run(sql`
          UPDATE sluice.idempotency SET status = ${status}, body = ${sealed}, subject_id = ${subject}
           WHERE tenant_id = ${tenantId} AND api_key = ${apiKey} AND key_digest = ${digest}
             AND (${subject}::uuid IS NULL
                  OR EXISTS (SELECT 1 FROM sluice.users WHERE tenant_id = ${tenantId} AND id = ${subject}::uuid))`),
      );
    },

    async forget({ apiKey, key }) {
      await inTenant(context, (tx) =>
        tx.run(sql`
          DELETE FROM sluice.idempotency
           WHERE tenant_id = ${tenantId} AND api_key = ${apiKey} AND key_digest = ${digestOf(apiKey, key)}`),
      );
    },
  };
}
