import { faultPoint } from '../base/faults.ts';
import type { State } from '../contract/record.ts';
import type { Kept } from '../gate/gate.ts';
import type { DropReason, StreamName } from '../model/model.ts';
import type { RunMode, StreamReceipt } from '../model/receipt.ts';
import { applyUsers } from './apply-users.ts';
import { inTenant, type TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { holdLease, type Lease } from './lease.ts';
import { applyAssignments, applyLockers, type KeptAssignment, type RowOutcome } from './lockers.ts';
import { DEFAULT_LIMIT, exceedsLimit, removeRows, rowsByKey, seenAgain, unseenRows } from './removals.ts';
import { lockRules, type RulesInMemory, rulesChanged } from './rules.ts';
import type { RulesView } from './rules-view.ts';
import { sql } from './sql.ts';
import type { RemovalLimit } from './types.ts';

/** One reading of one partition, from its first page to its end. */
export interface Pass {
  readonly lease: Lease;
  readonly stream: StreamName;
  readonly partition: string;
  readonly mode: RunMode;
  readonly startedAt: Date;
  /** This run has read it to its end already, before it lost its process: there is nothing left to read. */
  readonly over: boolean;
  /** The state to read on from. */
  readonly state: State | null;
  /** Pages committed so far. */
  pages: number;
  /** Our rows seen so far. */
  readonly seen: Set<string>;
  /** Whether removals of this stream wait for a person: then a row seen again must leave the list. */
  readonly anyHeld: boolean;
}

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
  /** Our rows of records that the source reported gone, or of which a group re-sent as a whole holds no more. */
  readonly gone: readonly string[];
  /** The same, by source key. */
  readonly goneKeys: readonly string[];
  readonly goneReported: number;
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
  readonly complete: { readonly sweeps: boolean; readonly state: State | undefined } | undefined;
}

export interface PageOutcome {
  readonly receipt: StreamReceipt;
  readonly cancelled: boolean;
}

interface PartitionRow {
  fingerprint: string;
  state: Buffer | null;
  pass_run: string | null;
  pass_mode: RunMode | null;
  pass_started_at: Date | null;
  pages: number;
  last_complete_at: Date | null;
}

const partitionRow = (id: string, lease: Lease, stream: StreamName, partition: string) =>
  `${id}/${lease.connectionId}/${stream}/${partition}`;

/**
 * Begins a pass, or goes on with the one that this run had begun. A state is valid for one fingerprint only: with
 * another, or when a full pass is wanted, the reading starts from the beginning while the old rows stay.
 */
export async function beginPass(
  context: TenantContext,
  lease: Lease,
  wanted: { stream: StreamName; partition: string; mode: RunMode; fingerprint: string; resumable: boolean },
): Promise<Pass> {
  const { tenantId, clock, keys } = context;
  const { stream, partition, fingerprint } = wanted;
  return inTenant(context, async (tx) => {
    await holdLease(tx, tenantId, lease);
    const [row] = await tx.rows<PartitionRow>(sql`
      SELECT fingerprint, state, pass_run, pass_mode, pass_started_at, pages, last_complete_at FROM sluice.partition
       WHERE tenant_id = ${tenantId} AND connection_id = ${lease.connectionId} AND stream = ${stream} AND name = ${partition}`);
    const valid = row !== undefined && row.fingerprint === fingerprint;
    const ours = valid && row.pass_run === lease.run;
    const underWay = ours && row.pass_started_at !== null;
    const over = ours && !underWay && (row.pass_mode === 'full' || wanted.mode === 'incremental');
    const mode: RunMode =
      underWay && row.pass_mode ? row.pass_mode : valid && row.last_complete_at ? wanted.mode : 'full';
    const opened = (): State | null =>
      row?.state
        ? (JSON.parse(
            keys.open('partition', 'state', partitionRow(tenantId, lease, stream, partition), row.state),
          ) as State)
        : null;
    const startedAt = underWay ? row.pass_started_at! : clock.now();
    const [held] = await tx.rows<{ any: boolean }>(sql`
      SELECT EXISTS (SELECT 1 FROM sluice.held
        WHERE tenant_id = ${tenantId} AND connection_id = ${lease.connectionId} AND stream = ${stream}) AS any`);
    if (!underWay && !over) {
      await tx.run(sql`
        INSERT INTO sluice.partition (tenant_id, connection_id, stream, name, fingerprint, pass_run, pass_mode, pass_started_at)
        VALUES (${tenantId}, ${lease.connectionId}, ${stream}, ${partition}, ${fingerprint}, ${lease.run}, ${mode}, ${startedAt})
        ON CONFLICT (tenant_id, connection_id, stream, name) DO UPDATE
           SET fingerprint = excluded.fingerprint, pass_run = excluded.pass_run, pass_mode = excluded.pass_mode,
               pass_started_at = excluded.pass_started_at, pages = 0,
               state = CASE WHEN ${mode} = 'full' THEN NULL ELSE partition.state END`);
      await forgetSeen(tx, tenantId, lease, stream, partition);
    }
    const seen = underWay ? await seenRows(tx, tenantId, lease, stream, partition) : [];
    // Without a resumable state a killed pass starts at its first page, in the same pass: what it saw stays seen.
    const resumeState = underWay ? (wanted.resumable ? opened() : null) : mode === 'full' ? null : opened();
    return {
      lease,
      stream,
      partition,
      mode,
      startedAt,
      over,
      state: resumeState,
      pages: underWay ? row.pages : 0,
      seen: new Set(seen),
      anyHeld: held!.any,
    };
  });
}

async function seenRows(
  tx: Tx,
  tenantId: string,
  lease: Lease,
  stream: StreamName,
  partition: string,
): Promise<string[]> {
  const rows = await tx.rows<{ row: string }>(sql`
    SELECT DISTINCT unnest(rows) AS row FROM sluice.seen
     WHERE tenant_id = ${tenantId} AND connection_id = ${lease.connectionId} AND stream = ${stream} AND partition = ${partition}`);
  return rows.map(({ row }) => row);
}

const forgetSeen = (tx: Tx, tenantId: string, lease: Lease, stream: StreamName, partition: string) =>
  tx.run(sql`
    DELETE FROM sluice.seen
     WHERE tenant_id = ${tenantId} AND connection_id = ${lease.connectionId} AND stream = ${stream} AND partition = ${partition}`);

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
    const needsAlone =
      lock === 'alone' || judged.kept.some((kept) => kept.person?.newBinding) || judged.gone.length > 0;
    const held = needsAlone ? 'alone' : 'shared';
    const version = await lockRules(tx, tenantId, held);
    if (version !== rules.version) {
      await rules.load(tx, version);
      if (rules.configuration !== input.configuration) throw new ConfigurationChanged();
      judged = input.judge(rules);
      if (held === 'shared' && (judged.kept.some((kept) => kept.person?.newBinding) || judged.gone.length > 0))
        throw new NeedsRulesAlone();
    }
    const receipt = structuredClone(input.receipt);
    const applied = await applyRecords(tx, context, pass, input.readAt, judged);
    const seen = tally(receipt, pass, judged, applied.outcomes);
    const still = await rowsByKey(tx, context, pass.lease.connectionId, pass.stream, judged.keysStillThere);
    for (const row of [...judged.alsoSeen, ...applied.alsoSeen, ...still]) if (!pass.seen.has(row)) seen.add(row);
    if (pass.anyHeld && seen.size > 0) await seenAgain(tx, context, pass.lease.connectionId, pass.stream, [...seen]);
    let moved = applied.identityChanged;
    const gone = [
      ...judged.gone,
      ...(await rowsByKey(tx, context, pass.lease.connectionId, pass.stream, judged.goneKeys)),
    ];
    if (gone.length > 0) moved = (await takeAway(tx, context, pass, receipt, gone, input.limit)) || moved;
    if (input.complete) {
      if (pass.mode === 'full' && input.complete.sweeps)
        moved = (await sweep(tx, context, pass, receipt, seen, input.limit)) || moved;
      await endPass(tx, context, pass, input.complete.state);
    } else await keepPage(tx, context, pass, input.state, [...seen]);
    if (moved && held === 'shared') throw new NeedsRulesAlone();
    const newVersion = moved ? await rulesChanged(tx, tenantId) : version;
    await tx.run(sql`
      UPDATE sluice.run SET requests = ${input.requests}, bytes = ${input.bytes},
             streams = jsonb_set(streams, ${[pass.stream]}::text[], ${JSON.stringify(receipt)}::jsonb)
       WHERE tenant_id = ${tenantId} AND id = ${pass.lease.run}`);
    return { receipt, cancelled, seen, newVersion, applied, judged };
  });
  for (const row of done.seen) pass.seen.add(row);
  pass.pages++;
  if (pass.stream === 'users') rules.remember(done.judged.kept);
  // A removal may have made users leave: then the memory is read again. Other own changes are followed in place.
  if (done.newVersion !== rules.version && !input.complete && done.judged.gone.length === 0) {
    rules.follow(done.newVersion, done.applied.came, done.applied.went);
  }
  return { receipt: done.receipt, cancelled: done.cancelled };
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
function tally(receipt: StreamReceipt, pass: Pass, judged: JudgedPage, outcomes: readonly RowOutcome[]): Set<string> {
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

async function keepPage(
  tx: Tx,
  { tenantId, keys }: TenantContext,
  pass: Pass,
  state: State | undefined,
  seen: readonly string[],
) {
  const { lease, stream, partition } = pass;
  const sealed = state
    ? keys.seal('partition', 'state', partitionRow(tenantId, lease, stream, partition), JSON.stringify(state))
    : null;
  await tx.run(sql`
    UPDATE sluice.partition SET pages = pages + 1, state = coalesce(${sealed}::bytea, state)
     WHERE tenant_id = ${tenantId} AND connection_id = ${lease.connectionId} AND stream = ${stream} AND name = ${partition}`);
  if (pass.mode === 'incremental' || seen.length === 0) return;
  await tx.run(sql`
    INSERT INTO sluice.seen (tenant_id, connection_id, stream, partition, page, rows)
    VALUES (${tenantId}, ${lease.connectionId}, ${stream}, ${partition}, ${pass.pages}, ${seen}::uuid[])`);
}

// The run's name stays: killed between this commit and its own end, it must not read the same once more.
async function endPass(tx: Tx, { tenantId, keys }: TenantContext, pass: Pass, state: State | undefined): Promise<void> {
  const { lease, stream, partition } = pass;
  const sealed = state
    ? keys.seal('partition', 'state', partitionRow(tenantId, lease, stream, partition), JSON.stringify(state))
    : null;
  await tx.run(sql`
    UPDATE sluice.partition
       SET pass_started_at = NULL, pages = 0, state = ${sealed},
           first_complete_at = coalesce(first_complete_at, ${pass.startedAt}::timestamptz),
           last_complete_at = ${pass.startedAt}
     WHERE tenant_id = ${tenantId} AND connection_id = ${lease.connectionId} AND stream = ${stream} AND name = ${partition}`);
  await forgetSeen(tx, tenantId, lease, stream, partition);
}

/** After a complete full pass: what it did not see goes, or waits for a person. @returns whether users may have left */
async function sweep(
  tx: Tx,
  context: TenantContext,
  pass: Pass,
  receipt: StreamReceipt,
  lastPage: ReadonlySet<string>,
  limit: RemovalLimit | undefined,
): Promise<boolean> {
  const { tenantId } = context;
  const connection = pass.lease.connectionId;
  const seen = [...pass.seen, ...lastPage];
  const { run } = pass.lease;
  // A newer complete pass knows better than what an older one had staged.
  await tx.run(sql`
    DELETE FROM sluice.held
     WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND stream = ${pass.stream} AND NOT rejected
       AND run_id <> ${run}`);
  await tx.run(sql`
    UPDATE sluice.run SET status = 'superseded'
     WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND status = 'held' AND id <> ${run}
       AND NOT EXISTS (SELECT 1 FROM sluice.held h WHERE h.tenant_id = ${tenantId} AND h.run_id = run.id AND NOT h.rejected)`);
  const unseen = await unseenRows(tx, context, connection, pass.stream, pass.startedAt, seen, run);
  // A reading that saw nothing of ours is believed by a person or not at all.
  return takeAway(tx, context, pass, receipt, unseen, limit, seen.length === 0);
}

async function takeAway(
  tx: Tx,
  context: TenantContext,
  pass: Pass,
  receipt: StreamReceipt,
  rows: readonly string[],
  limit: RemovalLimit | undefined,
  alwaysAsk = false,
): Promise<boolean> {
  if (rows.length === 0) return false;
  const { tenantId } = context;
  const { connectionId, run } = pass.lease;
  if (alwaysAsk || (await exceedsLimit(tx, context, connectionId, pass.stream, rows.length, limit ?? DEFAULT_LIMIT))) {
    const staged = await tx.run(sql`
      INSERT INTO sluice.held (tenant_id, connection_id, stream, row_id, run_id, reason)
      SELECT ${tenantId}, ${connectionId}, ${pass.stream}, row_id, ${run}, 'source-removed'
        FROM unnest(${rows}::uuid[]) AS new (row_id)
      ON CONFLICT (tenant_id, connection_id, stream, row_id) DO NOTHING`);
    receipt.held += staged;
    return false;
  }
  receipt.removed += await removeRows(tx, context, connectionId, pass.stream, run, rows);
  return pass.stream === 'users';
}
