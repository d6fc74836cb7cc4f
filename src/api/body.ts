import type { IncomingMessage } from 'node:http';
import { parseStrictJson } from './json.ts';
import type { ApiLimits } from './limits.ts';
import { Problem } from './problems.ts';

/** Whether the request brings any body at all (RFC 9112 6.3). */
export function hasBody(request: IncomingMessage): boolean {
  const length = request.headers['content-length'];
  return request.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

/**
 * The request's JSON, or `undefined` if it brings none.
 *
 * A compressed body is refused: nothing we take is large, and unpacking is how 64 KiB become a gigabyte.
 * @throws Problem `too-large`, `unsupported-media-type`, `bad-request`
 */
export async function readJson(
  request: IncomingMessage,
  limits: Pick<ApiLimits, 'bodyBytes' | 'bodyDepth'>,
): Promise<unknown> {
  if (!hasBody(request)) return undefined;
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i.test(type)) {
    throw new Problem('unsupported-media-type', 'Send the body with Content-Type: application/json, in UTF-8.');
  }
  if ((request.headers['content-encoding'] ?? 'identity') !== 'identity') {
    throw new Problem('unsupported-media-type', 'Send the body without Content-Encoding.');
  }
  const bytes = await readBytes(request, limits.bodyBytes);
  return bytes.length === 0 ? undefined : parseStrictJson(bytes, limits.bodyDepth);
}

async function readBytes(request: IncomingMessage, most: number): Promise<Buffer> {
  const tooLarge = () => new Problem('too-large', `The body is larger than ${most / 1024} KiB.`);
  if (Number(request.headers['content-length'] ?? 0) > most) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  return await new Promise<Buffer>((resolve, reject) => {
    const settle = (act: () => void) => {
      request.off('data', take).off('end', end).off('error', broken).off('close', broken);
      act();
    };
    const take = (chunk: Buffer) => {
      size += chunk.length;
      // The rest is left to Node, which reads and drops it once the answer is out, within the server's requestTimeout.
      if (size > most) settle(() => reject(tooLarge()));
      else chunks.push(chunk);
    };
    const end = () => settle(() => resolve(Buffer.concat(chunks)));
    const broken = () => settle(() => reject(new Problem('bad-request', 'The body ended early.')));
    request.on('data', take).on('end', end).on('error', broken).on('close', broken);
  });
}
