import { newId } from '../base/uuid.ts';
import type { KeptValue } from '../gate/map.ts';
import type { RowOutcome } from './lockers.ts';

/** A kept record of a thing that is named by its source's key. */
export interface KeptThing {
  readonly key: string;
  readonly fields: Readonly<Record<string, KeptValue>>;
  /** Absent fields mean unchanged. */
  readonly partial: boolean;
}

interface Row {
  readonly id: string;
  readonly source_key: string;
}

/**
 * What a page changes among the rows it names: outcomes in the order of the records, and the rows to write. Unchanged
 * ones are not among them, so that an unchanged pass writes nothing.
 * @param rowOf the columns that the fields make
 */
export function comparedByKey<Columns extends object>(
  kept: readonly KeptThing[],
  before: ReadonlyMap<string, Row & Columns>,
  rowOf: (fields: KeptThing['fields'], key: string, before: Columns | undefined) => Columns,
): { readonly outcomes: readonly RowOutcome[]; readonly changed: readonly (Row & Columns)[] } {
  const changed: (Row & Columns)[] = [];
  const outcomes = kept.map(({ key, fields, partial }): RowOutcome => {
    const old = before.get(key);
    const said = partial && old ? { ...(old as unknown as KeptThing['fields']), ...fields } : fields;
    const columns = rowOf(said, key, old);
    const id = old?.id ?? newId();
    const same =
      old !== undefined && (Object.keys(columns) as (keyof Columns)[]).every((name) => equal(old[name], columns[name]));
    if (!same) changed.push({ id, source_key: key, ...columns });
    return { row: id, outcome: same ? 'unchanged' : old ? 'updated' : 'created' };
  });
  return { outcomes, changed };
}

const equal = (one: unknown, other: unknown): boolean =>
  Array.isArray(one) && Array.isArray(other)
    ? one.length === other.length && one.every((item, at) => item === other[at])
    : one === other;

export const textOf = (value: KeptValue | undefined): string | null => (typeof value === 'string' ? value : null);
