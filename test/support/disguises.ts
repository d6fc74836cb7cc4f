/** Every shape in which a value may hide in bytes: encodings of it, and digests of it that anybody can compute. */
import { createHash } from 'node:crypto';
import { type ByteSearch, NEEDLE_BYTES } from './byte-search.ts';

/** As text in clear, encoded or in other letters. */
export function addInClear(search: ByteSearch, what: string, value: string): void {
  for (const [how, text] of new Map([
    ['', value],
    [' in lower case', value.toLowerCase()],
    [' in upper case', value.toUpperCase()],
  ])) {
    const bytes = Buffer.from(text);
    addEncoded(search, `${what}${how}`, bytes);
    const utf16 = Buffer.from(text, 'utf16le');
    search.add(`${what}${how}, UTF-16LE`, utf16);
    search.add(`${what}${how}, UTF-16BE`, Buffer.from(utf16).swap16());
    const escaped = Buffer.from(encodeURIComponent(text));
    if (!escaped.equals(bytes)) search.add(`${what}${how}, URL-encoded`, escaped);
  }
}

/** As bytes: themselves, in hexadecimal, and in base64 wherever in a longer text they begin. */
export function addEncoded(search: ByteSearch, what: string, bytes: Buffer): void {
  search.add(what, bytes);
  const hex = bytes.toString('hex');
  search.add(`${what}, hex`, Buffer.from(hex));
  search.add(`${what}, HEX`, Buffer.from(hex.toUpperCase()));
  for (const shift of [0, 1, 2]) {
    const whole = Buffer.concat([Buffer.alloc(shift), bytes]);
    // The first and last digits also hold bits of the neighbours, so they are left away.
    const first = Math.ceil((shift * 8) / 6);
    const last = Math.floor((whole.length * 8) / 6);
    for (const alphabet of ['base64', 'base64url'] as const) {
      const text = Buffer.from(whole.toString(alphabet).slice(first, last));
      if (text.length >= NEEDLE_BYTES) search.add(`${what}, ${alphabet} from digit ${shift}`, text);
    }
  }
}

/** A UUID: its text, its sixteen bytes in both byte orders in use, and their encodings. */
export function addUuid(search: ByteSearch, what: string, uuid: string): void {
  addInClear(search, what, uuid);
  const bytes = Buffer.from(uuid.replaceAll('-', ''), 'hex');
  addEncoded(search, `${what}, binary`, bytes);
  // Active Directory writes the first three groups with their bytes reversed.
  const mixed = Buffer.concat([
    Buffer.from(bytes.subarray(0, 4)).reverse(),
    Buffer.from(bytes.subarray(4, 6)).reverse(),
    Buffer.from(bytes.subarray(6, 8)).reverse(),
    bytes.subarray(8),
  ]);
  addEncoded(search, `${what}, binary, mixed order`, mixed);
}

/** Digests without a key; each counts as found by its first 16 bytes or digits. */
export function addDigests(search: ByteSearch, what: string, value: string): void {
  for (const text of new Set([value, value.toLowerCase()]))
    for (const algorithm of ['md5', 'sha1', 'sha256', 'sha512'])
      addDigest(search, `${algorithm} of ${what}`, createHash(algorithm).update(text).digest());
}

export function addDigest(search: ByteSearch, what: string, digest: Buffer): void {
  search.add(what, digest);
  search.add(`${what}, hex`, Buffer.from(digest.toString('hex')));
  search.add(`${what}, HEX`, Buffer.from(digest.toString('hex').toUpperCase()));
  search.add(`${what}, base64`, Buffer.from(digest.toString('base64')));
  search.add(`${what}, base64url`, Buffer.from(digest.toString('base64url')));
}
