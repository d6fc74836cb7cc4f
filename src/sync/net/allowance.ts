import type { Clock } from '../../base/clock.ts';
import { TryLater } from '../../base/errors.ts';

/** How much a run may ask of a source, and until when. */
export interface NetBudget {
  readonly maxRequests: number;
  readonly deadline: Date;
}

/** What a run has spent and what is left: one object per run, shared by all that goes out. */
export interface Allowance {
  readonly spent: { requests: number; bytes: number };
  readonly signal: AbortSignal;
  /** Adds to the counters. @throws TryLater once more requests were made than the budget holds */
  count(spent: { requests?: number; bytes?: number }): void;
  /** How long the next wait may take: `wanted`, less if the run ends earlier. @throws TryLater if it is over */
  patience(wantedMs: number): number;
  /** The error of a wait that ended: the run was cancelled or over, or the source was too slow. */
  tooLate(where: string): TryLater;
}

export function createAllowance(budget: NetBudget, clock: Clock, signal: AbortSignal): Allowance {
  const spent = { requests: 0, bytes: 0 };
  const left = () => budget.deadline.getTime() - clock.now().getTime();
  const over = () => {
    if (signal.aborted) return new TryLater('The run was cancelled; the next one begins where its state left off.');
    if (left() <= 0) return new TryLater('The time of this run is over; the next one begins where its state left off.');
    return undefined;
  };
  return {
    spent,
    signal,
    count({ requests = 0, bytes = 0 }) {
      spent.requests += requests;
      spent.bytes += bytes;
      if (requests > 0 && spent.requests > budget.maxRequests)
        throw new TryLater(
          `This run has made the ${budget.maxRequests} requests it may make of the source; the next one goes on.`,
        );
    },
    patience(wantedMs) {
      const error = over();
      if (error) throw error;
      return Math.max(1, Math.min(wantedMs, left()));
    },
    tooLate: (where) => over() ?? new TryLater(`${where} did not answer in time; the next run tries again.`),
  };
}
