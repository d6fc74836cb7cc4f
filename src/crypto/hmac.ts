import { hash } from 'node:crypto';

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;

/**
 * HMAC-SHA-256 (RFC 2104) under a key of one block of 7-bit bytes, for digesting many short values: two one-shot
 * hashes take 0.6 µs where createHmac takes 1.9 µs, and a pass digests every record twice. Seven bits a byte (448 in
 * all), so that the inner padded key is ASCII and can stand before the value in one string, which the one-shot call
 * takes without a copy.
 */
export class Hmac {
  readonly #inner: string;
  readonly #outer: Buffer;

  /** @param key 64 bytes, each below 128 */
  constructor(key: Uint8Array) {
    if (key.length !== BLOCK_BYTES || key.some((byte) => byte > 127))
      throw new Error('An Hmac key is 64 bytes of 7 bits.');
    this.#inner = String.fromCharCode(...key.map((byte) => byte ^ 0x36));
    this.#outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES);
    this.#outer.set(key.map((byte) => byte ^ 0x5c));
  }

  /** The digest, one character (U+0000 to U+00FF) a byte: the cheapest map key there is. */
  digest(value: string): string {
    this.#outer.write(hash('sha256', this.#inner + value, 'binary'), BLOCK_BYTES, 'latin1');
    return hash('sha256', this.#outer, 'binary');
  }
}
