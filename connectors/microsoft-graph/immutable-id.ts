import type { SourceRecord } from '../../src/contract/index.ts';

/** By which Entra Connect ties a person to an object of the on-premises Active Directory. */
export const immutableId = 'onPremisesImmutableId';

/** Groups of an objectGUID whose bytes Active Directory keeps in reverse (MS-DTYP 2.3.4.2), and where each byte stands. */
const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
const swapped = (bytes: Uint8Array): Buffer => Buffer.from(order.map((at) => bytes[at]!));

/**
 * The canonical text of the objectGUID that an immutable id stands for. By itself, or through ms-DS-ConsistencyGuid, it
 * is the base64 of 16 bytes; a tenant may have chosen any other attribute, and then it is nobody's GUID.
 */
export function guidOf(id: string): string | undefined {
  if (id.length !== 24) return undefined;
  const bytes = Buffer.from(id, 'base64');
  // Buffer reads past what is not base64: only what it would write the same way is.
  if (bytes.length !== 16 || bytes.toString('base64') !== id) return undefined;
  return swapped(bytes)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** The immutable id of a canonical GUID; for filters. */
export const immutableIdOf = (guid: string): string =>
  swapped(Buffer.from(guid.replaceAll('-', ''), 'hex')).toString('base64');

/** The same record with the GUID in the place of what stands for it; null where it is none. Not told stays not told. */
export function withGuid(told: SourceRecord): SourceRecord {
  if (!Object.hasOwn(told, immutableId)) return told;
  const id = told[immutableId];
  return { ...told, [immutableId]: (typeof id === 'string' && guidOf(id)) || null };
}
