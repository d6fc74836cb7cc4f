import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { isUuid } from '../base/uuid.ts';
import type { IdempotencyStore } from '../store/types.ts';
import { canonicalJson } from './json.ts';
import { Problem } from './problems.ts';
import type { Answer } from './route.ts';

/**
 * Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): the first request with a key does the work, a
 * repetition gets the first answer.
 *
 * An answer can hold a person's name or a new API key, and is kept for a day. So it is sealed under the caller's own
 * token, of which the hub keeps only a digest: it outlives neither the user's key nor the rule that an API key is
 * stored nowhere for anybody but the caller, who has it already.
 */
export interface OnceRequest {
  readonly store: IdempotencyStore;
  readonly apiKey: string;
  readonly token: string;
  /** The Idempotency-Key header. */
  readonly header: string;
  readonly method: string;
  /** With the query. */
  readonly url: string;
  readonly body: unknown;
  /** How long to wait for a first request that is still under way. */
  readonly waitMs: number;
  readonly signal: AbortSignal;
  /** Told of a failure to store the answer, which does not undo the work. */
  report(fault: unknown): void;
}

/** @throws Problem `bad-request` */
export function idempotencyKey(header: string | undefined): string | undefined {
  if (header === undefined || /^[\x21-\x7e]{1,255}$/.test(header)) return header;
  throw new Problem('bad-request', 'Idempotency-Key must be 1 to 255 visible ASCII characters, without spaces.', {
    errors: [{ in: 'header', path: 'Idempotency-Key', problem: 'has the wrong form' }],
  });
}

/**
 * The answer of `work`, or of the first request like this one. What fails has done nothing and is not remembered.
 * @throws Problem `idempotency-mismatch`, `idempotency-busy`, and whatever `work` throws
 */
export async function once(
  request: OnceRequest,
  work: () => Promise<Answer>,
): Promise<{ answer: Answer; replayed: boolean }> {
  const { store, apiKey, header: key } = request;
  const fingerprint = `${request.method} ${request.url} ${canonicalJson(request.body)}`;
  const safe = safeOf(request.token);

  const endMs = performance.now() + request.waitMs;
  for (let waitMs = 20; ; waitMs = Math.min(waitMs * 2, 500)) {
    const begun = await store.begin({ apiKey, key, fingerprint });
    if (begun.outcome === 'new') break;
    if (begun.outcome === 'replay') return { answer: safe.open(key, begun.status, begun.body), replayed: true };
    if (begun.outcome === 'mismatch') {
      throw new Problem('idempotency-mismatch', 'This Idempotency-Key was used for another request; use a new one.');
    }
    if (performance.now() >= endMs || request.signal.aborted) {
      throw new Problem('idempotency-busy', 'The first request with this Idempotency-Key is still under way.', {
        headers: { 'Retry-After': '1' },
      });
    }
    await pause(waitMs, undefined, { signal: request.signal }).catch(() => undefined);
  }

  let answer: Answer;
  try {
    answer = await work();
  } catch (error) {
    await store.forget({ apiKey, key }).catch(request.report);
    throw error;
  }
  const body = safe.seal(key, answer);
  const subject = subjectOf(answer.body);
  await store
    .finish({ apiKey, key, status: answer.status, body, ...(subject ? { subject } : {}) })
    .catch(request.report);
  return { answer, replayed: false };
}

/** Whom the answer is about, if it may be a user: an erasure takes the stored answer along. */
function subjectOf(body: unknown): string | undefined {
  const { id, email } = (body ?? {}) as { readonly id?: unknown; readonly email?: unknown };
  return typeof id === 'string' && isUuid(id) && typeof email === 'string' ? id : undefined;
}

interface Safe {
  seal(place: string, answer: Answer): string;
  open(place: string, status: number, sealed: string): Answer;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** AES-256-GCM under a key derived from the token; `place` is bound to it. */
function safeOf(token: string): Safe {
  const key = Buffer.from(hkdfSync('sha256', token, '', 'sluice idempotency v1', 32));
  return {
    seal(place, { status: _, ...rest }) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(place));
      const sealed = Buffer.concat([cipher.update(JSON.stringify(rest), 'utf8'), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url');
    },
    open(place, status, text) {
      const bytes = Buffer.from(text, 'base64url');
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES))
        .setAAD(Buffer.from(place))
        .setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
      const opened = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
      return { status, ...(JSON.parse(opened.toString('utf8')) as Omit<Answer, 'status'>) };
    },
  };
}
