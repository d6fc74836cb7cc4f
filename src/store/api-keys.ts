import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Feature } from '../model/features.ts';
import { inTenant, type TenantContext } from './context.ts';
import { sql } from './sql.ts';
import type { ApiKey, KeyStore } from './types.ts';

/**
 * `sl_<tenant>_<id>_<secret><check>`: the tenant by name, the rest base62. The check makes a mistyped or leaked key
 * recognisable without asking anybody. The secret has 192 bits, so a fast digest keeps it.
 */
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const ID_LENGTH = 12;
const SECRET_LENGTH = 33; // 33 base62 digits hold 196 bits
const CHECK_LENGTH = 6;

function randomText(length: number): string {
  let text = '';
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      // 248 is the largest multiple of 62 below 256: larger bytes would favour some digits.
      if (byte < 248 && text.length < length) text += ALPHABET[byte % 62];
    }
  }
  return text;
}

function checkOf(text: string): string {
  let rest = crc32(text);
  let check = '';
  for (let digit = 0; digit < CHECK_LENGTH; digit++) {
    check = ALPHABET[rest % 62] + check;
    rest = Math.floor(rest / 62);
  }
  return check;
}

export interface PresentedKey {
  readonly tenant: string;
  readonly id: string;
  readonly secret: string;
}

const SHAPE = /^sl_([a-z][a-z0-9]*(?:-[a-z0-9]+)*)_([0-9A-Za-z]{12})_([0-9A-Za-z]{33})([0-9A-Za-z]{6})$/;

/** `undefined` for anything that is not a whole key of ours. */
export function parseKey(text: string): PresentedKey | undefined {
  const [, tenant, id, secret, check] = SHAPE.exec(text) ?? [];
  if (!tenant || !id || !secret || check !== checkOf(`sl_${tenant}_${id}_${secret}`)) return undefined;
  return { tenant, id, secret };
}

const digestOf = (secret: string) => createHash('sha256').update(secret).digest();

interface Row {
  id: string;
  name: string;
  scopes: string[];
  features: Feature[] | null;
  expires_at: Date | null;
  secret_digest: Buffer;
}

const shown = ({ id, name, scopes, features, expires_at }: Row): ApiKey => ({
  id,
  name,
  scopes,
  features,
  expires_at: expires_at?.toISOString() ?? null,
});

export interface KeyVerification {
  verify(presented: PresentedKey): Promise<ApiKey | undefined>;
}

export function keyStore(context: TenantContext): KeyStore & KeyVerification {
  const { tenantId, tenant, clock } = context;
  return {
    async create(wanted) {
      const id = randomText(ID_LENGTH);
      const secret = randomText(SECRET_LENGTH);
      await inTenant(context, (tx) =>
        tx.run(sql`
          INSERT INTO sluice.api_key (tenant_id, id, name, secret_digest, scopes, features, expires_at)
          VALUES (${tenantId}, ${id}, ${wanted.name}, ${digestOf(secret)}, ${wanted.scopes}::text[], ${wanted.features}::text[], ${wanted.expires_at})`),
      );
      const body = `sl_${tenant}_${id}_${secret}`;
      return { id, key: body + checkOf(body) };
    },

    list: () =>
      inTenant(context, async (tx) => {
        const rows = await tx.rows<Row>(
          sql`SELECT * FROM sluice.api_key WHERE tenant_id = ${tenantId} ORDER BY name, id`,
        );
        return rows.map(shown);
      }),

    revoke: (id) =>
      inTenant(
        context,
        async (tx) => (await tx.run(sql`DELETE FROM sluice.api_key WHERE tenant_id = ${tenantId} AND id = ${id}`)) > 0,
      ),

    async verify({ id, secret }) {
      const [row] = await inTenant(context, (tx) =>
        tx.rows<Row>(sql`SELECT * FROM sluice.api_key WHERE tenant_id = ${tenantId} AND id = ${id}`),
      );
      // An unknown id costs the same comparison.
      const right = timingSafeEqual(digestOf(secret), row?.secret_digest ?? digestOf(''));
      if (!row || !right || (row.expires_at && row.expires_at <= clock.now())) return undefined;
      return shown(row);
    },
  };
}
