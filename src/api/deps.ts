import type { Clock } from '../base/clock.ts';
import type { LogEvent } from '../base/log.ts';
import type { TenantStore, VerifiedKey } from '../store/types.ts';
import type { PushReceiver } from '../sync/push.ts';
import type { SyncService } from '../sync/types.ts';
import type { ApiLimits } from './limits.ts';

/** What the log learns of a request: never a concrete path, query, body or header. */
export type ApiEvent = Extract<LogEvent, { readonly event: 'api-request' | 'api-fault' }>;

/** Everything the interface needs from the rest of the hub. */
export interface ApiDeps {
  /** The key behind a token, once its secret was compared; `undefined` if unknown, wrong, expired or revoked. */
  authenticate(token: string): Promise<VerifiedKey | undefined>;
  tenantStore(tenantId: string): TenantStore | Promise<TenantStore>;
  readonly sync: SyncService;
  readiness(): Promise<{ ready: boolean; reasons: string[] }>;
  /** Prometheus text. */
  metrics(): Promise<string>;
  readonly clock: Clock;
  /**
   * Resolves when the tenant's feed has moved past the cursor, after `timeoutMs`, or when `signal` aborts; never
   * rejects for the latter two. Must not hold a database connection while it waits.
   */
  waitForChange(
    tenantId: string,
    afterSeqCursor: string | undefined,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<void>;
  /** Wanted soon: these users' attributes from every connection that can look them up. */
  requestLookup(tenantId: string, userIds: readonly string[]): Promise<void>;
  log(event: ApiEvent): void;
  /** What systems push; absent: nothing is taken in, and the address does not exist. */
  readonly pushes?: PushReceiver | undefined;
  /** What the outside calls, for `servers` of the OpenAPI document; absent: relative addresses. */
  readonly publicUrl?: string | undefined;
  /** CIDRs of proxies whose X-Forwarded-* may be believed; absent: nobody's. */
  readonly trustProxy?: readonly string[] | undefined;
  readonly limits?: ApiLimits | undefined;
  /** Aborted when the hub stops: long-polls are answered at once, so that a stop does not wait for them. */
  readonly stopping?: AbortSignal | undefined;
}
