import type { Window } from '../contract/record.ts';
import type { RemovalReason } from '../model/model.ts';
import { comparedByKey, type KeptThing, textOf } from './by-key.ts';
import { inTenant, type TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { announce, announceGone, type FeedEntry } from './feed.ts';
import type { RowOutcome } from './lockers.ts';
import { sql } from './sql.ts';
import type { UserCalendarStore, UserEvent } from './types.ts';

/** All that a reading told of one user in its window of time; perhaps nothing. */
export interface ToldOfUser {
  readonly user: string;
  readonly kept: readonly KeptThing[];
  /** False if some of it could not be read: then what is not among it may be there all the same. */
  readonly whole: boolean;
}

interface Columns {
  readonly starts_at: string;
  readonly ends_at: string;
  readonly time_zone: string | null;
  readonly all_day: boolean;
  readonly show_as: string;
  readonly spaces: readonly string[];
}

type Row = Omit<UserEvent, 'starts_at' | 'ends_at'> & { readonly starts_at: Date; readonly ends_at: Date };

const inWords = ({ starts_at, ends_at, ...event }: Row): UserEvent => ({
  ...event,
  starts_at: starts_at.toISOString(),
  ends_at: ends_at.toISOString(),
});

/** Its key among those of all users: the source's own is one user's alone. */
const keyOf = (user: string, key: string) => `${user} ${key}`;

export interface AppliedUserEvents {
  readonly outcomes: readonly RowOutcome[];
  /** Rows within the window that their user's calendar holds no more, though it holds others: taken away already. */
  readonly moved: number;
  /** Rows of users who were told to have nothing at all in the window. */
  readonly emptied: readonly string[];
}

/**
 * Writes what a reading told of users who opted in. The caller holds the rules, and has left out whom the opt-in does
 * not cover; users are locked here, in order of their ids.
 */
export async function applyUserEvents(
  tx: Tx,
  context: TenantContext,
  connection: string,
  told: readonly ToldOfUser[],
  { readAt, within }: { readonly readAt: Date; readonly within: Window | undefined },
): Promise<AppliedUserEvents> {
  const { tenantId } = context;
  if (!within || told.length === 0) return { outcomes: [], moved: 0, emptied: [] };
  const users = told.map(({ user }) => user);
  const rows = await tx.rows<Row & { source_key: string; inside: boolean }>(sql`
    SELECT id, source_key, user_id AS user, starts_at, ends_at, time_zone, all_day, show_as, spaces, version,
           ends_at > ${within.from}::timestamptz AND starts_at < ${within.to}::timestamptz AS inside
      FROM sluice.user_event
     WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND user_id = ANY(${users}::uuid[])
     ORDER BY id FOR UPDATE`);
  const ours = await spacesAmong(tx, context, connection, told);
  const before = new Map(
    rows.map((row) => [keyOf(row.user, row.source_key), { ...inWords(row), source_key: row.source_key }]),
  );
  const things = told.flatMap(({ user, kept }) =>
    kept.map((one) => ({ ...one, key: keyOf(user, one.key), user, own: one.key })),
  );
  const ofThing = new Map(things.map((one) => [one.key, one]));
  const { outcomes, changed } = comparedByKey<Columns>(things, before, (fields) => columnsOf(fields, ours));
  const seen = new Set(outcomes.map(({ row }) => row));
  const busy = new Set(told.flatMap(({ user, kept }) => (kept.length > 0 ? [user] : [])));
  const whole = new Set(told.flatMap((one) => (one.whole ? [one.user] : [])));
  const unseen = rows.filter(({ id, user, inside }) => inside && whole.has(user) && !seen.has(id));
  const moved = await removeUserEvents(
    tx,
    context,
    unseen.filter(({ user }) => busy.has(user)).map(({ id }) => id),
    'source-removed',
  );
  const written = changed.map((row) => ({ ...row, ...ofThing.get(row.source_key)! }));
  const versions = await announce(
    tx,
    context,
    written.map(({ id }): FeedEntry => ({ kind: 'user_event', id })),
  );
  if (written.length > 0) {
    // A list of lists is a rectangle to PostgreSQL: each list travels as JSON.
    await tx.run(sql`
      INSERT INTO sluice.user_event (tenant_id, connection_id, id, user_id, source_key, starts_at, ends_at, time_zone,
                                     all_day, show_as, spaces, version)
      SELECT ${tenantId}, ${connection}, id, user_id, source_key, starts_at, ends_at, time_zone, all_day, show_as,
             ARRAY(SELECT jsonb_array_elements_text(spaces::jsonb)), version
        FROM unnest(${written.map((row) => row.id)}::uuid[], ${written.map((row) => row.user)}::uuid[],
                    ${written.map((row) => row.own)}::text[], ${written.map((row) => row.starts_at)}::timestamptz[],
                    ${written.map((row) => row.ends_at)}::timestamptz[], ${written.map((row) => row.time_zone)}::text[],
                    ${written.map((row) => row.all_day)}::boolean[], ${written.map((row) => row.show_as)}::text[],
                    ${written.map((row) => JSON.stringify(row.spaces))}::text[], ${versions}::bigint[])
          AS new (id, user_id, source_key, starts_at, ends_at, time_zone, all_day, show_as, spaces, version)
      ON CONFLICT (tenant_id, id) DO UPDATE
         SET starts_at = excluded.starts_at, ends_at = excluded.ends_at, time_zone = excluded.time_zone,
             all_day = excluded.all_day, show_as = excluded.show_as, spaces = excluded.spaces, version = excluded.version`);
  }
  await tx.run(sql`
    INSERT INTO sluice.user_calendar (tenant_id, connection_id, user_id, read_at, covers_from, covers_to)
    SELECT ${tenantId}, ${connection}, user_id, ${readAt}::timestamptz, ${within.from}::timestamptz, ${within.to}::timestamptz
      FROM unnest(${[...whole]}::uuid[]) AS new (user_id)
    ON CONFLICT (tenant_id, connection_id, user_id) DO UPDATE
       SET read_at = excluded.read_at, covers_from = excluded.covers_from, covers_to = excluded.covers_to`);
  const emptied = unseen.filter(({ user }) => !busy.has(user)).map(({ id }) => id);
  return { outcomes, moved, emptied };
}

/** Of the spaces that records name those of this connection: any other place is nobody's business. */
async function spacesAmong(
  tx: Tx,
  { tenantId }: TenantContext,
  connection: string,
  told: readonly ToldOfUser[],
): Promise<ReadonlySet<string>> {
  const named = new Set(told.flatMap(({ kept }) => kept.flatMap(({ fields }) => spacesIn(fields))));
  if (named.size === 0) return named;
  const rows = await tx.rows<{ source_key: string }>(sql`
    SELECT s.source_key FROM unnest(${[...named]}::text[]) AS told (key)
     CROSS JOIN LATERAL (
       SELECT source_key FROM sluice.space
        WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND source_key = told.key LIMIT 1) s`);
  return new Set(rows.map(({ source_key }) => source_key));
}

const spacesIn = ({ spaces }: KeptThing['fields']): readonly string[] => (Array.isArray(spaces) ? spaces : []);

function columnsOf(fields: KeptThing['fields'], ours: ReadonlySet<string>): Columns {
  return {
    starts_at: textOf(fields.starts_at)!,
    ends_at: textOf(fields.ends_at)!,
    time_zone: textOf(fields.time_zone),
    all_day: fields.all_day === true,
    show_as: textOf(fields.show_as) ?? 'busy',
    spaces: spacesIn(fields).filter((key) => ours.has(key)),
  };
}

export async function removeUserEvents(
  tx: Tx,
  context: TenantContext,
  ids: readonly string[],
  reason: RemovalReason,
): Promise<number> {
  if (ids.length === 0) return 0;
  const gone = await tx.rows<{ id: string }>(sql`
    DELETE FROM sluice.user_event WHERE tenant_id = ${context.tenantId} AND id = ANY(${ids}::uuid[]) RETURNING id`);
  await forgetHeld(tx, context, gone);
  return announceGone(tx, context, 'user_event', gone, reason);
}

/** What is gone is no question to a person any more, and no answer of theirs. */
async function forgetHeld(
  tx: Tx,
  { tenantId }: TenantContext,
  gone: readonly { readonly id: string }[],
): Promise<void> {
  if (gone.length === 0) return;
  await tx.run(sql`
    DELETE FROM sluice.held
     WHERE tenant_id = ${tenantId} AND stream = 'user_events' AND row_id = ANY(${gone.map(({ id }) => id)}::uuid[])`);
}

interface Whose {
  /** `null`: every user. */
  readonly users: readonly string[] | null;
  /** `null`: every connection. */
  readonly connection: string | null;
}

/**
 * Everything that calendars told of these users goes: their events, when their calendars were read, and what of them
 * waits for a person. @returns what is to be announced in the same transaction
 */
export async function deleteCalendars(
  tx: Tx,
  context: TenantContext,
  { users, connection }: Whose,
  reason: RemovalReason,
): Promise<FeedEntry[]> {
  const { tenantId } = context;
  await tx.run(sql`
    DELETE FROM sluice.user_calendar
     WHERE tenant_id = ${tenantId} AND (${users}::uuid[] IS NULL OR user_id = ANY(${users}::uuid[]))
       AND (${connection}::uuid IS NULL OR connection_id = ${connection}::uuid)`);
  const gone = await tx.rows<{ id: string }>(sql`
    DELETE FROM sluice.user_event
     WHERE tenant_id = ${tenantId} AND (${users}::uuid[] IS NULL OR user_id = ANY(${users}::uuid[]))
       AND (${connection}::uuid IS NULL OR connection_id = ${connection}::uuid) RETURNING id`);
  await forgetHeld(tx, context, gone);
  return gone.map(({ id }): FeedEntry => ({ kind: 'user_event', id, removed: reason }));
}

/** The same, announced. */
export async function eraseCalendars(
  tx: Tx,
  context: TenantContext,
  whose: Whose,
  reason: RemovalReason,
): Promise<void> {
  await announce(tx, context, await deleteCalendars(tx, context, whose, reason));
}

/** Where there are no spaces any more, nobody is in one. */
export const forgetSpacesOfUserEvents = (
  tx: Tx,
  { tenantId }: TenantContext,
  connection: string | null,
): Promise<number> =>
  tx.run(sql`
    UPDATE sluice.user_event SET spaces = '{}'
     WHERE tenant_id = ${tenantId} AND (${connection}::uuid IS NULL OR connection_id = ${connection}::uuid)
       AND spaces <> '{}'`);

/** What is over is kept no longer. @returns how many, at most `atOnce` */
export async function endUserEvents(tx: Tx, context: TenantContext, atOnce: number): Promise<number> {
  const { tenantId, clock } = context;
  const over = await tx.rows<{ id: string }>(sql`
    DELETE FROM sluice.user_event
     WHERE tenant_id = ${tenantId}
       AND id IN (SELECT id FROM sluice.user_event WHERE tenant_id = ${tenantId} AND ends_at <= ${clock.now()}
                   ORDER BY id LIMIT ${atOnce} FOR UPDATE)
    RETURNING id`);
  await forgetHeld(tx, context, over);
  return announceGone(tx, context, 'user_event', over, 'expired');
}

export function userCalendarStore(context: TenantContext): UserCalendarStore {
  const { tenantId, clock } = context;

  async function select(
    tx: Tx,
    wanted: Partial<Parameters<UserCalendarStore['list']>[0]> & { ids?: readonly string[] },
  ) {
    const { ids = null, user = null, from = null, to = null, after = null, limit = null } = wanted;
    // Not told once it is over, even if nobody has taken it away yet.
    const rows = await tx.rows<Row>(sql`
      SELECT e.id, e.user_id AS user, e.starts_at, e.ends_at, e.time_zone, e.all_day, e.show_as, e.version,
             ARRAY(SELECT s.id FROM sluice.space s
                    WHERE s.tenant_id = ${tenantId} AND s.connection_id = e.connection_id
                      AND s.source_key = ANY(e.spaces) ORDER BY s.id) AS spaces
        FROM sluice.user_event e
       WHERE e.tenant_id = ${tenantId} AND e.ends_at > ${clock.now()}
         AND (${ids}::uuid[] IS NULL OR e.id = ANY(${ids}::uuid[]))
         AND (${user}::uuid IS NULL OR e.user_id = ${user}::uuid)
         AND (${from}::timestamptz IS NULL OR e.ends_at > ${from}::timestamptz)
         AND (${to}::timestamptz IS NULL OR e.starts_at < ${to}::timestamptz)
         AND (${after}::uuid IS NULL OR e.id > ${after}::uuid)
       ORDER BY e.id LIMIT ${limit === null ? null : limit + 1}::bigint`);
    return rows.map(inWords);
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
    known: (user) =>
      inTenant(context, async (tx) => {
        // Of several calendars of one user that were read, known is the time that all of them tell.
        const [row] = await tx.rows<{ as_of: Date | null; covers_from: Date; covers_to: Date }>(sql`
          SELECT min(read_at) AS as_of, max(covers_from) AS covers_from, min(covers_to) AS covers_to
            FROM sluice.user_calendar WHERE tenant_id = ${tenantId} AND user_id = ${user}`);
        if (!row?.as_of) return { as_of: null, covers: null };
        if (row.covers_from >= row.covers_to) return { as_of: row.as_of.toISOString(), covers: null };
        const covers = { from: row.covers_from.toISOString(), to: row.covers_to.toISOString() };
        return { as_of: row.as_of.toISOString(), covers };
      }),
  };
}
