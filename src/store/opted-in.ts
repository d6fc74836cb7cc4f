import type { PersonSought } from '../contract/connector.ts';
import type { Window } from '../contract/record.ts';
import type { Feature } from '../model/features.ts';
import type { DropReason } from '../model/model.ts';
import type { StreamReceipt } from '../model/receipt.ts';
import { ConfigurationChanged, type PageOutcome, tally } from './apply-page.ts';
import { inTenant, type TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { keepReceipt } from './keep-receipt.ts';
import { holdLease } from './lease.ts';
import { openPeople } from './lookup.ts';
import { endPass, keepPage, type Pass } from './pass.ts';
import { seenAgain } from './removals.ts';
import { lockRules } from './rules.ts';
import { sql } from './sql.ts';
import { supersede, takeAway } from './take-away.ts';
import type { RemovalLimit } from './types.ts';
import { applyUserEvents, type ToldOfUser } from './user-events.ts';

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
      SELECT o.user_id, o.id FROM sluice.opt_in o JOIN sluice.users u ON u.tenant_id = o.tenant_id AND u.id = o.user_id
       WHERE o.tenant_id = ${tenantId} AND o.feature = ${feature} AND u.status = 'active'
         AND (${after}::uuid IS NULL OR o.user_id > ${after}::uuid)
         AND (${users}::uuid[] IS NULL OR o.user_id = ANY(${users}::uuid[]))
       ORDER BY o.user_id LIMIT ${limit}`);
    const sought = await openPeople(
      tx,
      context,
      rows.map(({ user_id }) => user_id),
      directory,
    );
    return rows.map(({ user_id, id }) => ({ ...sought.get(user_id), user: user_id, optIn: id }));
  });
}

/** What a source told when it was asked about users who had opted in. */
export interface OptedInPage {
  readonly feature: Feature;
  /** Under which opt-in each of them was asked about. */
  readonly asked: readonly OptedIn[];
  /** Of whom it told; the others' calendars stay as they are. */
  readonly told: readonly ToldOfUser[];
  readonly read: number;
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
  pass: Pass,
  page: OptedInPage,
  { receipt: before, requests, bytes, limit, complete }: OptedInOfRun,
): Promise<PageOutcome> {
  const { connectionId } = pass.lease;
  const done = await inTenant(context, async (tx) => {
    const { cancelled } = await holdLease(tx, context.tenantId, pass.lease);
    const covered = await coveredByOptIn(tx, context, page, connectionId);
    const receipt = structuredClone(before);
    if (pass.pages === 0) await supersede(tx, context, pass);
    const { outcomes, moved, emptied } = await applyUserEvents(tx, context, connectionId, covered.told, page);
    const dropped = { ...page.dropped };
    if (covered.withdrawn > 0) dropped['no-opt-in'] = (dropped['no-opt-in'] ?? 0) + covered.withdrawn;
    const seen = tally(receipt, pass, { ...nothingJudged, ...page, dropped }, outcomes);
    receipt.removed += moved;
    if (pass.anyHeld && seen.size > 0) await seenAgain(tx, context, connectionId, pass.stream, [...seen]);
    await takeAway(tx, context, pass, receipt, await undecided(tx, context, pass, emptied), limit);
    if (complete) await endPass(tx, context, pass, { state: undefined, within: page.within });
    else await keepPage(tx, context, pass, undefined, []);
    await keepReceipt(tx, context, pass, receipt, { requests, bytes });
    return { receipt, cancelled };
  });
  pass.pages++;
  return done;
}

/**
 * The same outside a run, for users who opted in just now. It takes nothing away from a user of whom it was told that
 * nothing is left: that is for a run, which may have to ask a person.
 */
export async function applyOptedInNow(context: TenantContext, connection: string, page: OptedInPage): Promise<void> {
  await inTenant(context, async (tx) => {
    const { told } = await coveredByOptIn(tx, context, page, connection);
    await applyUserEvents(tx, context, connection, told, page);
  });
}

const nothingJudged = {
  kept: [],
  repeatedInPage: 0,
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
): Promise<{ told: readonly ToldOfUser[]; withdrawn: number }> {
  await lockRules(tx, tenantId, 'shared');
  const [live] = await tx.rows<{ version: number }>(sql`
    SELECT version FROM sluice.configuration WHERE tenant_id = ${tenantId}`);
  if (live?.version !== configuration) throw new ConfigurationChanged();
  // Locked, because a run and somebody's own asking may tell of the same user at once; the newer reading stands.
  const standing = await tx.rows<{ user_id: string; id: string; older: boolean }>(sql`
    SELECT o.user_id, o.id, coalesce(c.read_at > ${readAt}::timestamptz, false) AS older
      FROM sluice.users u
      JOIN sluice.opt_in o ON o.tenant_id = u.tenant_id AND o.user_id = u.id AND o.feature = ${feature}
      LEFT JOIN sluice.user_calendar c ON c.tenant_id = u.tenant_id AND c.user_id = u.id AND c.connection_id = ${connection}
     WHERE u.tenant_id = ${tenantId} AND u.id = ANY(${told.map(({ user }) => user)}::uuid[]) AND u.status = 'active'
     ORDER BY u.id FOR NO KEY UPDATE OF u`);
  const optInOf = new Map(asked.map(({ user, optIn }) => [user, optIn]));
  const covers = new Map(
    standing.filter((one) => optInOf.get(one.user_id) === one.id).map((one) => [one.user_id, one]),
  );
  const without = told.filter(({ user }) => !covers.has(user));
  return {
    told: told.filter(({ user }) => covers.get(user)?.older === false),
    withdrawn: without.reduce((records, { kept }) => records + kept.length, 0),
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
