import type { Clock } from '../base/clock.ts';
import { describeUnexpected, NeedsAttention, Refused, SluiceError, safeSentence, TryLater } from '../base/errors.ts';
import { faultPoint } from '../base/faults.ts';
import type { Log } from '../base/log.ts';
import {
  type CheckContext,
  type Connector,
  type ConnectorStream,
  type Partition,
  streamOf,
} from '../contract/connector.ts';
import { complete, type Item, StartOver } from '../contract/record.ts';
import type { SettingsShape } from '../contract/settings.ts';
import type { StreamName } from '../model/model.ts';
import {
  emptyStreamReceipt,
  type Receipt,
  type RunMode,
  type RunStatus,
  type StreamReceipt,
} from '../model/receipt.ts';
import type { Tx } from '../store/database.ts';
import {
  ConfigurationChanged,
  type HealthChange,
  type HubTenantStore,
  type Lease,
  LostLease,
  type PageOutcome,
  type Pass,
  type RulesInMemory,
  type RulesView,
} from '../store/index.ts';
import { contact, keepTo, type OpenNet, type SourceNet, withWait } from './contact.ts';
import { judgePage, PageUnderJudgement } from './judge.ts';
import { type Asking, askAboutEverybody } from './opted-in.ts';
import { PartitionTrouble, wantsToBeLeftAlone } from './partition-trouble.ts';
import { type ConnectionPlan, contextFor, type PlannedStream, planConnection, settle } from './plans.ts';
import { type ReadPage, readPages } from './reading.ts';
import { SideBySide } from './side-by-side.ts';
import { keepSubscriptions, type NotificationDeps } from './subscriptions.ts';
import type { RunProgress } from './types.ts';
import { Wishes } from './wishes.ts';

/** A run that takes longer than this is stuck, or the source is too large for its schedule. */
const RUN_DEADLINE_MS = 6 * 3_600_000;
/** Against a lease of a minute. */
const HEARTBEAT_MS = 15_000;
/** Less than the hub waits for its workers. */
const STOP_GRACE_MS = 5_000;
const REQUESTS_PER_RUN = 200_000;

export interface RunDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly connectors: ReadonlyMap<string, Connector>;
  net: OpenNet;
  /** Aborted when the process is asked to stop: the page under way is finished and the lease given back. */
  readonly stopping: AbortSignal;
  /** Called in the transaction that ends a run: what is to be told of it is enqueued there, or not at all. */
  within?: ((tx: Tx, tenant: HubTenantStore, run: string, health: HealthChange) => Promise<void>) | undefined;
  /** Called after every run that ended. */
  ended(tenant: HubTenantStore, receipt: Receipt, health: HealthChange, trigger: string): Promise<void>;
  /** Absent where nobody could be called, as in a command: then subscriptions are left as they are. */
  readonly notifications?: NotificationDeps | undefined;
}

export interface RunOrder {
  readonly connection: string;
  readonly mode?: RunMode;
  readonly trigger: string;
  /** Id given out beforehand. */
  readonly run?: string;
}

class Cancelled extends Error {}
class Stopping extends Error {}

/**
 * One run: take the lease, read each stream to its end, one page and one transaction at a time, account for it.
 * @throws Refused `already-running`, `not-found`; `conflict` when the connection is paused; TryLater before it began,
 * because the source asked to be left alone: then there is no run
 */
export async function runConnection(
  deps: RunDeps,
  tenant: HubTenantStore,
  order: RunOrder,
  onProgress?: (progress: RunProgress) => void,
): Promise<Receipt> {
  const status = await tenant.connections.get(order.connection);
  if (status.paused) {
    throw new Refused(
      'conflict',
      `The connection ${order.connection} is paused; look at \`sluice check\` and \`sluice preview\`, then \`sluice resume ${tenant.tenant}/${order.connection}\`.`,
    );
  }
  const abort = new AbortController();
  const limits = { signal: abort.signal, maxRequests: REQUESTS_PER_RUN, withinMs: RUN_DEADLINE_MS };
  return contact(deps, tenant, status, limits, async (net) => {
    await faultPoint('lease.before');
    const lease = await tenant.acquire(status.id, { trigger: order.trigger, ...(order.run ? { run: order.run } : {}) });
    await faultPoint('lease.after');
    deps.log.event('info', {
      event: 'run-started',
      tenant: tenant.tenant,
      connection: order.connection,
      run: lease.run,
      resumed: lease.resumed,
    });
    return new Run(deps, tenant, order, lease, { net, abort }, onProgress).toItsEnd();
  });
}

/** How many partitions are read at a time. Whom one of them recognises the others must know, so people are read in turn. */
function atOnce({ sideBySide, match }: ConnectorStream, { settings }: CheckContext<SettingsShape>): number {
  return match ? 1 : (sideBySide?.(settings) ?? 1);
}

function tellsChanges({ incremental }: ConnectorStream, { settings }: CheckContext<SettingsShape>): boolean {
  return typeof incremental === 'function' ? incremental(settings) : (incremental ?? false);
}

/** One that is throttled in each run ends each: were it always at the same place, those behind it were never read. */
function fromElsewhere<T>(items: readonly T[], failures: number): readonly T[] {
  const first = failures % Math.max(1, items.length);
  return [...items.slice(first), ...items.slice(0, first)];
}

async function* nothingMore(): AsyncGenerator<Item> {
  yield complete();
}

interface PartitionReading {
  readonly plan: ConnectionPlan;
  readonly planned: PlannedStream;
  readonly stream: ConnectorStream;
  readonly context: CheckContext<SettingsShape>;
  readonly rules: RulesInMemory;
  readonly partition: Partition;
  /** How many the stream has. */
  readonly partitions: number;
  readonly side: SideBySide;
}

class Run {
  readonly #deps: RunDeps;
  readonly #tenant: HubTenantStore;
  readonly #order: RunOrder;
  readonly #lease: Lease;
  readonly #onProgress: ((progress: RunProgress) => void) | undefined;
  readonly #abort: AbortController;
  readonly #streams: Partial<Record<StreamName, StreamReceipt>>;
  readonly #net: SourceNet;
  #cancelled = false;
  #wishes!: Wishes;

  constructor(
    deps: RunDeps,
    tenant: HubTenantStore,
    order: RunOrder,
    lease: Lease,
    { net, abort }: { readonly net: SourceNet; readonly abort: AbortController },
    onProgress: ((progress: RunProgress) => void) | undefined,
  ) {
    this.#deps = deps;
    this.#tenant = tenant;
    this.#order = order;
    this.#lease = lease;
    this.#onProgress = onProgress;
    this.#streams = { ...lease.streams };
    this.#net = net;
    this.#abort = abort;
  }

  async toItsEnd(): Promise<Receipt> {
    const heartbeat = setInterval(() => void this.#beat(), HEARTBEAT_MS);
    const stop = () => this.#abort.abort(new Stopping());
    // A source that stalls must not hold up a stop: the page under way has a moment to end.
    const stopSoon = () => setTimeout(stop, STOP_GRACE_MS).unref();
    this.#deps.stopping.addEventListener('abort', stopSoon, { once: true });
    try {
      this.#wishes = await Wishes.of(this.#tenant, this.#lease, this.#order.trigger);
      await this.#readAll().catch(async (error) => {
        // One calendar that nobody may open must not cost all others their notifications.
        if (error instanceof NeedsAttention && !this.#abort.signal.aborted) await this.#keepSubscriptions();
        throw error;
      });
      await this.#keepSubscriptions();
      return await this.#end(this.#anyHeld() ? 'held' : 'succeeded', null);
    } catch (error) {
      return await this.#endedBy(error);
    } finally {
      clearInterval(heartbeat);
      this.#deps.stopping.removeEventListener('abort', stopSoon);
      stop();
    }
  }

  /** Configuration may change under a run: nothing planned from the old one is written, and it begins anew. */
  async #readAll(): Promise<void> {
    const wish = this.#wishes.only ? undefined : await this.#tenant.fullWanted(this.#lease.connectionId);
    const wantFull = this.#order.mode === 'full' || wish !== undefined;
    for (let attempt = 1; ; attempt++) {
      try {
        const plan = await this.#plan();
        const troubles: Error[] = [];
        for (const planned of plan.streams.filter((one) => this.#wishes.include(one.plan.stream)))
          troubles.push(...(await this.#readStream(plan, planned, wantFull)));
        // What could not be read of it is read in full when it can be: another full run of all the rest helps nobody.
        if (wish !== undefined) await this.#tenant.fullDone(this.#lease.connectionId, wish);
        if (troubles[0]) throw troubles[0];
        return;
      } catch (error) {
        if (!(error instanceof ConfigurationChanged) || attempt === 5) throw error;
        const connections = await this.#tenant.connections.list();
        // Paused, removed or renamed meanwhile: this run is over, the next one knows.
        if (connections.find(({ name }) => name === this.#order.connection)?.paused !== false) throw new Cancelled();
      }
    }
  }

  async #plan(): Promise<ConnectionPlan> {
    const live = await this.#tenant.configuration.read();
    const configured = live?.configuration.connections.find(({ name }) => name === this.#order.connection);
    if (!live || !configured) throw new Cancelled();
    const connector = this.#deps.connectors.get(configured.connector);
    if (!connector)
      throw new NeedsAttention(
        `This hub has no connector ${configured.connector}; \`sluice connectors\` lists those it has.`,
      );
    const { directory } = await this.#tenant.connections.get(this.#order.connection);
    const plan = planConnection(this.#tenant, connector, live, configured, directory);
    await settle(this.#tenant, this.#lease.connectionId, plan);
    return plan;
  }

  /** @returns what went wrong with single partitions, which is no reason to leave the streams after it unread */
  async #readStream(plan: ConnectionPlan, planned: PlannedStream, wantFull: boolean): Promise<readonly Error[]> {
    const stream = streamOf(plan.connector, planned.plan.stream)!;
    const context = contextFor(plan, planned.plan, {
      net: this.#net,
      signal: this.#abort.signal,
      now: this.#deps.clock.now(),
    });
    if (planned.plan.declaration.person === 'opted-in') {
      await this.#readOptedIn(plan, planned, { stream, context });
      return [];
    }
    const all = stream.partitions ? await stream.partitions(context) : [{ name: '' }];
    await this.#forgetRefused(all, wantFull);
    const wanted = all.filter(({ name }) => this.#wishes.include(planned.plan.stream, name));
    const readable = wanted.filter(({ refused }) => !refused);
    const partitions = fromElsewhere(readable, this.#lease.failures);
    // Once for all of them: a thousand calendars are read under the same rules, which are followed as they move.
    const rules = await this.#tenant.loadedRules(this.#lease.connectionId);
    if (rules.configuration !== plan.version) throw new ConfigurationChanged();
    const side = new SideBySide(atOnce(stream, context), (error) => {
      // Planned anew, the run goes on over the same network; whatever else it is, it ends.
      if (!(error instanceof ConfigurationChanged)) this.#abort.abort(error);
    });
    const reading = { plan, planned, stream, context, rules, partitions: all.length, side };
    const trouble = new PartitionTrouble(planned.plan.stream, stream.partitions && wanted.length);
    await side.each(partitions, async (partition) => {
      this.#goOn();
      try {
        await this.#readPartition({ ...reading, partition }, wantFull, false).catch((error) => {
          if (error instanceof StartOver) return this.#readPartition({ ...reading, partition }, true, true);
          throw error;
        });
      } catch (error) {
        if (side.halted) throw error;
        if (side.ending) return;
        // Not only at the end: what the others have got is written first, and a hub that stops now has no end of its run.
        await keepTo(this.#tenant, this.#lease.connectionId, error);
        this.#goOn();
        if (!wantsToBeLeftAlone(error)) return trouble.note(error);
        side.end(error);
      }
    });
    if (stream.partitions && !this.#wishes.only)
      await this.#retirePartitions(reading, new Set(all.map(({ name }) => name)));
    for (const { refused } of wanted) if (refused) trouble.note(new NeedsAttention(refused.why));
    return trouble.all ? [trouble.all] : [];
  }

  async #forgetRefused(partitions: readonly Partition[], wantFull: boolean): Promise<void> {
    const names = partitions.flatMap(({ name, refused }) => (refused?.forget ? [name] : []));
    if (names.length === 0) return;
    const changed = await this.#tenant.forgetRefused(this.#lease, names, {
      streams: this.#streams,
      mode: wantFull ? 'full' : 'incremental',
      requests: this.#lease.requests + this.#net.spent.requests,
      bytes: this.#lease.bytes + this.#net.spent.bytes,
    });
    Object.assign(this.#streams, changed);
  }

  /** Asked anew each time: what people are busy with has no state to go on from. */
  async #readOptedIn(
    { version }: ConnectionPlan,
    { plan, limit, fingerprint }: PlannedStream,
    asked: Pick<Asking, 'stream' | 'context'>,
  ): Promise<void> {
    if (asked.stream.wanted?.(asked.context.settings) === false) return this.#tenant.forgetOptedIn(this.#lease);
    const begun = await this.#tenant.beginPass(this.#lease, {
      stream: plan.stream,
      partition: '',
      mode: 'full',
      fingerprint,
      resumable: false,
    });
    if (begun.over) return;
    const pass = { ...begun, emptied: [] };
    const asking = { ...asked, plan, configuration: version, now: () => this.#deps.clock.now() };
    for await (const { page, last } of askAboutEverybody(this.#tenant, asking)) {
      const outcome = await this.#tenant.applyOptedIn(pass, page, {
        receipt: this.#streams[plan.stream] ?? emptyStreamReceipt('full'),
        requests: this.#lease.requests + this.#net.spent.requests,
        bytes: this.#lease.bytes + this.#net.spent.bytes,
        limit,
        complete: last,
      });
      await this.#accountFor(plan.stream, outcome, undefined);
      if (!last) this.#goOn();
    }
  }

  /**
   * A calendar that is no longer among those to be read tells nothing any more, which would leave its events for ever:
   * it is taken for read to its end and empty, so that the limit of removals holds for it like for any other.
   */
  async #retirePartitions(reading: Omit<PartitionReading, 'partition'>, listed: ReadonlySet<string>): Promise<void> {
    const { connectionId } = this.#lease;
    const { stream } = reading.planned.plan;
    const retired = (await this.#tenant.partitionsOf(connectionId, stream)).filter((name) => !listed.has(name));
    for (const name of retired) {
      const empty = { ...reading.stream, read: nothingMore };
      await this.#readPartition({ ...reading, stream: empty, partition: { name } }, true, true);
    }
    if (retired.length > 0) await this.#tenant.forgetPartitions(this.#lease, stream, retired);
  }

  /** @param anew its state is worth nothing: from the beginning, while what it told before stays */
  async #readPartition(reading: PartitionReading, wantFull: boolean, anew: boolean): Promise<void> {
    const { planned, stream, context, partition, rules, side } = reading;
    const wanted = {
      stream: planned.plan.stream,
      partition: partition.name,
      about: partition.about,
      mode: wantFull || !tellsChanges(stream, context) ? ('full' as const) : ('incremental' as const),
      fingerprint: planned.fingerprint,
      resumable: stream.resumable ?? false,
      anew,
    };
    const pass = await side.inTurn(() => this.#tenant.beginPass(this.#lease, wanted));
    if (pass.over) return;
    // What went on from another process's pages was asked for before the wishes were seen.
    const begunHere = pass.pages === 0;
    const items = stream.read({ ...context, partition: partition.name, mode: pass.mode, state: pass.state });
    let latest: PageUnderJudgement<RulesView> | undefined;
    const pages = readPages(items, {
      now: () => this.#deps.clock.now(),
      join: !stream.resumable,
      asksAhead: stream.asksAhead ?? false,
      begin: () => {
        latest = new PageUnderJudgement(planned.plan, rules.view(), latest);
        return latest;
      },
    });
    let complete = false;
    for await (const page of pages) {
      if (await side.inTurn(() => this.#applyPage(reading, pass, page))) complete = true;
    }
    if (!complete) {
      throw new TryLater(
        `The reading of ${planned.plan.stream} ended before the source had told everything; nothing was taken away, the next run reads again.`,
      );
    }
    if (begunHere) await this.#wishes.served(planned.plan.stream, partition.name);
  }

  /** @returns whether the pass ended with it */
  async #applyPage(
    { plan, planned, stream: read, rules, partition, partitions }: PartitionReading,
    pass: Pass,
    page: ReadPage<PageUnderJudgement<RulesView>>,
  ): Promise<boolean> {
    const { stream } = planned.plan;
    // What was read of a part tells nothing of the rest: only a reading of everything takes anything away. Events are
    // their partition's, and of a window their reading takes away what lies in it.
    const sweeps = stream === 'events' || (partitions === 1 && partition.name === '' && !page.end?.within);
    const outcome = await this.#tenant.applyPage(pass, rules, {
      readAt: page.readAt,
      judged: { through: page.judging.through, page: page.judging.judged() },
      judge: (now) => judgePage(planned.plan, now, page.items),
      // Worth nothing to another process, it must not take the place of the state from which the pass began.
      state: read.resumable ? page.state : undefined,
      receipt: this.#streams[stream] ?? emptyStreamReceipt(pass.mode),
      requests: this.#lease.requests + this.#net.spent.requests,
      bytes: this.#lease.bytes + this.#net.spent.bytes,
      limit: planned.limit,
      configuration: plan.version,
      complete: page.end && { sweeps, state: page.end.state, within: page.end.within },
    });
    for (const item of page.items) if (item.item === 'encoded') item.release?.();
    await this.#accountFor(stream, outcome, page.total);
    if (page.end) return true;
    this.#goOn();
    return false;
  }

  async #accountFor(stream: StreamName, { receipt, cancelled }: PageOutcome, total: number | undefined): Promise<void> {
    await faultPoint('page.acknowledged');
    this.#streams[stream] = receipt;
    this.#onProgress?.({ run: this.#lease.run, stream, read: receipt.read, kept: receipt.kept, total });
    this.#cancelled ||= cancelled;
  }

  /** @throws why the run may not go on; then what is being read ahead is not waited for */
  #goOn(): void {
    if (this.#cancelled) this.#abort.abort(new Cancelled());
    else if (this.#deps.stopping.aborted) this.#abort.abort(new Stopping());
    this.#abort.signal.throwIfAborted();
  }

  async #keepSubscriptions(): Promise<void> {
    const { notifications, log, clock } = this.#deps;
    if (!notifications) return;
    await keepSubscriptions({
      notifications,
      tenant: this.#tenant,
      lease: this.#lease,
      // Paused, renamed or removed meanwhile: the next run knows.
      plan: () => this.#plan().catch(() => undefined),
      asking: { net: this.#net, signal: this.#abort.signal, now: clock.now() },
      log,
      onlyIfAsked: this.#wishes.only,
    });
  }

  async #beat(): Promise<void> {
    try {
      const { cancelled } = await this.#tenant.hold(this.#lease);
      if (!cancelled) return;
      this.#cancelled = true;
      this.#abort.abort(new Cancelled());
    } catch (error) {
      if (error instanceof LostLease) this.#abort.abort(error);
      // A database that is away shows itself at the next page.
    }
  }

  #anyHeld(): boolean {
    return Object.values(this.#streams).some(({ held }) => held > 0);
  }

  async #endedBy(error: unknown): Promise<Receipt> {
    if (error instanceof LostLease)
      throw new Refused(
        'already-running',
        'Another process took this run over, because this one was silent for a minute.',
      );
    if (error instanceof Stopping || (this.#deps.stopping.aborted && !this.#cancelled)) {
      await keepTo(this.#tenant, this.#lease.connectionId, error);
      await this.#tenant.yieldLease(this.#lease);
      this.#deps.log.event('info', {
        event: 'run-yielded',
        tenant: this.#tenant.tenant,
        connection: this.#order.connection,
        run: this.#lease.run,
      });
      return this.#tenant.runs.get(this.#lease.run);
    }
    if (error instanceof Cancelled || this.#cancelled) {
      await keepTo(this.#tenant, this.#lease.connectionId, error);
      return this.#end('cancelled', null);
    }
    const sentence = safeSentence(error);
    if (!(error instanceof SluiceError))
      this.#deps.log.event('error', { event: 'job-failed', queue: 'run', fault: describeUnexpected(error) });
    const notBefore = error instanceof TryLater ? error.notBefore : undefined;
    if (!notBefore) return this.#end('failed', sentence);
    return this.#end('failed', withWait(sentence, notBefore, this.#deps.clock.now()), notBefore);
  }

  async #end(status: RunStatus, failure: string | null, notBefore?: Date): Promise<Receipt> {
    await faultPoint('end.before');
    const { requests, bytes } = this.#net.spent;
    const { within } = this.#deps;
    const health = await this.#tenant.end(
      this.#lease,
      {
        status,
        failure,
        requests: this.#lease.requests + requests,
        bytes: this.#lease.bytes + bytes,
        notBefore,
      },
      within && ((tx, change) => within(tx, this.#tenant, this.#lease.run, change)),
    );
    await faultPoint('end.after');
    const receipt = await this.#tenant.runs.get(this.#lease.run);
    this.#deps.log.event(receipt.status === 'failed' ? 'warn' : 'info', {
      event: 'run-ended',
      tenant: this.#tenant.tenant,
      connection: this.#order.connection,
      run: this.#lease.run,
      status: receipt.status,
      duration_ms: this.#deps.clock.now().getTime() - this.#lease.startedAt.getTime(),
      sentence: receipt.error ?? null,
    });
    await this.#deps.ended(this.#tenant, receipt, health, this.#lease.trigger);
    return receipt;
  }
}
