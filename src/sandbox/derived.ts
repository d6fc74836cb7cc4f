import { createHash } from 'node:crypto';
import { formatUuid } from '../base/uuid.ts';

/** Something that depends on these words alone: the same on every machine, whatever else was made before it. */
const digest = (words: readonly (string | number)[]) => createHash('sha256').update(words.join('\n')).digest();

/** For what must keep its id when the sandbox starts again. Of version 8: made by rules of its own (RFC 9562 5.8). */
export function derivedUuid(...words: readonly (string | number)[]): string {
  const bytes = digest(words).subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return formatUuid(bytes);
}

/** A seed for choices that belong to these words, such as to one room and one day. */
export const derivedSeed = (...words: readonly (string | number)[]): number => digest(words).readUInt32BE(0);

/** Long and without meaning, like an id of Exchange. */
export const derivedText = (...words: readonly (string | number)[]): string => digest(words).toString('base64url');
