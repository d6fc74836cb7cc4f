import { createCipheriv, createDecipheriv, type KeyObject, randomFillSync } from 'node:crypto';

/** Where a sealed value lives. It is bound to that place: moved to another row, column or tenant it does not open. */
export interface Place {
  readonly tenant: string;
  readonly table: string;
  readonly column: string;
  readonly row: string;
}

const FORMAT = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

// Random nonces are drawn from a pool: one call per value costs more than the encryption itself.
const pool = Buffer.allocUnsafe(NONCE_BYTES * 512);
let used = pool.length;
function nextNonce(): Buffer {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += NONCE_BYTES;
  return Buffer.from(pool.subarray(used - NONCE_BYTES, used));
}

function boundTo(place: Place): Buffer {
  return Buffer.from(`${place.tenant}|${place.table}|${place.column}|${place.row}`);
}

/** AES-256-GCM: format byte, 96-bit random nonce, ciphertext, 128-bit tag. */
export function seal(key: KeyObject, place: Place, plaintext: Uint8Array | string): Buffer {
  const nonce = nextNonce();
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(boundTo(place));
  const body = typeof plaintext === 'string' ? cipher.update(plaintext, 'utf8') : cipher.update(plaintext);
  cipher.final(); // of a stream cipher there is nothing left
  const sealed = Buffer.allocUnsafe(1 + NONCE_BYTES + body.length + TAG_BYTES);
  sealed[0] = FORMAT;
  sealed.set(nonce, 1);
  sealed.set(body, 1 + NONCE_BYTES);
  sealed.set(cipher.getAuthTag(), 1 + NONCE_BYTES + body.length);
  return sealed;
}

/** Throws if the value was changed, moved or sealed under another key; the error tells nothing of it. */
export function open(key: KeyObject, place: Place, sealed: Uint8Array): Buffer {
  if (sealed[0] !== FORMAT || sealed.length < 1 + NONCE_BYTES + TAG_BYTES) {
    throw new Error(`A sealed value in ${place.table}.${place.column} has a format this version does not know.`);
  }
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(1, 1 + NONCE_BYTES));
  decipher.setAAD(boundTo(place));
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  try {
    const body = decipher.update(sealed.subarray(1 + NONCE_BYTES, sealed.length - TAG_BYTES));
    decipher.final(); // of a stream cipher there is nothing left: it checks the tag
    return body;
  } catch {
    throw new Error(`A sealed value in ${place.table}.${place.column} does not open with the keys of this hub.`);
  }
}
