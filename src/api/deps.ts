import type { Clock } from '../base/clock.ts';
import type { TenantStore, VerifiedKey } from '../store/types.ts';
import type { SyncService } from '../sync/types.ts';
import type { ApiLimits } from './limits.ts';

/** What the log learns of a request: never a concrete path, query, body or header. */
export type ApiEvent =
  | {
      readonly event: 'api-request';
      readonly request: string;
      readonly method: string;
      /** As declared (`/v1/users/{id}`), or `none` if no route fits: a path can hold an address. */
      readonly route: string;
      readonly status: number;
      readonly duration_ms: number;
      readonly tenant: string | null;
      readonly key: string | null;
      /** The problem it was answered with, by name. */
      readonly problem: string | null;
      /** The caller hung up before the answer was out. */
      readonly aborted: boolean;
    }
  | {
      readonly event: 'api-fault';
      readonly request: string;
      readonly method: string;
      readonly route: string;
      /** Kind and place of the error, without its message. */
      readonly fault: string;
    };

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
  /** What the outside calls, for `servers` of the OpenAPI document; absent: relative addresses. */
  readonly publicUrl?: string | undefined;
  /** CIDRs of proxies whose X-Forwarded-* may be believed; absent: nobody's. */
  readonly trustProxy?: readonly string[] | undefined;
  readonly limits?: ApiLimits | undefined;
  /** Aborted when the hub stops: long-polls are answered at once, so that a stop does not wait for them. */
  readonly stopping?: AbortSignal | undefined;
}
