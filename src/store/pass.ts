import { faultPoint } from '../base/faults.ts';
import type { State, Window } from '../contract/record.ts';
import type { StreamName } from '../model/model.ts';
import type { RunMode } from '../model/receipt.ts';
import { inTenant, type TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { holdLease, type Lease } from './lease.ts';
import { sql } from './sql.ts';

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
  /** Whether removals of this stream wait for a person, also such as this pass found: a row seen again must leave the list. */
  anyHeld: boolean;
}

/** How a pass ends. */
export interface PassEnd {
  readonly state: State | undefined;
  /** The window of time that it covered, where the stream is a matter of time. */
  readonly within: Window | undefined;
}

interface PartitionRow {
  /** Null: it was never begun. */
  fingerprint: string | null;
  state: Buffer | null;
  pass_run: string | null;
  pass_mode: RunMode | null;
  pass_started_at: Date | null;
  pages: number;
  last_complete_at: Date | null;
  /** Whether anything of the stream is held. */
  any_held: boolean;
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
  wanted: {
    stream: StreamName;
    partition: string;
    /** Source key of the space whose events the partition tells. */
    about?: string | undefined;
    mode: RunMode;
    fingerprint: string;
    resumable: boolean;
    /** Its state turned out to be worth nothing: from the beginning, whatever was under way. */
    anew?: boolean;
  },
): Promise<Pass> {
  const { tenantId, clock, keys } = context;
  const { stream, partition, fingerprint, anew = false } = wanted;
  const about = wanted.about ?? null;
  return inTenant(context, async (tx) => {
    await holdLease(tx, tenantId, lease);
    // Asked at once: of a thousand calendars without news this is most of the work.
    const [row] = await tx.rows<PartitionRow>(sql`
      SELECT p.fingerprint, p.state, p.pass_run, p.pass_mode, p.pass_started_at, p.pages, p.last_complete_at,
             EXISTS (SELECT 1 FROM sluice.held
                      WHERE tenant_id = ${tenantId} AND connection_id = ${lease.connectionId} AND stream = ${stream}) AS any_held
        FROM (VALUES (1)) AS asked
        LEFT JOIN sluice.partition p
          ON p.tenant_id = ${tenantId} AND p.connection_id = ${lease.connectionId} AND p.stream = ${stream} AND p.name = ${partition}`);
    const valid = row?.fingerprint === fingerprint;
    const ours = valid && row.pass_run === lease.run;
    const underWay = ours && row.pass_started_at !== null && !anew;
    // A full pass that another run left unfinished has moved the state, and has not swept: from there nothing is sure.
    const torn = row?.pass_mode === 'full' && row.pass_started_at !== null;
    const over =
      ours && row.pass_started_at === null && !anew && (row.pass_mode === 'full' || wanted.mode === 'incremental');
    const mode: RunMode =
      underWay && row.pass_mode
        ? row.pass_mode
        : valid && row.last_complete_at && !torn && !anew
          ? wanted.mode
          : 'full';
    const opened = (): State | null =>
      row?.state
        ? (JSON.parse(
            keys.open('partition', 'state', partitionRow(tenantId, lease, stream, partition), row.state),
          ) as State)
        : null;
    const startedAt = underWay ? row.pass_started_at! : clock.now();
    if (!underWay && !over) {
      await tx.run(sql`
        WITH forgotten AS (
          DELETE FROM sluice.seen
           WHERE tenant_id = ${tenantId} AND connection_id = ${lease.connectionId} AND stream = ${stream} AND partition = ${partition})
        INSERT INTO sluice.partition (tenant_id, connection_id, stream, name, about, fingerprint, pass_run, pass_mode, pass_started_at)
        VALUES (${tenantId}, ${lease.connectionId}, ${stream}, ${partition}, ${about}, ${fingerprint}, ${lease.run}, ${mode}, ${startedAt})
        ON CONFLICT (tenant_id, connection_id, stream, name) DO UPDATE
           SET about = excluded.about, fingerprint = excluded.fingerprint, pass_run = excluded.pass_run, pass_mode = excluded.pass_mode,
               pass_started_at = excluded.pass_started_at, pages = 0,
               state = CASE WHEN ${mode} = 'full' THEN NULL ELSE partition.state END`);
    }
    const seen = underWay ? await seenRows(tx, tenantId, lease, stream, partition) : [];
    // Without a resumable state a killed pass starts at its first page, in the same pass: what it saw stays seen. A pass
    // over changes starts at the state it began with: from nothing, it would never be told what is gone.
    const fromNothing = mode === 'full' && !(underWay && wanted.resumable);
    const resumeState = fromNothing ? null : opened();
    return {
      lease,
      stream,
      partition,
      mode,
      startedAt,
      over,
      state: resumeState,
      pages: underWay ? row!.pages : 0,
      seen: new Set(seen),
      anyHeld: row!.any_held,
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

export async function keepPage(
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
export async function endPass(
  tx: Tx,
  { tenantId, keys }: TenantContext,
  pass: Pass,
  { state, within }: PassEnd,
): Promise<void> {
  const { lease, stream, partition } = pass;
  await faultPoint('pass.ending');
  const sealed = state
    ? keys.seal('partition', 'state', partitionRow(tenantId, lease, stream, partition), JSON.stringify(state))
    : null;
  await tx.run(sql`
    UPDATE sluice.partition
       SET pass_started_at = NULL, pages = 0, state = ${sealed},
           first_complete_at = coalesce(first_complete_at, ${pass.startedAt}::timestamptz),
           last_complete_at = ${pass.startedAt}, covers_from = ${within?.from ?? null}, covers_to = ${within?.to ?? null}
     WHERE tenant_id = ${tenantId} AND connection_id = ${lease.connectionId} AND stream = ${stream} AND name = ${partition}`);
  await forgetSeen(tx, tenantId, lease, stream, partition);
}

/** Names of the partitions that were ever read. */
export async function partitionsOf(
  context: TenantContext,
  connectionId: string,
  stream: StreamName,
): Promise<readonly string[]> {
  const { tenantId } = context;
  const rows = await inTenant(context, (tx) =>
    tx.rows<{ name: string }>(sql`
      SELECT name FROM sluice.partition
       WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId} AND stream = ${stream} ORDER BY name`),
  );
  return rows.map(({ name }) => name);
}

/** Partitions that are read no more, once nothing of theirs is left: while removals of theirs wait, they stay. */
export async function forgetPartitions(
  context: TenantContext,
  lease: Lease,
  stream: StreamName,
  names: readonly string[],
): Promise<void> {
  const { tenantId } = context;
  await inTenant(context, async (tx) => {
    await holdLease(tx, tenantId, lease);
    // OFFSET 0: looked up for each partition, never made a join of all with all.
    await tx.run(sql`
      DELETE FROM sluice.partition
       WHERE tenant_id = ${tenantId} AND connection_id = ${lease.connectionId} AND stream = ${stream}
         AND name = ANY(${names}::text[])
         AND NOT EXISTS (SELECT 1 FROM sluice.event e
                          WHERE e.tenant_id = ${tenantId} AND e.connection_id = ${lease.connectionId}
                            AND e.partition = sluice.partition.name OFFSET 0)`);
  });
}
