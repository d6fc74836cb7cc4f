import { Refused } from '../base/errors.ts';
import type { FeedKind, StreamName } from '../model/model.ts';
import type { TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { announce } from './feed.ts';
import { type Sql, sql } from './sql.ts';
import { streamRows } from './stream-rows.ts';
import type { Replacement, Replaces, TenantConfiguration, ThingStream } from './types.ts';

/** One thing that two connections tell of under the same source key, by our two ids. */
interface Pair {
  readonly kept: string;
  readonly gone: string;
}

interface Things {
  readonly kind: FeedKind;
  pairs(tenant: string, from: string, to: string): Sql;
  /** The old connection's row makes room: what the new one told of the same thing is what stands. */
  dropOld(tenant: string, kept: readonly string[]): Sql;
  rename(tenant: string, pairs: readonly Pair[], versions: readonly number[]): Sql;
}

const keptOf = (pairs: readonly Pair[]): string[] => pairs.map(({ kept }) => kept);
const goneOf = (pairs: readonly Pair[]): string[] => pairs.map(({ gone }) => gone);

// Of a key there is one row at most. The limit says so to the planner, which then looks each up; a plain join it may
// carry out by comparing every row with every row (see test/store/fresh-tenant.test.ts).
const things: Readonly<Record<ThingStream, Things>> = {
  spaces: {
    kind: 'space',
    pairs: (tenant, from, to) => sql`
      SELECT o.id AS kept, n.id AS gone FROM sluice.space o
       CROSS JOIN LATERAL (
         SELECT n.id FROM sluice.space n
          WHERE n.tenant_id = o.tenant_id AND n.source_key = o.source_key AND n.connection_id = ${to} LIMIT 1) n
       WHERE o.tenant_id = ${tenant} AND o.connection_id = ${from} ORDER BY o.id`,
    dropOld: (tenant, kept) => sql`DELETE FROM sluice.space WHERE tenant_id = ${tenant} AND id = ANY(${kept}::uuid[])`,
    rename: (tenant, pairs, versions) => sql`
      UPDATE sluice.space s SET id = new.kept, version = new.version
        FROM unnest(${keptOf(pairs)}::uuid[], ${goneOf(pairs)}::uuid[], ${versions}::bigint[]) AS new (kept, gone, version)
       WHERE s.tenant_id = ${tenant} AND s.id = new.gone`,
  },
  events: {
    kind: 'event',
    pairs: (tenant, from, to) => sql`
      SELECT o.id AS kept, n.id AS gone FROM sluice.event o
       CROSS JOIN LATERAL (
         SELECT n.id FROM sluice.event n
          WHERE n.tenant_id = o.tenant_id AND n.partition = o.partition AND n.source_key = o.source_key
            AND n.connection_id = ${to} LIMIT 1) n
       WHERE o.tenant_id = ${tenant} AND o.connection_id = ${from} ORDER BY o.id`,
    dropOld: (tenant, kept) => sql`DELETE FROM sluice.event WHERE tenant_id = ${tenant} AND id = ANY(${kept}::uuid[])`,
    rename: (tenant, pairs, versions) => sql`
      UPDATE sluice.event e SET id = new.kept, version = new.version
        FROM unnest(${keptOf(pairs)}::uuid[], ${goneOf(pairs)}::uuid[], ${versions}::bigint[]) AS new (kept, gone, version)
       WHERE e.tenant_id = ${tenant} AND e.id = new.gone`,
  },
  lockers: {
    kind: 'locker',
    pairs: (tenant, from, to) => sql`
      SELECT o.id AS kept, n.id AS gone FROM sluice.locker o
       CROSS JOIN LATERAL (
         SELECT n.id FROM sluice.locker n
          WHERE n.tenant_id = o.tenant_id AND n.source_key = o.source_key AND n.connection_id = ${to} LIMIT 1) n
       WHERE o.tenant_id = ${tenant} AND o.connection_id = ${from} ORDER BY o.id`,
    // Who had it according to the old connection goes with its row.
    dropOld: (tenant, kept) => sql`DELETE FROM sluice.locker WHERE tenant_id = ${tenant} AND id = ANY(${kept}::uuid[])`,
    // In one statement: an assignment must name a locker that there is, before and after.
    rename: (tenant, pairs, versions) => sql`
      WITH moved AS (
        UPDATE sluice.locker_assignment a SET locker_id = new.kept
          FROM unnest(${keptOf(pairs)}::uuid[], ${goneOf(pairs)}::uuid[]) AS new (kept, gone)
         WHERE a.tenant_id = ${tenant} AND a.locker_id = new.gone)
      UPDATE sluice.locker l SET id = new.kept, version = new.version
        FROM unnest(${keptOf(pairs)}::uuid[], ${goneOf(pairs)}::uuid[], ${versions}::bigint[]) AS new (kept, gone, version)
       WHERE l.tenant_id = ${tenant} AND l.id = new.gone`,
  },
};

export const thingStreams = Object.keys(things) as ThingStream[];

/** What would be kept and lost if one connection took the place of another. Writes nothing. */
export async function replacementOf(
  tx: Tx,
  context: TenantContext,
  { old, by }: Pick<Replaces, 'old' | 'by'>,
): Promise<Replacement> {
  const { tenantId } = context;
  const { from, to } = await bothOf(tx, context, { old, by });
  const read = await tx.rows<{ stream: StreamName; complete: boolean }>(sql`
    SELECT stream, bool_and(first_complete_at IS NOT NULL) AS complete FROM sluice.partition
     WHERE tenant_id = ${tenantId} AND connection_id = ${to.id} GROUP BY stream`);
  const counted = {} as Record<ThingStream, { known: number; matched: number }>;
  for (const stream of thingStreams) {
    counted[stream] = {
      known: await streamRows[stream].count(tx, context, from.id),
      matched: (await tx.rows(things[stream].pairs(tenantId, from.id, to.id))).length,
    };
  }
  return {
    users: await usersOf(tx, context, from.id, to.id),
    ...counted,
    readCompletely: read.flatMap(({ stream, complete }) => (complete ? stream : [])),
    running: [from, to].flatMap(({ name, running }) => (running ? name : [])),
  };
}

async function usersOf(tx: Tx, { tenantId }: TenantContext, from: string, to: string): Promise<Replacement['users']> {
  const [row] = await tx.rows<Replacement['users']>(sql`
    SELECT count(*)::int AS known, (count(*) FILTER (WHERE matched))::int AS matched,
           (count(*) FILTER (WHERE elsewhere AND NOT matched))::int AS elsewhere,
           coalesce(array_agg(user_id ORDER BY user_id) FILTER (WHERE NOT matched AND NOT elsewhere), '{}') AS unmatched
      FROM (SELECT c.user_id,
                   EXISTS (SELECT 1 FROM sluice.contribution n
                            WHERE n.tenant_id = ${tenantId} AND n.user_id = c.user_id AND n.supplier = ${to}) AS matched,
                   EXISTS (SELECT 1 FROM sluice.contribution x
                             JOIN registry.connection r ON r.tenant_id = x.tenant_id AND r.id = x.supplier
                            WHERE x.tenant_id = ${tenantId} AND x.user_id = c.user_id AND x.supplier <> ${from}) AS elsewhere
              FROM sluice.contribution c WHERE c.tenant_id = ${tenantId} AND c.supplier = ${from}) AS them`);
  return row!;
}

interface Connected {
  readonly id: string;
  readonly name: string;
  readonly directory: string;
  readonly running: boolean;
}

async function bothOf(tx: Tx, { tenantId }: TenantContext, { old, by }: Pick<Replaces, 'old' | 'by'>) {
  const rows = await tx.rows<Connected>(sql`
    SELECT id, name, directory, coalesce(lease_until > now(), false) AS running FROM registry.connection
     WHERE tenant_id = ${tenantId} AND name IN (${old}, ${by})`);
  const named = (wanted: string) => rows.find(({ name }) => name === wanted);
  const [from, to] = [named(old), named(by)];
  if (!from || !to) throw new Refused('not-found', 'There is no such connection.');
  return { from, to };
}

/**
 * The new connection takes what the old one has under the same names, ids included; what is left of the old one goes as
 * any removed connection does. Needs the connections and the rules locked; users need nothing but what the new
 * connection has contributed already.
 * @throws Refused `already-running`, or `conflict` when more users would be lost than the person was shown
 */
export async function takeOver(
  tx: Tx,
  context: TenantContext,
  live: TenantConfiguration | undefined,
  replaces: Replaces,
): Promise<void> {
  const { tenantId } = context;
  const { from, to } = await bothOf(tx, context, replaces);
  // A reading under way remembers rows by the ids that change here, and would take them for gone at its end.
  const running = [from, to].find((one) => one.running);
  if (running) throw beingRead(running.name);
  const { unmatched } = await usersOf(tx, context, from.id, to.id);
  if (unmatched.length > replaces.unmatched)
    throw new Refused(
      'conflict',
      `Meanwhile ${replaces.by} knows fewer of the users than was shown; nothing was changed: look again, then decide.`,
    );
  if (directoryOf(live, from) === directoryOf(live, to)) await bequeathLeavers(tx, context, from.id, to.id);
  for (const stream of thingStreams) await takeOverThings(tx, context, stream, from.id, to.id);
  // Likewise one that lost its process: it begins anew instead of going on.
  await tx.run(sql`
    UPDATE sluice.partition SET pass_run = NULL
     WHERE tenant_id = ${tenantId} AND connection_id = ${to.id} AND pass_mode = 'full' AND pass_started_at IS NOT NULL`);
}

export const beingRead = (name: string): Refused =>
  new Refused('already-running', `${name} is being read; wait until its run has ended, or cancel it, and try again.`);

function directoryOf(live: TenantConfiguration | undefined, { name, directory }: Connected): string {
  const named = live?.connections.find((one) => one.name === name)?.settings.directory;
  return typeof named === 'string' && named !== '' ? named : directory;
}

/** Source keys are digested with their directory: only of the same one they are the same, and bring a leaver back. */
async function bequeathLeavers(tx: Tx, { tenantId }: TenantContext, from: string, to: string): Promise<void> {
  await tx.run(sql`
    INSERT INTO sluice.binding (tenant_id, connection_id, key_digest, user_id)
    SELECT ${tenantId}, ${to}, b.key_digest, b.user_id FROM sluice.binding b
     WHERE b.tenant_id = ${tenantId} AND b.connection_id = ${from}
       AND (SELECT u.status FROM sluice.users u WHERE u.tenant_id = b.tenant_id AND u.id = b.user_id) = 'left'
    ON CONFLICT DO NOTHING`);
}

async function takeOverThings(tx: Tx, context: TenantContext, stream: ThingStream, from: string, to: string) {
  const { tenantId } = context;
  const { kind, pairs: select, dropOld, rename } = things[stream];
  const pairs = await tx.rows<Pair>(select(tenantId, from, to));
  if (pairs.length === 0) return;
  const versions = await announce(tx, context, [
    ...pairs.map(({ kept }) => ({ kind, id: kept })),
    ...pairs.map(({ gone }) => ({ kind, id: gone, removed: 'source-removed' as const })),
  ]);
  await tx.run(dropOld(tenantId, keptOf(pairs)));
  await tx.run(rename(tenantId, pairs, versions.slice(0, pairs.length)));
  // As a table of pairs it would be joined, pair by pair with each row.
  const keptFor = JSON.stringify(Object.fromEntries(pairs.map(({ kept, gone }) => [gone, kept])));
  await tx.run(sql`
    UPDATE sluice.held h SET row_id = (new.kept_for ->> h.row_id::text)::uuid
      FROM (VALUES (${keptFor}::jsonb)) AS new (kept_for)
     WHERE h.tenant_id = ${tenantId} AND h.connection_id = ${to} AND h.stream = ${stream}
       AND new.kept_for ->> h.row_id::text IS NOT NULL`);
}
