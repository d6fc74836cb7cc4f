import type { Clock } from '../base/clock.ts';
import { BadInput, SluiceError, TryLater } from '../base/errors.ts';
import { type Notice, noticeId } from './notice.ts';
import { type Attempt, STOPPING, unlessAborted } from './outcome.ts';
import { retryAfter } from './retry.ts';
import { signatureHeaders, signingKeys } from './sign.ts';
import { plainLine } from './words.ts';

/**
 * One POST through the address guard: whoever sets a webhook's address must not be able to reach what connections may
 * not. It follows no redirect, sends `body` byte for byte, ends within `timeoutMs`, and gives header names in lower case.
 * May throw TryLater and NeedsAttention, whose sentences are safe to show.
 */
export type Post = (
  url: string,
  body: string,
  headers: Readonly<Record<string, string>>,
  timeoutMs: number,
) => Promise<{ readonly status: number; readonly headers: Readonly<Record<string, string>> }>;

export interface WebhookOptions {
  readonly post: Post;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly closing: AbortSignal;
}

/** The body of a webhook: which connection and run or setting, what happened; whoever wants more asks the hub with a key. */
export function payloadOf(notice: Notice): string {
  const { kind, at, tenant, connection, run, expires, sentence } = notice;
  return JSON.stringify({
    type: `connection.${kind}`,
    timestamp: at,
    data: {
      tenant,
      connection,
      ...(run === undefined ? {} : { run }),
      ...(expires ? { setting: expires.setting, expires_at: expires.at } : {}),
      sentence: plainLine(sentence),
    },
  });
}

export async function postNotice(
  notice: Notice,
  target: { readonly webhook: string; readonly secret?: string },
  { post, clock, timeoutMs, closing }: WebhookOptions,
): Promise<Attempt> {
  const at = hostOf(target.webhook);
  if (!target.secret)
    return {
      outcome: 'not-configured',
      sentence: `The webhook at ${at} has no secret, so nobody could tell its notices from forged ones; add secret: to its entry under notify, for example from: echo whsec_$(openssl rand -base64 32)`,
    };
  if (closing.aborted) return STOPPING;
  const body = payloadOf(notice);
  try {
    const signed = signatureHeaders({ id: noticeId(notice), at: clock.now(), body }, signingKeys(target.secret));
    const headers = { 'content-type': 'application/json', 'user-agent': 'sluice', ...signed };
    // A little more than the transport has: its own sentence is the better one.
    const wait = AbortSignal.any([closing, AbortSignal.timeout(timeoutMs + 500)]);
    const answer = await unlessAborted(wait, post(target.webhook, body, headers, timeoutMs));
    return judged(answer, at, clock.now());
  } catch (error) {
    if (closing.aborted) return STOPPING;
    return failure(error, at);
  }
}

function judged({ status, headers }: Awaited<ReturnType<Post>>, at: string, now: Date): Attempt {
  if (status >= 200 && status < 300) return { outcome: 'sent' };
  if (status === 410)
    return {
      outcome: 'gone',
      sentence: `The webhook at ${at} wants no more notices (410); remove its entry under notify, or enter its new address.`,
    };
  const retryAt = retryAfter(headers['retry-after'], now);
  const sentence =
    status >= 300 && status < 400
      ? `The webhook at ${at} redirects (${status}); enter its final address under notify.`
      : `The webhook at ${at} did not take the notice (${status}); if this lasts, look into its receiver.`;
  return { outcome: 'failed', sentence, ...(retryAt ? { retryAt } : {}) };
}

function failure(error: unknown, at: string): Attempt {
  if (error instanceof BadInput) return { outcome: 'not-configured', sentence: error.message };
  // What else a transport throws may quote the address, whose path is often the receiver's secret.
  const sentence =
    error instanceof SluiceError
      ? error.message
      : `The webhook at ${at} could not be reached in time; check its address under notify and its receiver.`;
  const retryAt = error instanceof TryLater ? error.notBefore : undefined;
  return { outcome: 'failed', sentence, ...(retryAt ? { retryAt } : {}) };
}

function hostOf(address: string): string {
  return URL.parse(address)?.host || 'an address that cannot be read';
}
