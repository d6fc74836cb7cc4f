import { newId } from '../base/uuid.ts';
import type { KeptValue } from '../gate/map.ts';
import type { RemovalReason } from '../model/model.ts';
import { inTenant, type TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { announce, announceGone, type FeedEntry } from './feed.ts';
import { sql } from './sql.ts';
import type { Locker, LockerStore } from './types.ts';

/** What became of one kept record: which of our rows it is, and whether that row changed. */
export interface RowOutcome {
  readonly row: string;
  readonly outcome: 'created' | 'updated' | 'unchanged';
}

export interface KeptLocker {
  readonly key: string;
  readonly fields: Readonly<Record<string, KeptValue>>;
  readonly partial: boolean;
}

export interface KeptAssignment extends KeptLocker {
  readonly user: string;
}

interface LockerRow {
  id: string;
  source_key: string;
  bank: string | null;
  number: string | null;
  place: string | null;
  reported: string | null;
  size: string | null;
}

const columns = ['bank', 'number', 'place', 'size'] as const;
const text = (value: KeptValue | undefined): string | null => (typeof value === 'string' ? value : null);

export async function applyLockers(
  tx: Tx,
  context: TenantContext,
  connection: string,
  kept: readonly KeptLocker[],
): Promise<RowOutcome[]> {
  const { tenantId } = context;
  const outcomes: RowOutcome[] = [];
  const existing = await lockersByKey(
    tx,
    context,
    connection,
    kept.map(({ key }) => key),
  );
  const changed: LockerRow[] = [];
  for (const { key, fields: said, partial } of kept) {
    const before = existing.get(key);
    const fields = partial && before ? { ...before, status: before.reported, ...said } : said;
    const row: LockerRow = {
      id: before?.id ?? newId(),
      source_key: key,
      bank: text(fields.bank),
      number: text(fields.number),
      place: text(fields.place),
      size: text(fields.size),
      reported: text(fields.status) ?? 'unknown',
    };
    const same = before && before.reported === row.reported && columns.every((name) => before[name] === row[name]);
    if (!same) changed.push(row);
    outcomes.push({ row: row.id, outcome: same ? 'unchanged' : before?.reported ? 'updated' : 'created' });
  }
  if (changed.length === 0) return outcomes;
  const versions = await announce(
    tx,
    context,
    changed.map(({ id }): FeedEntry => ({ kind: 'locker', id })),
  );
  await tx.run(sql`
    INSERT INTO sluice.locker (tenant_id, connection_id, id, source_key, bank, number, place, size, reported, version)
    SELECT ${tenantId}, ${connection}, * FROM unnest(
      ${changed.map((row) => row.id)}::uuid[], ${changed.map((row) => row.source_key)}::text[],
      ${changed.map((row) => row.bank)}::text[], ${changed.map((row) => row.number)}::text[],
      ${changed.map((row) => row.place)}::text[], ${changed.map((row) => row.size)}::text[],
      ${changed.map((row) => row.reported)}::text[], ${versions}::bigint[])
    ON CONFLICT (tenant_id, id) DO UPDATE
       SET bank = excluded.bank, number = excluded.number, place = excluded.place, size = excluded.size,
           reported = excluded.reported, version = excluded.version`);
  return outcomes;
}

// Unlocked: the lease keeps other runs of the connection away, and the shared rules everybody else.
async function lockersByKey(
  tx: Tx,
  { tenantId }: TenantContext,
  connection: string,
  keys: readonly string[],
): Promise<Map<string, LockerRow>> {
  const rows = await tx.rows<LockerRow>(sql`
    SELECT l.* FROM unnest(${keys}::text[]) AS told (key)
     CROSS JOIN LATERAL (
       SELECT id, source_key, bank, number, place, reported, size FROM sluice.locker
        WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND source_key = told.key LIMIT 1) l
     ORDER BY l.id`);
  return new Map(rows.map((row) => [row.source_key, row]));
}

/**
 * Assignments of users, and the lockers that strangers have: those are occupied, and nothing else is known.
 * A locker that no list named yet is made from its key alone.
 */
export async function applyAssignments(
  tx: Tx,
  context: TenantContext,
  connection: string,
  readAt: Date,
  kept: readonly KeptAssignment[],
  strangers: readonly string[],
): Promise<{ outcomes: RowOutcome[]; lockersSeen: string[] }> {
  const { tenantId } = context;
  const outcomes: RowOutcome[] = [];
  const named = kept.flatMap(({ fields }) => text(fields.locker) ?? []);
  const { lockers, made } = await lockersFor(tx, context, connection, [...new Set([...named, ...strangers])]);
  const before = await assignmentsByKey(
    tx,
    context,
    connection,
    kept.map(({ key }) => key),
  );
  const changed = new Set(made);
  const write: { key: string; row: string; locker: string; user: string; until: string | null; shared: boolean }[] = [];
  for (const { key, user, fields } of kept) {
    const locker = lockers.get(text(fields.locker) ?? '')!;
    const old = before.get(key);
    const until = text(fields.until);
    const shared = fields.shared === true;
    const row = old?.row_id ?? newId();
    const same =
      old?.locker_id === locker &&
      old.user_id === user &&
      old.shared === shared &&
      (old.until?.getTime() ?? null) === (until === null ? null : Date.parse(until));
    const newer = old !== undefined && old.read_at > readAt;
    outcomes.push({ row, outcome: same || newer ? 'unchanged' : old ? 'updated' : 'created' });
    if (same || newer) continue;
    if (old) changed.add(old.locker_id);
    changed.add(locker);
    write.push({ key, row, locker, user, until, shared });
  }
  if (write.length > 0) {
    await tx.run(sql`
      INSERT INTO sluice.locker_assignment
             (tenant_id, connection_id, source_key, row_id, locker_id, user_id, until, shared, read_at)
      SELECT ${tenantId}, ${connection}, source_key, row_id, locker_id, user_id, until, shared, ${readAt}::timestamptz
        FROM unnest(${write.map((one) => one.key)}::text[], ${write.map((one) => one.row)}::uuid[],
                    ${write.map((one) => one.locker)}::uuid[], ${write.map((one) => one.user)}::uuid[],
                    ${write.map((one) => one.until)}::timestamptz[], ${write.map((one) => one.shared)}::boolean[])
          AS new (source_key, row_id, locker_id, user_id, until, shared)
      ON CONFLICT (tenant_id, connection_id, source_key) DO UPDATE
         SET locker_id = excluded.locker_id, user_id = excluded.user_id, until = excluded.until,
             shared = excluded.shared, read_at = excluded.read_at`);
  }
  const theirs = strangers.flatMap((key) => lockers.get(key) ?? []);
  const newlyTaken = await tx.rows<{ id: string }>(sql`
    UPDATE sluice.locker SET stranger = true
     WHERE tenant_id = ${tenantId} AND id = ANY(${theirs}::uuid[]) AND NOT stranger RETURNING id`);
  for (const { id } of newlyTaken) changed.add(id);
  await announceLockers(tx, context, [...changed]);
  // A user who is erased while the pass goes on leaves a stranger's locker: it was seen.
  return { outcomes, lockersSeen: [...new Set([...theirs, ...named.flatMap((key) => lockers.get(key) ?? [])])] };
}

async function lockersFor(tx: Tx, context: TenantContext, connection: string, keys: readonly string[]) {
  const lockers = new Map<string, string>();
  const existing = await lockersByKey(tx, context, connection, keys);
  for (const [key, row] of existing) lockers.set(key, row.id);
  const missing = keys.filter((key) => !lockers.has(key)).map((key) => ({ key, id: newId() }));
  for (const { key, id } of missing) lockers.set(key, id);
  if (missing.length > 0) {
    await tx.run(sql`
      INSERT INTO sluice.locker (tenant_id, connection_id, id, source_key, version)
      SELECT ${context.tenantId}, ${connection}, id, source_key, 0
        FROM unnest(${missing.map((one) => one.id)}::uuid[], ${missing.map((one) => one.key)}::text[]) AS new (id, source_key)`);
  }
  return { lockers, made: missing.map(({ id }) => id) };
}

async function assignmentsByKey(tx: Tx, { tenantId }: TenantContext, connection: string, keys: readonly string[]) {
  const rows = await tx.rows<{
    source_key: string;
    row_id: string;
    locker_id: string;
    user_id: string;
    until: Date | null;
    shared: boolean;
    read_at: Date;
  }>(sql`
    SELECT a.* FROM unnest(${keys}::text[]) AS told (key)
     CROSS JOIN LATERAL (
       SELECT source_key, row_id, locker_id, user_id, until, shared, read_at FROM sluice.locker_assignment
        WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND source_key = told.key LIMIT 1) a
     ORDER BY a.row_id`);
  return new Map(rows.map((row) => [row.source_key, row]));
}

export async function setLockerVersions(
  tx: Tx,
  { tenantId }: TenantContext,
  ids: readonly string[],
  versions: readonly number[],
): Promise<void> {
  if (ids.length === 0) return;
  await tx.run(sql`
    UPDATE sluice.locker l SET version = new.version
      FROM unnest(${ids}::uuid[], ${versions}::bigint[]) AS new (id, version)
     WHERE l.tenant_id = ${tenantId} AND l.id = new.id`);
}

async function announceLockers(tx: Tx, context: TenantContext, ids: readonly string[]): Promise<void> {
  const versions = await announce(
    tx,
    context,
    ids.map((id): FeedEntry => ({ kind: 'locker', id })),
  );
  await setLockerVersions(tx, context, ids, versions);
}

/** The user is gone or has left; the locker stays occupied. @returns the lockers concerned, to be announced */
export async function releaseLockersOf(
  tx: Tx,
  { tenantId }: TenantContext,
  users: readonly string[],
): Promise<string[]> {
  const rows = await tx.rows<{ locker_id: string }>(sql`
    DELETE FROM sluice.locker_assignment WHERE tenant_id = ${tenantId} AND user_id = ANY(${users}::uuid[])
    RETURNING locker_id`);
  const lockers = [...new Set(rows.map((row) => row.locker_id))].sort();
  if (lockers.length > 0) {
    await tx.run(
      sql`UPDATE sluice.locker SET stranger = true WHERE tenant_id = ${tenantId} AND id = ANY(${lockers}::uuid[])`,
    );
  }
  return lockers;
}

/**
 * Takes assignments away: those of users by their row, those of strangers by their locker, of which nothing else is
 * kept. Lockers that nothing names any more go too. @returns how many assignments went
 */
export async function removeAssignments(
  tx: Tx,
  context: TenantContext,
  connection: string | null,
  rows: readonly string[],
): Promise<number> {
  const { tenantId } = context;
  const gone = await tx.rows<{ id: string }>(sql`
    DELETE FROM sluice.locker_assignment WHERE tenant_id = ${tenantId} AND row_id = ANY(${rows}::uuid[])
    RETURNING locker_id AS id`);
  const freed = await tx.rows<{ id: string }>(sql`
    UPDATE sluice.locker SET stranger = false
     WHERE tenant_id = ${tenantId} AND id = ANY(${rows}::uuid[]) AND stranger RETURNING id`);
  const unnamed = await tx.rows<{ id: string }>(sql`
    SELECT l.id FROM sluice.locker l
     WHERE l.tenant_id = ${tenantId} AND (${connection}::uuid IS NULL OR l.connection_id = ${connection}::uuid)
       AND l.reported IS NULL AND NOT l.stranger
       AND NOT EXISTS (SELECT 1 FROM sluice.locker_assignment a WHERE a.tenant_id = ${tenantId} AND a.locker_id = l.id)`);
  const going = new Set(unnamed.map(({ id }) => id));
  const staying = new Set([...gone, ...freed].map(({ id }) => id).filter((id) => !going.has(id)));
  await announceLockers(tx, context, [...staying].sort());
  await removeLockers(tx, context, [...going], 'source-removed');
  return gone.length + freed.length;
}

export async function removeLockers(
  tx: Tx,
  context: TenantContext,
  ids: readonly string[],
  reason: RemovalReason,
): Promise<number> {
  const gone = await tx.rows<{ id: string }>(sql`
    DELETE FROM sluice.locker WHERE tenant_id = ${context.tenantId} AND id = ANY(${ids}::uuid[]) RETURNING id`);
  return announceGone(tx, context, 'locker', gone, reason);
}

export function lockerStore(context: TenantContext): LockerStore {
  return {
    many: (ids) =>
      inTenant(context, async (tx) => {
        const { tenantId } = context;
        const lockers = await tx.rows<
          Omit<Locker, 'assignments' | 'status'> & { reported: Locker['status'] | null; stranger: boolean }
        >(sql`
          SELECT l.id, l.source_key AS key, l.bank, l.number, l.place, l.reported, l.size, l.stranger, l.version,
                 (SELECT c.name FROM registry.connection c
                   WHERE c.tenant_id = l.tenant_id AND c.id = l.connection_id) AS connection
            FROM sluice.locker l
           WHERE l.tenant_id = ${tenantId} AND l.id = ANY(${ids}::uuid[])`);
        const assigned = await tx.rows<{ locker_id: string; user_id: string; until: Date | null; shared: boolean }>(sql`
          SELECT locker_id, user_id, until, shared FROM sluice.locker_assignment
           WHERE tenant_id = ${tenantId} AND locker_id = ANY(${ids}::uuid[]) ORDER BY user_id`);
        return new Map(
          lockers.map(({ reported, stranger, ...locker }) => {
            const assignments = assigned
              .filter((one) => one.locker_id === locker.id)
              .map((one) => ({ user: one.user_id, until: one.until?.toISOString() ?? null, shared: one.shared }));
            const taken = stranger || assignments.length > 0;
            const status = reported === 'blocked' ? 'blocked' : taken ? 'occupied' : (reported ?? 'unknown');
            return [locker.id, { ...locker, status, assignments }];
          }),
        );
      }),
  };
}
