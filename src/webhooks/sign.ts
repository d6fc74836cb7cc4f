import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { BadInput } from '../base/errors.ts';

/**
 * The symmetric signature of Standard Webhooks 1.0.0: HMAC-SHA-256 over `{id}.{timestamp}.{raw body}`.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#signature-scheme
 */
export interface SignedMessage {
  /** Stays the same over all attempts: the receiver's key against doubles. */
  readonly id: string;
  /** Of this attempt, not of the event: receivers refuse what is older than their tolerance. */
  readonly at: Date;
  /** Exactly as it is sent: one different byte and the receiver refuses it. */
  readonly body: string;
}

const LEAST_BYTES = 24;
const MOST_BYTES = 64;

/**
 * The keys in a webhook's secret: `whsec_` and the base64 of 24 to 64 random bytes. Several, separated by spaces, all
 * sign, so that a receiver can change its key without losing a notice.
 * @throws BadInput without quoting the secret
 */
export function signingKeys(secret: string): KeyObject[] {
  const keys = secret.split(/\s+/).filter((word) => word !== '');
  // No secret would mean a signature that anyone can make.
  if (keys.length === 0) throw unreadable();
  return keys.map((key) => {
    const text = key.startsWith('whsec_') ? key.slice('whsec_'.length) : undefined;
    if (text === undefined) throw unreadable();
    const bytes = Buffer.from(text, 'base64');
    // Node skips what is not base64: the receiver would then hold another key than we do.
    const exact = bytes.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '');
    if (!exact || bytes.length < LEAST_BYTES || bytes.length > MOST_BYTES) throw unreadable();
    return createSecretKey(bytes);
  });
}

const unreadable = () =>
  new BadInput(
    'The secret of the webhook cannot be used for signing; it must be whsec_ followed by the base64 of 24 to 64 random bytes, for example from: echo whsec_$(openssl rand -base64 32)',
  );

/** The three headers. An id that could hold a full stop could move the border between id, timestamp and body. */
export function signatureHeaders({ id, at, body }: SignedMessage, keys: readonly KeyObject[]): Record<string, string> {
  if (!/^[A-Za-z0-9_-]{1,255}$/.test(id)) throw new BadInput('A webhook id must be letters, digits, _ and - only.');
  if (keys.length === 0) throw unreadable();
  const timestamp = String(Math.floor(at.getTime() / 1000));
  const signed = keys.map((key) => createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64'));
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signed.map((signature) => `v1,${signature}`).join(' '),
  };
}
