import type { RemovalReason } from '../model/model.ts';
import { comparedByKey, type KeptThing, textOf } from './by-key.ts';
import { inTenant, type TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { announce, announceGone, type FeedEntry } from './feed.ts';
import type { RowOutcome } from './lockers.ts';
import { sql } from './sql.ts';
import type { Space, SpaceStore } from './types.ts';

interface Columns {
  readonly name: string | null;
  readonly kind: string;
  readonly parent: string | null;
  readonly capacity: number | null;
  readonly time_zone: string | null;
  readonly equipment: readonly string[];
}

/** Building, floor, zone, room, desk, and as many again. */
const DEEPEST = 10;

export async function applySpaces(
  tx: Tx,
  context: TenantContext,
  connection: string,
  kept: readonly KeptThing[],
): Promise<readonly RowOutcome[]> {
  const { tenantId } = context;
  const rows = await tx.rows<Columns & { id: string; source_key: string }>(sql`
    SELECT s.* FROM unnest(${kept.map(({ key }) => key)}::text[]) AS told (key)
     CROSS JOIN LATERAL (
       SELECT id, source_key, name, kind, parent, capacity, time_zone, equipment FROM sluice.space
        WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND source_key = told.key LIMIT 1) s`);
  const before = new Map(rows.map((row) => [row.source_key, row]));
  const { outcomes, changed } = comparedByKey<Columns>(kept, before, (fields) => ({
    name: textOf(fields.name),
    kind: textOf(fields.kind) ?? 'room',
    parent: textOf(fields.parent),
    capacity: typeof fields.capacity === 'number' ? fields.capacity : null,
    time_zone: textOf(fields.time_zone),
    equipment: Array.isArray(fields.equipment) ? fields.equipment : [],
  }));
  if (changed.length === 0) return outcomes;
  const versions = await announce(
    tx,
    context,
    changed.map(({ id }): FeedEntry => ({ kind: 'space', id })),
  );
  // A list of lists is a rectangle to PostgreSQL, and rooms have more or fewer things: each list travels as JSON.
  await tx.run(sql`
    INSERT INTO sluice.space (tenant_id, connection_id, id, source_key, name, kind, parent, capacity, time_zone, equipment, version)
    SELECT ${tenantId}, ${connection}, id, source_key, name, kind, parent, capacity, time_zone,
           ARRAY(SELECT jsonb_array_elements_text(equipment::jsonb)), version
      FROM unnest(${changed.map((row) => row.id)}::uuid[], ${changed.map((row) => row.source_key)}::text[],
                  ${changed.map((row) => row.name)}::text[], ${changed.map((row) => row.kind)}::text[],
                  ${changed.map((row) => row.parent)}::text[], ${changed.map((row) => row.capacity)}::integer[],
                  ${changed.map((row) => row.time_zone)}::text[],
                  ${changed.map((row) => JSON.stringify(row.equipment))}::text[], ${versions}::bigint[])
        AS new (id, source_key, name, kind, parent, capacity, time_zone, equipment, version)
    ON CONFLICT (tenant_id, id) DO UPDATE
       SET name = excluded.name, kind = excluded.kind, parent = excluded.parent, capacity = excluded.capacity,
           time_zone = excluded.time_zone, equipment = excluded.equipment, version = excluded.version`);
  return outcomes;
}

export async function removeSpaces(
  tx: Tx,
  context: TenantContext,
  ids: readonly string[],
  reason: RemovalReason,
): Promise<number> {
  const gone = await tx.rows<{ id: string }>(sql`
    DELETE FROM sluice.space WHERE tenant_id = ${context.tenantId} AND id = ANY(${ids}::uuid[]) RETURNING id`);
  return announceGone(tx, context, 'space', gone, reason);
}

/** All of one connection, or of every one. */
export async function spacesOf(tx: Tx, { tenantId }: TenantContext, connection: string | null): Promise<string[]> {
  const rows = await tx.rows<{ id: string }>(sql`
    SELECT id FROM sluice.space
     WHERE tenant_id = ${tenantId} AND (${connection}::uuid IS NULL OR connection_id = ${connection}::uuid)`);
  return rows.map(({ id }) => id);
}

export function spaceStore(context: TenantContext): SpaceStore {
  const { tenantId } = context;
  /** By id, or those after one. Parents are told by our ids, as far as they are known. */
  const select = (tx: Tx, ids: readonly string[] | null, after: string | null, limit: number) =>
    tx.rows<Space>(sql`
      SELECT s.id, s.source_key AS key, s.name, s.kind, s.capacity, s.time_zone, s.equipment, s.version,
             (SELECT c.name FROM registry.connection c
               WHERE c.tenant_id = s.tenant_id AND c.id = s.connection_id) AS connection,
             (SELECT p.id FROM sluice.space p
               WHERE p.tenant_id = s.tenant_id AND p.connection_id = s.connection_id AND p.source_key = s.parent) AS parent
        FROM sluice.space s
       WHERE s.tenant_id = ${tenantId} AND (${ids}::uuid[] IS NULL OR s.id = ANY(${ids}::uuid[]))
         AND (${after}::uuid IS NULL OR s.id > ${after}::uuid)
       ORDER BY s.id LIMIT ${limit}`);
  return {
    list: ({ after, limit }) =>
      inTenant(context, async (tx) => {
        const rows = await select(tx, null, after ?? null, limit + 1);
        const items = rows.slice(0, limit);
        return { items, next: rows.length > limit ? items.at(-1)!.id : null };
      }),
    many: (ids) =>
      inTenant(context, async (tx) => {
        const rows = await select(tx, ids, null, ids.length);
        return new Map(rows.map((row) => [row.id, row]));
      }),
    find: (where, limit) =>
      inTenant(context, async (tx) => {
        const { within = null, kind = null, capacity_min = null, equipment = [] } = where;
        // The depth is bounded: a source may tell of two floors that are in each other.
        const rows = await tx.rows<{ id: string }>(sql`
          WITH RECURSIVE inside (id, connection_id, source_key, depth) AS (
            SELECT id, connection_id, source_key, 0 FROM sluice.space
             WHERE tenant_id = ${tenantId} AND id = ${within}::uuid
            UNION
            SELECT s.id, s.connection_id, s.source_key, i.depth + 1 FROM sluice.space s
              JOIN inside i ON s.connection_id = i.connection_id AND s.parent = i.source_key
             WHERE s.tenant_id = ${tenantId} AND i.depth < ${DEEPEST})
          SELECT s.id FROM sluice.space s
           WHERE s.tenant_id = ${tenantId} AND (${within}::uuid IS NULL OR s.id IN (SELECT id FROM inside))
             AND (${kind}::text IS NULL OR s.kind = ${kind}) AND (${capacity_min}::integer IS NULL OR s.capacity >= ${capacity_min}::integer)
             AND s.equipment @> ${equipment}::text[]
           ORDER BY s.id LIMIT ${limit}`);
        return rows.map(({ id }) => id);
      }),
  };
}
