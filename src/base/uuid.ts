import { randomFillSync } from 'node:crypto';

export const ID_BYTES = 16;

/** A new UUIDv7 (RFC 9562 5.7): 48 bits of Unix milliseconds, then random bits. */
export function newId(atMs: number = Date.now()): string {
  const bytes = randomFillSync(Buffer.allocUnsafe(ID_BYTES));
  bytes.writeUIntBE(atMs, 0, 6);
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return formatUuid(bytes);
}

const DASH = 0x2d;
const DIGITS = Buffer.from('0123456789abcdef');
const formatted = Buffer.alloc(36, DASH);

/**
 * Canonical lower-case text of 16 bytes in network order. In one piece: put together from pieces it would take twice the
 * memory for as long as anybody keeps it, and the ids of all users are kept.
 */
export function formatUuid(bytes: Uint8Array): string {
  for (let byte = 0, at = 0; byte < ID_BYTES; byte++) {
    if (byte === 4 || byte === 6 || byte === 8 || byte === 10) at++;
    formatted[at++] = DIGITS[bytes[byte]! >> 4]!;
    formatted[at++] = DIGITS[bytes[byte]! & 0x0f]!;
  }
  return formatted.toString('latin1');
}

/** The 16 bytes of a UUID's text, in network order, into other bytes. @throws the text is none */
export function writeUuid(into: Uint8Array, at: number, text: string): void {
  let byte = at;
  for (let n = 0; n < text.length; n++) {
    if (text.charCodeAt(n) === DASH) continue;
    const both = (digitOf(text.charCodeAt(n)) << 4) | digitOf(text.charCodeAt(++n));
    if (both < 0 || byte === at + ID_BYTES) throw new Error('An id is no UUID.');
    into[byte++] = both;
  }
  if (byte !== at + ID_BYTES) throw new Error('An id is no UUID.');
}

/** A hexadecimal digit's value; negative for anything else. */
function digitOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function isUuid(text: string): boolean {
  return UUID.test(text);
}
