import { timingSafeEqual } from 'node:crypto';
import type { TenantKeys } from '../crypto/keys.ts';

/**
 * `<tenant>_<connection id>_<proof>`: what a source calls us by. The tenant is named, so that no look-up crosses
 * tenants. The proof is a keyed digest of the connection's id: it can be told anew with every subscription, and is
 * stored nowhere. Only a removed connection ends it; by itself it opens nothing but a comparison of secrets.
 */
const SHAPE =
  /^([a-z][a-z0-9]*(?:-[a-z0-9]+)*)_([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})_([0-9a-f]{64})$/;

const proofOf = (keys: TenantKeys, connectionId: string) => keys.digest('push-token', connectionId);

export const pushToken = (keys: TenantKeys, tenant: string, connectionId: string): string =>
  `${tenant}_${connectionId}_${proofOf(keys, connectionId).toString('hex')}`;

export interface PresentedPushToken {
  readonly tenant: string;
  readonly connectionId: string;
  readonly proof: string;
}

/** `undefined` for anything that cannot be one of ours. */
export function parsePushToken(text: string): PresentedPushToken | undefined {
  if (text.length > 200) return undefined;
  const [, tenant, connectionId, proof] = SHAPE.exec(text) ?? [];
  return tenant && connectionId && proof ? { tenant, connectionId, proof } : undefined;
}

export const isProven = (keys: TenantKeys, { connectionId, proof }: PresentedPushToken): boolean =>
  timingSafeEqual(Buffer.from(proof, 'hex'), proofOf(keys, connectionId));
