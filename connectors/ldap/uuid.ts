import { formatUuid, isUuid } from '../../src/base/uuid.ts';

/**
 * The canonical text of an objectGUID. Active Directory stores its first three groups little-endian (MS-DTYP
 * 2.3.4.2), so the bytes 44434241 4645 4847 … are 41424344-4546-4748-….
 * @returns undefined unless there are exactly 16 bytes
 */
export function uuidFromGuid(bytes: Uint8Array): string | undefined {
  return bytes.length === 16 ? formatUuid(swapped(bytes)) : undefined;
}

/** The bytes Active Directory stores for a canonical UUID; for filters. */
export function guidFromUuid(uuid: string): Buffer {
  return swapped(Buffer.from(uuid.replaceAll('-', ''), 'hex'));
}

/** An entryUUID as servers write it, in lower case without braces; undefined if it is none. */
export function canonicalUuid(text: string): string | undefined {
  if (isUuid(text)) return text;
  const uuid = text
    .trim()
    .replace(/^\{(.*)\}$/, '$1')
    .toLowerCase();
  return isUuid(uuid) ? uuid : undefined;
}

const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
const swapped = (bytes: Uint8Array): Buffer => Buffer.from(order.map((from) => bytes[from]!));
