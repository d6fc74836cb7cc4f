import type { CheckReport } from '../contract/check.ts';
import type { KeptValue } from '../gate/map.ts';
import type { DropReason, StreamName } from '../model/model.ts';
import type { Receipt, RunMode } from '../model/receipt.ts';

export type Role = 'key' | 'match' | 'decide' | 'keep';

/** One source field as a preview shows it: what happens to it and why; a value only if it would be kept. */
export interface PreviewField {
  readonly field: string;
  readonly roles: readonly Role[];
  /** Our name, if it is kept. */
  readonly ours: string | null;
  readonly outcome: 'kept' | 'looked-at' | 'dropped';
  readonly why: string;
}

export interface PreviewRecord {
  readonly outcome: 'kept' | DropReason;
  /** The kept fields of a kept record, as they would be stored; empty for all others. */
  readonly fields: Readonly<Record<string, KeptValue>>;
}

export interface PreviewStream {
  readonly read: number;
  readonly kept: number;
  readonly dropped: Partial<Readonly<Record<DropReason, number>>>;
  /** False when the limit ended the reading early. */
  readonly complete: boolean;
  readonly fields: readonly PreviewField[];
  /** With `user` or `asUser`: that person's records. Otherwise the first kept ones. */
  readonly records: readonly PreviewRecord[];
}

export interface PreviewReport {
  readonly connection: string;
  readonly streams: Partial<Readonly<Record<StreamName, PreviewStream>>>;
}

export interface PreviewRequest {
  /** Show only records of this e-mail address. */
  readonly user?: string;
  /** Treat this address as logged on, in memory. */
  readonly asUser?: string;
  /** Records to read per stream. */
  readonly limit?: number;
}

export interface RunProgress {
  readonly run: string;
  readonly stream: StreamName;
  readonly read: number;
  readonly kept: number;
  /** Records in the whole stream, if the source told. */
  readonly total: number | undefined;
}

export interface RunRequest {
  readonly tenantId: string;
  readonly connection: string;
  /** Absent: whatever is due; `full` forces a full pass. */
  readonly mode?: RunMode;
  readonly trigger: 'schedule' | 'manual' | 'resume';
}

/** A certificate or secret in a setting that ends within 30 days, or has ended. */
export interface ExpiringSoon {
  /** `acme/people` */
  readonly connection: string;
  readonly setting: string;
  /** ISO 8601 UTC. */
  readonly expires_at: string;
  readonly sentence: string;
}

/** What the API and the command line can ask of the runs. */
export interface SyncService {
  /**
   * Runs in this process to its end. @throws Refused `already-running`, `not-found`, or `conflict` when paused; TryLater,
   * with the instant, while the source asks to be left alone, as `request` and `preview` do.
   * A failed run is a receipt with status `failed`, not a throw.
   */
  run(request: RunRequest, onProgress?: (progress: RunProgress) => void): Promise<Receipt>;
  /** Wanted soon: a worker takes it. The id is that of the run to come. */
  request(request: RunRequest): Promise<{ run: string }>;
  /** Stops after the page under way. @throws Refused `not-found` */
  cancel(tenantId: string, run: string): Promise<Receipt>;
  check(tenantId: string, connection: string): Promise<CheckReport>;
  /** What the connections that are not paused sign in with and that ends soon, the next to end first. */
  expiring(tenantId: string): Promise<readonly ExpiringSoon[]>;
  preview(tenantId: string, connection: string, request: PreviewRequest): Promise<PreviewReport>;
  /** @throws Refused `not-held` */
  approve(tenantId: string, run: string, by: string): Promise<Receipt>;
  reject(tenantId: string, run: string, by: string): Promise<Receipt>;
  /** Fetch these users' attributes now, from every connection that can. */
  lookup(tenantId: string, users: readonly string[]): Promise<void>;
}
