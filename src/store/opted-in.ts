import type { PersonSought } from '../contract/connector.ts';
import type { Window } from '../contract/record.ts';
import type { Feature } from '../model/features.ts';
import type { DropReason } from '../model/model.ts';
import type { StreamReceipt } from '../model/receipt.ts';
import { ConfigurationChanged, type PageOutcome, tally } from './apply-page.ts';
import { inTenant, type TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { keepReceipt } from './keep-receipt.ts';
import { holdLease, type Lease } from './lease.ts';
import { openPeople } from './lookup.ts';
import { endPass, keepPage, type Pass } from './pass.ts';
import { seenAgain } from './removals.ts';
import { lockRules } from './rules.ts';
import { sql } from './sql.ts';
import { leaveTheList, supersede, takeAway } from './take-away.ts';
import type { RemovalLimit } from './types.ts';
import { applyUserEvents, eraseCalendars, type ToldOfUser } from './user-events.ts';

/** A user whose opt-in stood when they were listed. */
export interface OptedIn extends PersonSought {
  readonly user: string;
  /** Names this giving of the opt-in: withdrawn and given again it is another one. */
  readonly optIn: string;
}

/**
 * Users who opted in, in order of their ids, with the values by which a connection may ask about them.
 * @param users of these only; null: of all
 */
export async function optedIn(
  context: TenantContext,
  feature: Feature,
  directory: string,
  { after = null, limit, users = null }: { after?: string | null; limit: number; users?: readonly string[] | null },
): Promise<OptedIn[]> {
  const { tenantId } = context;
  return inTenant(context, async (tx) => {
    const rows = await tx.rows<{ user_id: string; id: string }>(sql`
      SELECT o.user_id, o.id FROM sluice.opt_in o
       WHERE o.tenant_id = ${tenantId} AND o.feature = ${feature}
         AND (SELECT u.status FROM sluice.users u WHERE u.tenant_id = o.tenant_id AND u.id = o.user_id) = 'active'
         AND (${after}::uuid IS NULL OR o.user_id > ${after}::uuid)
         AND (${users}::uuid[] IS NULL OR o.user_id = ANY(${users}::uuid[]))
       ORDER BY o.user_id LIMIT ${limit}`);
    const ids = rows.map(({ user_id }) => user_id);
    const sought = await openPeople(tx, context, ids, directory);
    const shared = await sharingAnAddress(tx, context, ids);
    return rows.map(({ user_id, id }) => {
      const { email, ...person } = sought.get(user_id) ?? {};
      const asked = { ...person, user: user_id, optIn: id };
      return email === undefined || shared.has(user_id) ? asked : { ...asked, email };
    });
  });
}

/** By an address that two users have, one would be told to be busy with what the other is, who may not have opted in. */
async function sharingAnAddress(tx: Tx, { tenantId }: TenantContext, users: readonly string[]): Promise<Set<string>> {
  const rows = await tx.rows<{ user_id: string }>(sql`
    SELECT m.user_id FROM sluice.match_value m
     WHERE m.tenant_id = ${tenantId} AND m.user_id = ANY(${users}::uuid[]) AND m.kind = 'email'
       AND EXISTS (SELECT 1 FROM sluice.match_value o
                    WHERE o.tenant_id = ${tenantId} AND o.kind = 'email' AND o.digest = m.digest AND o.user_id <> m.user_id OFFSET 0)`);
  return new Set(rows.map(({ user_id }) => user_id));
}

/** What a source told when it was asked about users who had opted in. */
export interface OptedInPage {
  readonly feature: Feature;
  /** Under which opt-in each of them was asked about. */
  readonly asked: readonly OptedIn[];
  /** Of whom it told; the others' calendars stay as they are. */
  readonly told: readonly ToldOfUser[];
  readonly read: number;
  /** Kept records that a later one of the same user replaced. */
  readonly repeatedInPage: number;
  readonly dropped: Partial<Readonly<Record<DropReason, number>>>;
  readonly fieldsDropped: ReadonlyMap<string, number>;
  readonly readAt: Date;
  /** The window of time that was told of; undefined if nobody was asked about. */
  readonly within: Window | undefined;
  /** Version of the configuration that the asking was planned from. */
  readonly configuration: number;
}

/** The page of a run. */
export interface OptedInOfRun {
  readonly receipt: StreamReceipt;
  readonly requests: number;
  readonly bytes: number;
  readonly limit: RemovalLimit | undefined;
  /** It is the last. */
  readonly complete: boolean;
}

/**
 * Writes a page in one transaction, in the lock order of all: lease, rules, users by id, feed head. While the rules are
 * held no opt-in comes or goes, so what is not covered by one here is never written: not even what was asked for under
 * an opt-in that was withdrawn and given again since.
 */
export async function applyOptedIn(
  context: TenantContext,
  pass: OptedInPass,
  page: OptedInPage,
  { receipt: before, requests, bytes, limit, complete }: OptedInOfRun,
): Promise<PageOutcome> {
  const { connectionId } = pass.lease;
  const done = await inTenant(context, async (tx) => {
    const { cancelled } = await holdLease(tx, context.tenantId, pass.lease);
    const covered = await coveredByOptIn(tx, context, page, connectionId);
    const receipt = structuredClone(before);
    const { outcomes, moved, emptied } = await applyUserEvents(tx, context, connectionId, covered.told, page);
    const repeatedInPage = page.repeatedInPage + covered.older;
    const dropped = { ...page.dropped };
    if (covered.withdrawn > 0) dropped['no-opt-in'] = (dropped['no-opt-in'] ?? 0) + covered.withdrawn;
    const seen = tally(receipt, pass, { ...nothingJudged, ...page, repeatedInPage, dropped }, outcomes);
    receipt.removed += moved;
    await leaveTheList(tx, context, pass, receipt, [...seen]);
    const allEmptied = [...pass.emptied, ...emptied];
    if (complete) {
      await supersede(tx, context, pass);
      // A person's calendar may well become empty, and a pilot has few people: few in a day are taken away unasked.
      const rows = await undecided(tx, context, pass, allEmptied);
      await takeAway(tx, context, pass, receipt, rows, limit, 'by-limit-unless-few');
      await endPass(tx, context, pass, { state: undefined, within: page.within });
    } else await keepPage(tx, context, pass, undefined, [...seen]);
    await keepReceipt(tx, context, pass, receipt, { requests, bytes });
    return { receipt, cancelled, seen, allEmptied };
  });
  pass.pages++;
  for (const row of done.seen) pass.seen.add(row);
  pass.emptied = done.allEmptied;
  return { receipt: done.receipt, cancelled: done.cancelled };
}

/** A pass that tells of users, some a page; what it found emptied is decided on at its end, all of it together. */
export interface OptedInPass extends Pass {
  emptied: readonly string[];
}

/**
 * The same outside a run, for users who opted in just now. It takes nothing away from a user of whom it was told that
 * nothing is left: that is for a run, which may have to ask a person.
 */
export async function applyOptedInNow(context: TenantContext, connection: string, page: OptedInPage): Promise<void> {
  await inTenant(context, async (tx) => {
    const { told } = await coveredByOptIn(tx, context, page, connection);
    const { outcomes } = await applyUserEvents(tx, context, connection, told, page);
    // Told just now: what of it waits for removal does so no longer.
    await seenAgain(
      tx,
      context,
      connection,
      'user_events',
      outcomes.map(({ row }) => row),
    );
  });
}

/** A person switched this stream of the connection off: what it told goes now. */
export async function forgetOptedIn(context: TenantContext, lease: Lease): Promise<void> {
  await inTenant(context, async (tx) => {
    await holdLease(tx, context.tenantId, lease);
    await lockRules(tx, context.tenantId, 'shared');
    await eraseCalendars(tx, context, { users: null, connection: lease.connectionId }, 'source-removed');
  });
}

const nothingJudged = {
  kept: [],
  alsoSeen: [],
  keysStillThere: [],
  strangers: [],
  gone: [],
  goneKeys: [],
  goneReported: 0,
  leftScope: { users: [], keys: [] },
  groups: new Map<string, readonly string[]>(),
};

/** @throws ConfigurationChanged */
async function coveredByOptIn(
  tx: Tx,
  { tenantId }: TenantContext,
  { asked, told, feature, readAt, configuration }: OptedInPage,
  connection: string,
): Promise<{ told: readonly ToldOfUser[]; older: number; withdrawn: number }> {
  await lockRules(tx, tenantId, 'shared');
  const [live] = await tx.rows<{ version: number }>(sql`
    SELECT version FROM sluice.configuration WHERE tenant_id = ${tenantId}`);
  if (live?.version !== configuration) throw new ConfigurationChanged();
  // Locked, because a run and somebody's own asking may tell of the same user at once; the newer reading stands. What
  // that one wrote is seen only by a statement that begins after it has ended.
  await tx.rows(sql`
    SELECT 1 FROM sluice.users WHERE tenant_id = ${tenantId} AND id = ANY(${told.map(({ user }) => user)}::uuid[])
     ORDER BY id FOR NO KEY UPDATE`);
  const standing = await tx.rows<{ user_id: string; id: string; older: boolean }>(sql`
    SELECT o.user_id, o.id,
           coalesce((SELECT c.read_at FROM sluice.user_calendar c
                      WHERE c.tenant_id = o.tenant_id AND c.user_id = o.user_id
                        AND c.connection_id = ${connection}) > ${readAt}::timestamptz, false) AS older
      FROM sluice.opt_in o
     WHERE o.tenant_id = ${tenantId} AND o.feature = ${feature} AND o.user_id = ANY(${told.map(({ user }) => user)}::uuid[])`);
  const optInOf = new Map(asked.map(({ user, optIn }) => [user, optIn]));
  const covers = new Map(
    standing.filter((one) => optInOf.get(one.user_id) === one.id).map((one) => [one.user_id, one]),
  );
  const recordsOf = (some: readonly ToldOfUser[]) => some.reduce((records, { kept }) => records + kept.length, 0);
  return {
    told: told.filter(({ user }) => covers.get(user)?.older === false),
    older: recordsOf(told.filter(({ user }) => covers.get(user)?.older === true)),
    withdrawn: recordsOf(told.filter(({ user }) => !covers.has(user))),
  };
}

/** Less those of which a person has said that they stay. */
async function undecided(
  tx: Tx,
  { tenantId }: TenantContext,
  { lease, stream }: Pass,
  rows: readonly string[],
): Promise<readonly string[]> {
  if (rows.length === 0) return rows;
  const decided = await tx.rows<{ row_id: string }>(sql`
    SELECT row_id FROM sluice.held
     WHERE tenant_id = ${tenantId} AND connection_id = ${lease.connectionId} AND stream = ${stream} AND rejected`);
  const stay = new Set(decided.map(({ row_id }) => row_id));
  return rows.filter((row) => !stay.has(row));
}
