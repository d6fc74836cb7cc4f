import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { NeedsAttention, SluiceError, TooLarge, TryLater } from '../../base/errors.ts';
import type { Allowance } from './allowance.ts';

export interface BodyLimits {
  /** After decompression: a few kilobytes of gzip can hold gigabytes. */
  readonly maxBytes: number;
  /** Longest wait for the next bytes while somebody is waiting for them. */
  readonly idleMs: number;
  /** `host:port`, for sentences. */
  readonly at: string;
}

const decoders = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
} as const;

/** What we ask for; an answer in another encoding is refused. */
export const ACCEPT_ENCODING = 'gzip, deflate, br';

/**
 * The bytes of an answer, decompressed, as they arrive. Ends without an error only if the body was whole.
 * @throws TryLater it broke off, stalled or is damaged; TooLarge it is larger than the limit
 */
export async function* readBody(
  response: IncomingMessage,
  allowance: Allowance,
  limits: BodyLimits,
): AsyncGenerator<Buffer> {
  const { at, maxBytes } = limits;
  const encoding = response.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  // The consumer leaves early or the run ends: either way the connection must not linger.
  const stop = () => response.destroy(allowance.tooLate(at));
  allowance.signal.addEventListener('abort', stop, { once: true });
  response.on('error', () => {});
  try {
    if (allowance.signal.aborted) throw allowance.tooLate(at);
    let total = 0;
    for await (const chunk of decoded(bytesOf(response, allowance, limits), encoding, at)) {
      total += chunk.length;
      if (total > maxBytes)
        throw new TooLarge(
          `${at} sends more than ${Math.floor(maxBytes / (1024 * 1024))} MiB in one answer; narrow down what is exported there.`,
        );
      yield chunk;
    }
  } catch (error) {
    // Node's and zlib's messages are dropped: what they know beyond the code is content.
    throw error instanceof SluiceError ? error : endedEarly(at);
  } finally {
    allowance.signal.removeEventListener('abort', stop);
    response.destroy();
  }
}

export const endedEarly = (at: string) =>
  new TryLater(`The answer of ${at} ended early; nothing is taken away, and the next run tries again.`);

async function* bytesOf(
  response: IncomingMessage,
  allowance: Allowance,
  { idleMs, at }: BodyLimits,
): AsyncGenerator<Buffer> {
  const chunks = response[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  for (;;) {
    // Only our own waiting counts: a slow consumer must not make the source look slow.
    const timer = setTimeout(() => response.destroy(allowance.tooLate(at)), allowance.patience(idleMs));
    let next: IteratorResult<Buffer>;
    try {
      next = await chunks.next();
    } finally {
      clearTimeout(timer);
    }
    if (next.done) break;
    allowance.count({ bytes: next.value.length });
    yield next.value;
  }
  if (!response.complete) throw endedEarly(at);
}

function decoded(bytes: AsyncGenerator<Buffer>, encoding: string, at: string): AsyncIterable<Buffer> {
  if (encoding === 'identity' || encoding === '') return bytes;
  if (!Object.hasOwn(decoders, encoding))
    throw new NeedsAttention(
      `${at} sends its answer in a compression that was not asked for; let it send gzip or no compression at all.`,
    );
  const decoder = decoders[encoding as keyof typeof decoders]();
  // The pipeline destroys the decoder with our own error, which its reader then sees.
  pipeline(Readable.from(bytes, { objectMode: false }), decoder).catch(() => {});
  return decoder as AsyncIterable<Buffer>;
}
