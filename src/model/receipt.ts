import type { DropReason, StreamName } from './model.ts';

export type RunStatus = 'running' | 'succeeded' | 'failed' | 'held' | 'rejected' | 'superseded' | 'cancelled';
export type RunMode = 'full' | 'incremental';

/**
 * A stream's account. `read = kept + Σ dropped + repeated`; `kept = created + updated + unchanged`. `gone` are
 * records the source reported gone, `removed` what was taken away, `repeated` kept records seen again in one pass.
 */
export interface StreamReceipt {
  mode: RunMode;
  read: number;
  kept: number;
  created: number;
  updated: number;
  unchanged: number;
  repeated: number;
  gone: number;
  removed: number;
  held: number;
  dropped: Partial<Record<DropReason, number>>;
  /** Fields that arrived though nobody asked, by documented name; all others count as `other`. */
  fields_dropped?: Record<string, number>;
}

export interface Receipt {
  run: string;
  connection: string;
  status: RunStatus;
  started_at: string;
  finished_at: string | null;
  requests: number;
  bytes: number;
  streams: Partial<Record<StreamName, StreamReceipt>>;
  /** Why it failed, in one sentence for tenant IT. */
  error?: string;
  decided_by?: string;
  decided_at?: string;
}

/** Whether removals of the run wait for a person: of one that failed or was cancelled its numbers tell, not its status. */
export function waitsForDecision({ status, streams }: Pick<Receipt, 'status' | 'streams'>): boolean {
  if (status === 'held') return true;
  return (status === 'failed' || status === 'cancelled') && Object.values(streams).some(({ held }) => held > 0);
}

export function emptyStreamReceipt(mode: RunMode): StreamReceipt {
  return {
    mode,
    read: 0,
    kept: 0,
    created: 0,
    updated: 0,
    unchanged: 0,
    repeated: 0,
    gone: 0,
    removed: 0,
    held: 0,
    dropped: {},
  };
}
