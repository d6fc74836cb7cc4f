/**
 * What became of one attempt to tell one receiver.
 * - `sent`: a 2xx, or the mail server took it
 * - `failed`: to be tried again at `nextAttempt`, not before `retryAt` if the receiver named a moment
 * - `refused`: the mail server will never take it; trying again changes nothing
 * - `gone`: the receiver answered 410 and wants nothing more; the entry is to be passed over from now on
 * - `not-configured`: nothing was tried, because the mail server or the webhook's secret is missing
 */
export interface Attempt {
  readonly outcome: 'sent' | 'failed' | 'refused' | 'gone' | 'not-configured';
  /** Why not, and what to do; absent when sent. Safe to log: never a secret, a path of a webhook or an address. */
  readonly sentence?: string;
  readonly retryAt?: Date;
}

export interface NoticeOutcome extends Attempt {
  /** Place in the list of receivers, from 0. */
  readonly entry: number;
  readonly channel: 'email' | 'webhook';
}

export const STOPPING: Attempt = {
  outcome: 'failed',
  sentence: 'The hub is stopping; the notice is tried again later.',
};

/** The promise, unless the signal ends the wait first: a transport that forgets its deadline holds nobody up. */
export function unlessAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
