import { randomFillSync } from 'node:crypto';

/** A new UUIDv7 (RFC 9562 5.7): 48 bits of Unix milliseconds, then random bits. */
export function newId(atMs: number = Date.now()): string {
  const bytes = randomFillSync(Buffer.allocUnsafe(16));
  bytes.writeUIntBE(atMs, 0, 6);
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return formatUuid(bytes);
}

const DIGITS = Buffer.from('0123456789abcdef');
const formatted = Buffer.alloc(36, '-');

/**
 * Canonical lower-case text of 16 bytes in network order. In one piece: put together from pieces it would take twice the
 * memory for as long as anybody keeps it, and the ids of all users are kept.
 */
export function formatUuid(bytes: Uint8Array): string {
  for (let byte = 0, at = 0; byte < 16; byte++) {
    if (byte === 4 || byte === 6 || byte === 8 || byte === 10) at++;
    formatted[at++] = DIGITS[bytes[byte]! >> 4]!;
    formatted[at++] = DIGITS[bytes[byte]! & 0x0f]!;
  }
  return formatted.toString('latin1');
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function isUuid(text: string): boolean {
  return UUID.test(text);
}
