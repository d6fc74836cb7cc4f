import type { Clock } from '../base/clock.ts';
import type { TenantKeys } from '../crypto/keys.ts';
import type { Database, Tx } from './database.ts';

/** What every part of one tenant's store works with. */
export interface TenantContext {
  readonly db: Database;
  readonly clock: Clock;
  readonly tenant: string;
  readonly tenantId: string;
  readonly keys: TenantKeys;
}

/** Suppliers of contributions that are no connection. Fixed ids, so that they sort and compare like one. */
export const LOG_ON = '00000000-0000-0000-0000-000000000001';
export const CORRECTION = '00000000-0000-0000-0000-000000000002';

export const isConnection = (supplier: string): boolean => supplier !== LOG_ON && supplier !== CORRECTION;

export function inTenant<T>(context: TenantContext, work: (tx: Tx) => Promise<T>): Promise<T> {
  return context.db.tenant(context.tenantId, work);
}
