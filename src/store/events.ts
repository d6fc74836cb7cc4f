import type { RemovalReason } from '../model/model.ts';
import { availability } from './availability.ts';
import { comparedByKey, type KeptThing, textOf } from './by-key.ts';
import { inTenant, type TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { announce, announceGone, type FeedEntry } from './feed.ts';
import type { RowOutcome } from './lockers.ts';
import { sql } from './sql.ts';
import type { EventStore, SpaceEvent } from './types.ts';

interface Columns {
  readonly space: string;
  readonly starts_at: string;
  readonly ends_at: string;
  readonly time_zone: string | null;
  readonly all_day: boolean;
  readonly show_as: string;
  readonly organizer: string | null;
  readonly series: string | null;
}

type Row = Columns & { readonly id: string; readonly source_key: string };

/** Events of one partition, as one reading tells them; the gate has seen to it that times and space are there. */
export async function applyEvents(
  tx: Tx,
  context: TenantContext,
  connection: string,
  partition: string,
  kept: readonly KeptThing[],
): Promise<readonly RowOutcome[]> {
  const { tenantId, clock } = context;
  // Key by key: asked for all at once, the planner may rather look through every calendar than through the keys of one.
  const rows = await tx.rows<Omit<Row, 'starts_at' | 'ends_at'> & { starts_at: Date; ends_at: Date }>(sql`
    SELECT e.* FROM unnest(${kept.map(({ key }) => key)}::text[]) AS told (key)
     CROSS JOIN LATERAL (
       SELECT id, source_key, space, starts_at, ends_at, time_zone, all_day, show_as, organizer, series FROM sluice.event
        WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND partition = ${partition}
          AND source_key = told.key LIMIT 1) e`);
  const before = new Map(
    rows.map((row): [string, Row] => [
      row.source_key,
      { ...row, starts_at: row.starts_at.toISOString(), ends_at: row.ends_at.toISOString() },
    ]),
  );
  const now = clock.now().toISOString();
  const { outcomes, changed } = comparedByKey<Columns>(kept, before, (fields) => {
    const ends_at = textOf(fields.ends_at)!;
    return {
      space: textOf(fields.space)!,
      starts_at: textOf(fields.starts_at)!,
      ends_at,
      time_zone: textOf(fields.time_zone),
      all_day: fields.all_day === true,
      show_as: textOf(fields.show_as) ?? 'busy',
      // Whose booking it was is nobody's business once it is over.
      organizer: ends_at <= now ? null : textOf(fields.organizer),
      series: textOf(fields.series),
    };
  });
  if (changed.length === 0) return outcomes;
  const versions = await announce(tx, context, changed.map(living));
  await tx.run(sql`
    INSERT INTO sluice.event (tenant_id, connection_id, partition, id, source_key, space, starts_at, ends_at, time_zone,
                              all_day, show_as, organizer, series, version)
    SELECT ${tenantId}, ${connection}, ${partition}, *
      FROM unnest(${changed.map((row) => row.id)}::uuid[], ${changed.map((row) => row.source_key)}::text[],
                  ${changed.map((row) => row.space)}::text[], ${changed.map((row) => row.starts_at)}::timestamptz[],
                  ${changed.map((row) => row.ends_at)}::timestamptz[], ${changed.map((row) => row.time_zone)}::text[],
                  ${changed.map((row) => row.all_day)}::boolean[], ${changed.map((row) => row.show_as)}::text[],
                  ${changed.map((row) => row.organizer)}::uuid[], ${changed.map((row) => row.series)}::text[],
                  ${versions}::bigint[])
    ON CONFLICT (tenant_id, id) DO UPDATE
       SET space = excluded.space, starts_at = excluded.starts_at, ends_at = excluded.ends_at,
           time_zone = excluded.time_zone, all_day = excluded.all_day, show_as = excluded.show_as,
           organizer = excluded.organizer, series = excluded.series, version = excluded.version`);
  return outcomes;
}

const living = ({ id }: { readonly id: string }): FeedEntry => ({ kind: 'event', id });

/**
 * Events of series that were told as a whole, less those that were told of them: they are no more.
 * @param unreadable keys that were told as there and not readable, whichever series they are of
 */
export async function lostOfSeries(
  tx: Tx,
  { tenantId }: TenantContext,
  connection: string,
  partition: string,
  series: ReadonlyMap<string, readonly string[]>,
  unreadable: readonly string[],
): Promise<string[]> {
  if (series.size === 0) return [];
  const rows = await tx.rows<{ id: string }>(sql`
    SELECT id FROM sluice.event
     WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND partition = ${partition}
       AND series = ANY(${[...series.keys()]}::text[])
       AND NOT (source_key = ANY(${[...[...series.values()].flat(), ...unreadable]}::text[])) ORDER BY id`);
  return rows.map(({ id }) => id);
}

export async function removeEvents(
  tx: Tx,
  context: TenantContext,
  ids: readonly string[],
  reason: RemovalReason,
): Promise<number> {
  const gone = await tx.rows<{ id: string }>(sql`
    DELETE FROM sluice.event WHERE tenant_id = ${context.tenantId} AND id = ANY(${ids}::uuid[]) RETURNING id`);
  return announceGone(tx, context, 'event', gone, reason);
}

/** All of one connection, or of every one. */
export async function eventsOf(tx: Tx, { tenantId }: TenantContext, connection: string | null): Promise<string[]> {
  const rows = await tx.rows<{ id: string }>(sql`
    SELECT id FROM sluice.event
     WHERE tenant_id = ${tenantId} AND (${connection}::uuid IS NULL OR connection_id = ${connection}::uuid)`);
  return rows.map(({ id }) => id);
}

/** These users are going: their events stay, and are nobody's. @returns the events concerned, to be announced */
export async function forgetOrganizers(
  tx: Tx,
  { tenantId }: TenantContext,
  users: readonly string[],
): Promise<string[]> {
  const rows = await tx.rows<{ id: string }>(sql`
    UPDATE sluice.event SET organizer = NULL
     WHERE tenant_id = ${tenantId} AND organizer = ANY(${users}::uuid[]) RETURNING id`);
  return rows.map(({ id }) => id).sort();
}

export async function setEventVersions(
  tx: Tx,
  { tenantId }: TenantContext,
  ids: readonly string[],
  versions: readonly number[],
): Promise<void> {
  if (ids.length === 0) return;
  await tx.run(sql`
    UPDATE sluice.event e SET version = new.version
      FROM unnest(${ids}::uuid[], ${versions}::bigint[]) AS new (id, version)
     WHERE e.tenant_id = ${tenantId} AND e.id = new.id`);
}

const KEPT_AFTER_END_MS = 30 * 24 * 3_600_000;

/** What time alone ends: the organiser when the event is over, the event 30 days later. @returns how many of both, at most `atOnce` of each */
export async function endEvents(tx: Tx, context: TenantContext, atOnce: number): Promise<number> {
  const { tenantId, clock } = context;
  const now = clock.now();
  const over = await tx.rows<{ id: string }>(sql`
    UPDATE sluice.event SET organizer = NULL
     WHERE tenant_id = ${tenantId}
       AND id IN (SELECT id FROM sluice.event
                   WHERE tenant_id = ${tenantId} AND organizer IS NOT NULL AND ends_at <= ${now}
                   ORDER BY id LIMIT ${atOnce} FOR NO KEY UPDATE)
    RETURNING id`);
  const old = await tx.rows<{ id: string }>(sql`
    DELETE FROM sluice.event
     WHERE tenant_id = ${tenantId}
       AND id IN (SELECT id FROM sluice.event
                   WHERE tenant_id = ${tenantId} AND ends_at <= ${new Date(now.getTime() - KEPT_AFTER_END_MS)}
                   ORDER BY id LIMIT ${atOnce} FOR UPDATE)
    RETURNING id`);
  const gone = new Set(old.map(({ id }) => id));
  const nobodys = over.map(({ id }) => id).filter((id) => !gone.has(id));
  const numbers = await announce(tx, context, [
    ...nobodys.map((id) => living({ id })),
    ...old.map(({ id }): FeedEntry => ({ kind: 'event', id, removed: 'expired' })),
  ]);
  await setEventVersions(tx, context, nobodys, numbers.slice(0, nobodys.length));
  return over.length + old.length;
}

type Told = Omit<SpaceEvent, 'starts_at' | 'ends_at'> & { readonly starts_at: Date; readonly ends_at: Date };

export function eventStore(context: TenantContext): EventStore {
  const { tenantId, clock } = context;

  async function select(tx: Tx, wanted: Partial<Parameters<EventStore['list']>[0]> & { ids?: readonly string[] }) {
    // Space by space: the other way round, each event of the tenant would be asked where it is.
    const { ids = null, spaces = null, from = null, to = null, after = null, limit = null } = wanted;
    const rows = await tx.rows<Told>(sql`
      SELECT e.id, e.source_key AS key, e.starts_at, e.ends_at, e.time_zone, e.all_day, e.show_as, e.organizer, e.version,
             (SELECT s.id FROM sluice.space s
               WHERE s.tenant_id = e.tenant_id AND s.connection_id = e.connection_id AND s.source_key = e.space) AS space,
             (SELECT c.name FROM registry.connection c
               WHERE c.tenant_id = e.tenant_id AND c.id = e.connection_id) AS connection
        FROM sluice.event e
       WHERE e.tenant_id = ${tenantId} AND (${ids}::uuid[] IS NULL OR e.id = ANY(${ids}::uuid[]))
         AND (${spaces}::uuid[] IS NULL OR e.id = ANY(ARRAY(
               SELECT o.id FROM unnest(${spaces}::uuid[]) AS asked (id)
                CROSS JOIN LATERAL (
                  SELECT s.connection_id, s.source_key FROM sluice.space s
                   WHERE s.tenant_id = ${tenantId} AND s.id = asked.id LIMIT 1) s
                CROSS JOIN LATERAL (
                  SELECT o.id FROM sluice.event o
                   WHERE o.tenant_id = ${tenantId} AND o.connection_id = s.connection_id AND o.space = s.source_key
                     AND (${from}::timestamptz IS NULL OR o.ends_at > ${from}::timestamptz)
                     AND (${to}::timestamptz IS NULL OR o.starts_at < ${to}::timestamptz) OFFSET 0) o)))
         AND (${from}::timestamptz IS NULL OR e.ends_at > ${from}::timestamptz)
         AND (${to}::timestamptz IS NULL OR e.starts_at < ${to}::timestamptz)
         AND (${after}::uuid IS NULL OR e.id > ${after}::uuid)
       ORDER BY e.id LIMIT ${limit === null ? null : limit + 1}::bigint`);
    const now = clock.now();
    return rows.map(
      ({ starts_at, ends_at, organizer, ...event }): SpaceEvent => ({
        ...event,
        starts_at: starts_at.toISOString(),
        ends_at: ends_at.toISOString(),
        // Not told once the event is over, even if nobody has cleared it yet.
        organizer: ends_at <= now ? null : organizer,
      }),
    );
  }

  return {
    list: (wanted) =>
      inTenant(context, async (tx) => {
        const rows = await select(tx, wanted);
        const items = rows.slice(0, wanted.limit);
        return { items, next: rows.length > wanted.limit ? items.at(-1)!.id : null };
      }),
    many: (ids) =>
      inTenant(context, async (tx) => new Map((await select(tx, { ids })).map((event) => [event.id, event]))),
    availability: (asked) => inTenant(context, (tx) => availability(tx, context, asked)),
  };
}
