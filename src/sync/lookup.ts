import { describeUnexpected, safeSentence, TryLater } from '../base/errors.ts';
import { type Connector, streamOf } from '../contract/connector.ts';
import type { Item, SourceRecord } from '../contract/record.ts';
import type { StreamPlan } from '../gate/plan.ts';
import { ConfigurationChanged, type ConnectionStatus, type HubTenantStore, type Store } from '../store/index.ts';
import { comeBackAt, contact } from './contact.ts';
import type { JobQueue, Jobs } from './jobs.ts';
import { judgePage } from './judge.ts';
import { askAboutEverybody } from './opted-in.ts';
import { type ConnectionPlan, contextFor, type PlannedStream, planConnection, settle } from './plans.ts';
import type { RunDeps } from './run.ts';

const DEADLINE_MS = 60_000;
const REQUESTS = 1_000;

/** A connection, by id, whose source asked to be left alone, and when it may be asked about the users it was not asked about. */
interface Postponed {
  readonly id: string;
  readonly until: Date;
}

/**
 * Several jobs at once, tenant by tenant: one tenant's trouble is not another's. Where a source asked to be left alone, the
 * same users are looked up there, and only there, at that instant.
 */
export async function lookUpAll(
  deps: RunDeps,
  store: Store,
  wanted: readonly Jobs['lookup'][],
  jobs: Pick<JobQueue, 'send'>,
): Promise<void> {
  const places = Map.groupBy(wanted, ({ tenantId, connection = '' }) => `${tenantId} ${connection}`);
  for (const theirs of places.values()) {
    const { tenantId, connection } = theirs[0]!;
    const users = [...new Set(theirs.flatMap((job) => job.users))];
    try {
      const tenant = await store.tenant(tenantId);
      for (const { id, until } of await lookUp(deps, tenant, users, connection))
        await jobs
          .send('lookup', { tenantId, users, connection: id }, { after: comeBackAt(until, deps.clock) })
          .catch(() => tenant.wantFull(id));
    } catch (error) {
      deps.log.event('error', { event: 'job-failed', queue: 'lookup', fault: describeUnexpected(error) });
    }
  }
}

/**
 * Fetches these users' attributes now from every connection that can look people up; those that cannot are read in
 * full soon. One connection's failure is logged and leaves the others alone: the next run reads it in full, because of a
 * source that tells changes nobody would hear of them again.
 * @param only this connection, by id; absent: every one
 * @returns those whose source asked to be left alone: there the caller comes back to it
 */
export async function lookUp(
  deps: RunDeps,
  tenant: HubTenantStore,
  users: readonly string[],
  only?: string,
): Promise<readonly Postponed[]> {
  const postponed: Postponed[] = [];
  const live = await tenant.configuration.read();
  const connections = await tenant.connections.list();
  for (const configured of live?.configuration.connections ?? []) {
    const status = connections.find(({ name }) => name === configured.name);
    const connector = deps.connectors.get(configured.connector);
    if (!live || !connector || !status || (only !== undefined && status.id !== only)) continue;
    try {
      if (status.paused) {
        await tenant.wantFull(status.id);
        continue;
      }
      const plan = planConnection(tenant, connector, live, configured, status.directory);
      await settle(tenant, status.id, plan);
      const about = plan.streams.filter(({ plan: { declaration } }) => declaration.person !== 'none');
      const askable = about.filter((planned) => canBeAsked(connector, planned));
      if (askable.length < about.length) await tenant.wantSoon(status.id);
      if (askable.length > 0) await askNow(deps, tenant, status, { plan, askable, users });
    } catch (error) {
      if (error instanceof TryLater && error.notBefore) postponed.push({ id: status.id, until: error.notBefore });
      deps.log.event('warn', {
        event: 'lookup-failed',
        tenant: tenant.tenant,
        connection: configured.name,
        sentence: safeSentence(error),
      });
    }
  }
  return postponed;
}

const canBeAsked = (connector: Connector, { plan }: PlannedStream): boolean =>
  plan.declaration.person === 'opted-in' || streamOf(connector, plan.stream)?.lookup !== undefined;

interface Wanted {
  readonly plan: ConnectionPlan;
  readonly askable: readonly PlannedStream[];
  readonly users: readonly string[];
}

/** Each stream in its turn, over one network. */
async function askNow(
  deps: RunDeps,
  tenant: HubTenantStore,
  status: ConnectionStatus,
  { plan, askable, users }: Wanted,
): Promise<void> {
  const signal = AbortSignal.any([deps.stopping, AbortSignal.timeout(DEADLINE_MS)]);
  const limits = { signal, maxRequests: REQUESTS, withinMs: DEADLINE_MS };
  await contact(deps, tenant, status, limits, async (net) => {
    for (const { plan: judged } of askable) {
      const asking = { net, signal, now: deps.clock.now() };
      if (judged.declaration.person === 'opted-in')
        await askAboutIn(deps, tenant, status.id, { plan, judged, asking }, users);
      else
        await lookUpIn(tenant, status.id, { plan, judged, asking }, users).catch(async (error) => {
          if (!(error instanceof TryLater && error.notBefore)) await tenant.wantFull(status.id);
          throw error;
        });
    }
  });
}

interface Asking {
  readonly plan: ConnectionPlan;
  readonly judged: StreamPlan;
  readonly asking: Parameters<typeof contextFor>[2];
}

/** Of these users those who opted in, some at a time; what they are busy with is there as soon as they have opted in. */
async function askAboutIn(
  deps: RunDeps,
  tenant: HubTenantStore,
  connectionId: string,
  { plan, judged, asking }: Asking,
  users: readonly string[],
): Promise<void> {
  const stream = streamOf(plan.connector, judged.stream)!;
  const context = contextFor(plan, judged, asking);
  if (stream.wanted?.(context.settings) === false) return;
  const about = { plan: judged, stream, context, configuration: plan.version, now: () => deps.clock.now() };
  try {
    for await (const { page } of askAboutEverybody(tenant, about, users))
      await tenant.applyOptedInNow(connectionId, page);
  } catch (error) {
    // Planned from a configuration that is no more: the next run, which follows the new one, asks again.
    if (!(error instanceof ConfigurationChanged)) throw error;
  }
}

async function lookUpIn(
  tenant: HubTenantStore,
  connectionId: string,
  { plan, judged, asking }: Asking,
  users: readonly string[],
): Promise<void> {
  const people = await tenant.peopleSought(users, plan.directory, judged.elsewhere);
  if (people.length === 0) return;
  const found: SourceRecord[] = [];
  const reading = streamOf(plan.connector, judged.stream)!.lookup!({ ...contextFor(plan, judged, asking), people });
  for await (const record of reading) found.push(record);
  const items: Item[] = [{ item: 'records', records: found }];
  // Features or scope may have changed while the directory answered: what was planned before is not written then.
  let outdated = false;
  await tenant.applyLookup(connectionId, asking.now, (rules) => {
    outdated = rules.configuration !== plan.version;
    return outdated ? [] : judgePage(judged, rules, items).kept;
  });
  if (outdated) await tenant.wantFull(connectionId);
}
