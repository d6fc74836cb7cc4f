import type { SourceRecord, SourceScalar, SourceValue } from '../../src/contract/index.ts';

const isScalar = (value: unknown): value is SourceScalar =>
  value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

/** Told, or undefined where it is an object: no field of ours is one. */
export function plain(told: unknown): SourceValue | undefined {
  if (isScalar(told)) return told;
  return Array.isArray(told) ? told.filter(isScalar) : undefined;
}

/**
 * What was asked for of what was told, and nothing beside it. An absent field stays absent, an emptied one stays null:
 * in a delta the first means unchanged and the second emptied.
 */
export function picked(fields: readonly string[], told: Readonly<Record<string, unknown>>): SourceRecord {
  const record: Record<string, SourceValue | undefined> = {};
  for (const field of fields) {
    if (!Object.hasOwn(told, field)) continue;
    const value = plain(told[field]);
    if (value !== undefined) record[field] = value;
  }
  return record;
}
