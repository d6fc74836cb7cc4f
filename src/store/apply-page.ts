import { faultPoint } from '../base/faults.ts';
import type { State } from '../contract/record.ts';
import type { Kept } from '../gate/gate.ts';
import type { DropReason } from '../model/model.ts';
import type { StreamReceipt } from '../model/receipt.ts';
import { applyUsers } from './apply-users.ts';
import { inTenant, type TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { applyEvents, lostOfSeries, removeEvents } from './events.ts';
import { keepReceipt } from './keep-receipt.ts';
import { holdLease } from './lease.ts';
import { applyAssignments, applyLockers, type KeptAssignment, type RowOutcome } from './lockers.ts';
import { endPass, keepPage, type Pass, type PassEnd } from './pass.ts';
import { vouchedFor } from './remove-contributions.ts';
import { lockRules, type RulesInMemory, rulesChanged } from './rules.ts';
import type { RulesView } from './rules-view.ts';
import { applySpaces } from './spaces.ts';
import { streamRows } from './stream-rows.ts';
import { leaveTheList, sweep, takeAway } from './take-away.ts';
import type { RemovalLimit } from './types.ts';

/** A page as the gate judged it. Judged again from the same records whenever the rules moved. */
export interface JudgedPage {
  readonly read: number;
  /** At most one per key and per user: a later record of the same thing replaces an earlier one. */
  readonly kept: readonly Kept[];
  /** Kept records that a later one of the same page replaced. */
  readonly repeatedInPage: number;
  readonly dropped: Partial<Readonly<Record<DropReason, number>>>;
  /** Rows that a merely unreadable record proves to exist still. */
  readonly alsoSeen: readonly string[];
  /** The same, by source key, for streams whose rows are named so. */
  readonly keysStillThere: readonly string[];
  /** Lockers that somebody who is not a user has. */
  readonly strangers: readonly string[];
  /** Our rows of records that the source reported gone. */
  readonly gone: readonly string[];
  /** The same, by source key. */
  readonly goneKeys: readonly string[];
  readonly goneReported: number;
  /** Users and keys of records that are out of scope: in an incremental reading nothing else says that they are gone. */
  readonly leftScope: { readonly users: readonly string[]; readonly keys: readonly string[] };
  /** Groups that were told as a whole, by digest, and the keys of what they still hold. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
  readonly fieldsDropped: ReadonlyMap<string, number>;
}

export interface PageInput {
  readonly readAt: Date;
  /** As judged while it came in, through this view of the rules. */
  readonly judged: { readonly through: RulesView; readonly page: JudgedPage };
  /** Judges it again, from memory. */
  readonly judge: (rules: RulesInMemory) => JudgedPage;
  readonly state: State | undefined;
  readonly receipt: StreamReceipt;
  readonly requests: number;
  readonly bytes: number;
  readonly limit: RemovalLimit | undefined;
  /** Version of the configuration that the reading was planned from. */
  readonly configuration: number;
  /** The pass ends with this page. `sweeps`: it told everything of its stream, so what it did not see is gone. */
  readonly complete: (PassEnd & { readonly sweeps: boolean }) | undefined;
}

export interface PageOutcome {
  readonly receipt: StreamReceipt;
  readonly cancelled: boolean;
}

/** The reading was planned from another configuration: nothing of it may be written, and it begins anew. */
export class ConfigurationChanged extends Error {
  constructor() {
    super('The configuration changed under the run.');
  }
}

/** The page changes who is recognised, which only a holder of the rules alone may write: begin again so. */
class NeedsRulesAlone extends Error {}

/**
 * Applies one page in one transaction, in the one lock order: lease, rules, entities by id, feed head. If the rules
 * moved since the page was gated it is gated again here, from memory.
 */
export async function applyPage(
  context: TenantContext,
  pass: Pass,
  rules: RulesInMemory,
  input: PageInput,
): Promise<PageOutcome> {
  const removing = input.complete !== undefined && pass.mode === 'full';
  try {
    return await attempt(context, pass, rules, input, removing ? 'alone' : 'shared');
  } catch (error) {
    if (!(error instanceof NeedsRulesAlone)) throw error;
    return await attempt(context, pass, rules, input, 'alone');
  } finally {
    input.judged.through.close();
  }
}

async function attempt(
  context: TenantContext,
  pass: Pass,
  rules: RulesInMemory,
  input: PageInput,
  lock: 'shared' | 'alone',
): Promise<PageOutcome> {
  const { tenantId } = context;
  let judged = input.judged.page;
  if (!input.judged.through.current) {
    rules.outdateViews();
    judged = input.judge(rules);
  }
  await faultPoint('page.gated');
  const done = await inTenant(context, async (tx) => {
    const { cancelled } = await holdLease(tx, tenantId, pass.lease);
    const held = lock === 'alone' || changesWhoIsRecognised(pass, judged) ? 'alone' : 'shared';
    const version = await lockRules(tx, tenantId, held);
    if (version !== rules.version) {
      await rules.load(tx, version);
      if (rules.configuration !== input.configuration) throw new ConfigurationChanged();
      judged = input.judge(rules);
      if (held === 'shared' && changesWhoIsRecognised(pass, judged)) throw new NeedsRulesAlone();
    }
    const receipt = structuredClone(input.receipt);
    const applied = await applyRecords(tx, context, pass, input.readAt, judged);
    const seen = tally(receipt, pass, judged, applied.outcomes);
    const still = await rowsByKey(tx, context, pass, judged.keysStillThere);
    const toldHere = new Set(applied.outcomes.map(({ row }) => row));
    const here = [...toldHere, ...judged.alsoSeen, ...applied.alsoSeen, ...still];
    for (const row of here) if (!pass.seen.has(row)) seen.add(row);
    // Not only the first time: an earlier page of the pass may have told it gone between.
    await leaveTheList(tx, context, pass, receipt, here);
    let moved = applied.identityChanged;
    const outOfScope = await rowsByKey(tx, context, pass, judged.leftScope.keys);
    const gone = [
      ...(await vouchedFor(tx, context, pass.lease.connectionId, goneUsers(pass, judged))),
      ...(await rowsByKey(tx, context, pass, judged.goneKeys)),
      ...outOfScope.filter((row) => isOver(pass, row, toldHere)),
    ];
    await replaceGroups(tx, context, pass, receipt, judged, gone);
    if (gone.length > 0) moved = (await takeAway(tx, context, pass, receipt, gone, input.limit)) || moved;
    if (input.complete) {
      if (pass.mode === 'full' && input.complete.sweeps)
        moved = (await sweep(tx, context, pass, receipt, seen, input.limit, input.complete.within)) || moved;
      await endPass(tx, context, pass, input.complete);
    } else await keepPage(tx, context, pass, input.state, [...seen]);
    if (moved && held === 'shared') throw new NeedsRulesAlone();
    const newVersion = moved ? await rulesChanged(tx, tenantId) : version;
    await keepReceipt(tx, context, pass, receipt, input);
    return { receipt, cancelled, seen, newVersion, applied, judged };
  });
  for (const row of done.seen) pass.seen.add(row);
  pass.pages++;
  if (pass.stream === 'users') rules.remember(done.judged.kept);
  // A removal may have made users leave: then the memory is read again. Other own changes are followed in place.
  if (done.newVersion !== rules.version && !input.complete && goneUsers(pass, done.judged).length === 0) {
    rules.follow(done.newVersion, done.applied.came, done.applied.went);
  }
  return { receipt: done.receipt, cancelled: done.cancelled };
}

/**
 * Whether what is out of scope goes at once. In a full reading the sweep finds it unseen, all of it together, unless the
 * same reading had told it as in scope before.
 */
const isOver = (pass: Pass, row: string, toldHere: ReadonlySet<string>): boolean =>
  pass.mode === 'incremental' || pass.seen.has(row) || toldHere.has(row);

function goneUsers(pass: Pass, { gone, leftScope, kept }: JudgedPage): readonly string[] {
  if (leftScope.users.length === 0) return gone;
  const toldHere = new Set(kept.flatMap(({ person }) => person?.user ?? []));
  return [...new Set([...gone, ...leftScope.users.filter((user) => isOver(pass, user, toldHere))])];
}

const changesWhoIsRecognised = (pass: Pass, judged: JudgedPage): boolean =>
  judged.kept.some((kept) => kept.person?.newBinding) || goneUsers(pass, judged).length > 0;

async function rowsByKey(tx: Tx, context: TenantContext, pass: Pass, keys: readonly string[]): Promise<string[]> {
  if (keys.length === 0) return [];
  return streamRows[pass.stream].byKey(tx, context, pass.lease.connectionId, pass.partition, keys);
}

/**
 * What a group that was told as a whole holds no more is gone. While it holds anything that is a change, a series
 * moved to another day, and no removal that a person would have to look at; one told empty is a removal like any other.
 * @param gone takes the rows of groups that are empty now
 */
async function replaceGroups(
  tx: Tx,
  context: TenantContext,
  pass: Pass,
  receipt: StreamReceipt,
  { groups, keysStillThere }: JudgedPage,
  gone: string[],
): Promise<void> {
  if (pass.stream !== 'events' || groups.size === 0) return;
  const { connectionId } = pass.lease;
  const lost = (empty: boolean) =>
    lostOfSeries(
      tx,
      context,
      connectionId,
      pass.partition,
      new Map([...groups].filter(([, keys]) => (keys.length === 0) === empty)),
      keysStillThere,
    );
  receipt.removed += await removeEvents(tx, context, await lost(false), 'source-removed');
  gone.push(...(await lost(true)));
}

interface Applied {
  readonly outcomes: readonly RowOutcome[];
  readonly alsoSeen: readonly string[];
  readonly identityChanged: boolean;
  readonly came: Parameters<RulesInMemory['follow']>[1];
  readonly went: Parameters<RulesInMemory['follow']>[2];
}

async function applyRecords(
  tx: Tx,
  context: TenantContext,
  pass: Pass,
  readAt: Date,
  judged: JudgedPage,
): Promise<Applied> {
  const connection = pass.lease.connectionId;
  const nobody = { alsoSeen: [], identityChanged: false, came: [], went: [] };
  if (pass.stream === 'users') {
    if (judged.kept.length === 0) return { ...nobody, outcomes: [] };
    return { alsoSeen: [], ...(await applyUsers(tx, context, connection, readAt, judged.kept)) };
  }
  if (pass.stream === 'lockers') {
    return { ...nobody, outcomes: await applyLockers(tx, context, connection, judged.kept) };
  }
  if (pass.stream === 'spaces') {
    return { ...nobody, outcomes: await applySpaces(tx, context, connection, judged.kept) };
  }
  if (pass.stream === 'events') {
    return { ...nobody, outcomes: await applyEvents(tx, context, connection, pass.partition, judged.kept) };
  }
  const assignments = judged.kept.map((kept): KeptAssignment => ({ ...kept, user: kept.person!.user }));
  const { outcomes, lockersSeen } = await applyAssignments(
    tx,
    context,
    connection,
    readAt,
    assignments,
    judged.strangers,
  );
  return { ...nobody, outcomes, alsoSeen: lockersSeen };
}

/** Adds the page to the account. @returns rows this page is the first of its pass to see */
export function tally(
  receipt: StreamReceipt,
  pass: Pass,
  judged: JudgedPage,
  outcomes: readonly RowOutcome[],
): Set<string> {
  receipt.mode = pass.mode;
  receipt.read += judged.read;
  receipt.repeated += judged.repeatedInPage;
  receipt.gone += judged.goneReported;
  for (const [reason, count] of Object.entries(judged.dropped) as [DropReason, number][]) {
    receipt.dropped[reason] = (receipt.dropped[reason] ?? 0) + count;
  }
  for (const [name, count] of judged.fieldsDropped) {
    receipt.fields_dropped ??= {};
    receipt.fields_dropped[name] = (receipt.fields_dropped[name] ?? 0) + count;
  }
  const fresh = new Set<string>();
  for (const { row, outcome } of outcomes) {
    if (pass.seen.has(row)) receipt.repeated++;
    else {
      receipt.kept++;
      receipt[outcome]++;
      fresh.add(row);
    }
  }
  return fresh;
}
