import { webcrypto } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import type { Receipt } from '../../src/model/receipt.ts';
import { emptyStreamReceipt } from '../../src/model/receipt.ts';
import type { Notice, Post } from '../../src/webhooks/index.ts';
import { certificates } from '../support/certificates.ts';
import { type WebSource, webSource } from '../support/web-source.ts';

export const RUN = '0199b3c1-7a20-7e11-9f00-5d0c1a2b3c4d';
export const NOW = new Date('2026-11-22T09:15:04.250Z');
export const clock = { now: () => NOW };

export const receiptOf = (parts: Partial<Receipt> = {}): Receipt => ({
  run: RUN,
  connection: 'acme/people',
  status: 'held',
  started_at: '2026-11-22T09:15:00.000Z',
  finished_at: '2026-11-22T09:15:04.000Z',
  requests: 3,
  bytes: 4711,
  streams: { users: { ...emptyStreamReceipt('full'), held: 812 } },
  ...parts,
});

export const held: Notice = {
  kind: 'held',
  tenant: 'acme',
  connection: 'people',
  run: RUN,
  at: NOW.toISOString(),
  sentence: `acme/people would remove more than its limit allows (users: 812); look at run ${RUN}, then approve or reject it.`,
};

/** Thirty-two bytes from `first` on, as a secret. */
export const secretOf = (first: number) =>
  `whsec_${Buffer.from(Array.from({ length: 32 }, (_, n) => first + n)).toString('base64')}`;

/** What a receiver got, byte for byte. */
export interface Received {
  readonly id: string;
  readonly timestamp: string;
  readonly signature: string;
  readonly body: string;
  readonly headers: IncomingMessage['headers'];
}

export interface Receiver extends AsyncDisposable {
  readonly origin: string;
  readonly port: number;
  readonly received: Received[];
}

/** A live receiver of webhooks over TLS that answers the same to all; `null`: never. */
export async function receiver(
  status: number | null = 204,
  headers: Readonly<Record<string, string>> = {},
): Promise<Receiver> {
  const received: Received[] = [];
  const source: WebSource = await webSource(async (incoming, response) => {
    const body = await text(incoming);
    const head = (name: string) => String(incoming.headers[name]);
    received.push({
      id: head('webhook-id'),
      timestamp: head('webhook-timestamp'),
      signature: head('webhook-signature'),
      body,
      headers: incoming.headers,
    });
    if (status !== null) response.writeHead(status, headers).end();
  });
  return {
    origin: source.origin,
    port: source.port,
    received,
    [Symbol.asyncDispose]: () => source.stop(),
  };
}

/** A POST of exactly these bytes that trusts the tests' authority; the guard has tests of its own. */
export const plainPost: Post = (url, body, headers, timeoutMs) =>
  new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      { method: 'POST', headers, ca: certificates.authority, agent: false, signal: AbortSignal.timeout(timeoutMs) },
      (answer) => {
        answer.resume();
        const flat = Object.entries(answer.headers).map(([name, value]) => [name, String(value)]);
        resolve({ status: answer.statusCode ?? 0, headers: Object.fromEntries(flat) });
      },
    );
    outgoing.on('error', reject).end(body);
  });

const TOLERANCE_S = 300;

/**
 * A receiver's check written from the specification alone, on WebCrypto: shares no line with the signing.
 * @param atMs the receiver's clock
 */
export async function verifies(message: Omit<Received, 'headers'>, secret: string, atMs: number): Promise<boolean> {
  if (!/^\d+$/.test(message.timestamp)) return false;
  if (Math.abs(atMs / 1000 - Number(message.timestamp)) > TOLERANCE_S) return false;
  const raw = Uint8Array.from(atob(secret.replace('whsec_', '')), (character) => character.charCodeAt(0));
  const key = await webcrypto.subtle.importKey('raw', raw, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
  const signed = new TextEncoder().encode([message.id, message.timestamp, message.body].join('.'));
  for (const one of message.signature.split(' ')) {
    const [version, encoded = ''] = one.split(',');
    if (version !== 'v1' || !/^[A-Za-z0-9+/]{43}=$/.test(encoded)) continue;
    const signature = Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
    if (await webcrypto.subtle.verify('HMAC', key, signature, signed)) return true;
  }
  return false;
}
