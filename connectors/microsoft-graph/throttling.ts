import { setTimeout as sleep } from 'node:timers/promises';
import { retryAfter, TryLater } from '../../src/contract/index.ts';
import type { Answer } from './answer.ts';

/** Waits no longer than this are slept; a longer one ends the run, which is rescheduled for the instant asked for. */
const SLEPT_AT_MOST_MS = 10_000;
/** For an answer that names no wait: some of Graph's services leave Retry-After out. */
const WITHOUT_WORD_MS = 30_000;
const SLEPT_TIMES = 5;

/** 504 as well: Outlook answers it when a mailbox is moved or its server is overloaded. */
export const isThrottled = (status: number): boolean => status === 429 || status === 503 || status === 504;

/**
 * Waits as answers asked for; returns when their requests may be sent again.
 * @param asked what was answered to each, with its Retry-After: one sent before the longest were too early
 * @param attempt how many times they were sent, from 1
 * @throws TryLater with the instant, if the wait is too long to sit out; or the run was cancelled
 */
export async function waitAsAsked(
  asked: readonly Pick<Answer, 'headers'>[],
  attempt: number,
  { now, signal }: { now: Date; signal: AbortSignal },
): Promise<void> {
  const waits = asked.map(
    ({ headers }) =>
      retryAfter(headers['retry-after'], now, headers.date)?.getTime() ?? now.getTime() + WITHOUT_WORD_MS,
  );
  const wait = Math.max(0, ...waits.map((until) => until - now.getTime()));
  if (wait > SLEPT_AT_MOST_MS || attempt >= SLEPT_TIMES)
    throw new TryLater(
      'Microsoft Graph is busy; the run goes on when it answers again.',
      new Date(now.getTime() + wait),
    );
  try {
    // A little late, never early: timers may fire a millisecond before their time.
    await sleep(wait + 10, undefined, { signal });
  } catch {
    throw cancelled();
  }
}

export const cancelled = (): TryLater =>
  new TryLater('The run was cancelled; the next one begins where its state left off.');
