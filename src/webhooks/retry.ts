/**
 * The waits before each attempt, in seconds, as Standard Webhooks 1.0.0 recommends: ten attempts in some three days.
 * Mail keeps to it too: a mail server that greylists wants a second attempt after minutes.
 */
export const ATTEMPT_DELAYS_S: readonly number[] = [
  0,
  5,
  5 * 60,
  30 * 60,
  2 * 3600,
  5 * 3600,
  10 * 3600,
  14 * 3600,
  20 * 3600,
  24 * 3600,
];

/** Up to this share is added to each wait, so that what failed together does not come back together. */
const JITTER = 0.2;

export interface NextAttemptOptions {
  /** What the receiver asked for (`retryAt` of the outcome): never earlier than that, however long it is. */
  readonly notBefore?: Date | undefined;
  /** From 0 to 1. */
  readonly random?: () => number;
}

/**
 * When to try again.
 * @param attempt how many attempts have been made so far; 0 for a notice just born
 * @returns undefined once the attempts are used up
 */
export function nextAttempt(attempt: number, now: Date, options: NextAttemptOptions = {}): Date | undefined {
  const { notBefore, random = Math.random } = options;
  const delay_s = ATTEMPT_DELAYS_S[attempt];
  if (delay_s === undefined) return undefined;
  const due = now.getTime() + delay_s * 1000 * (1 + JITTER * random());
  return new Date(Math.max(due, notBefore?.getTime() ?? due));
}

/** Retry-After (RFC 9110 10.2.3): seconds, or the date form that servers must send; `undefined` for anything else. */
export function retryAfter(header: string | undefined, now: Date): Date | undefined {
  const text = header?.trim() ?? '';
  if (!/^\d+$/.test(text) && !/^[A-Z][a-z]{2}, .*GMT$/.test(text)) return undefined;
  const at = new Date(/^\d+$/.test(text) ? now.getTime() + Number(text) * 1000 : Date.parse(text));
  return Number.isNaN(at.getTime()) ? undefined : at;
}
