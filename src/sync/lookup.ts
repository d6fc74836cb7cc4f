import { describeUnexpected, safeSentence } from '../base/errors.ts';
import { type Connector, streamOf } from '../contract/connector.ts';
import type { Item, SourceRecord } from '../contract/record.ts';
import type { StreamName } from '../model/model.ts';
import { ConfigurationChanged, type HubTenantStore, type Store } from '../store/index.ts';
import type { Jobs } from './jobs.ts';
import { judgePage } from './judge.ts';
import { askAboutEverybody } from './opted-in.ts';
import { type ConnectionPlan, contextFor, planConnection, settle } from './plans.ts';
import type { RunDeps } from './run.ts';

const DEADLINE_MS = 60_000;
const REQUESTS = 1_000;

/** Several jobs at once, tenant by tenant: one tenant's trouble is not another's. */
export async function lookUpAll(deps: RunDeps, store: Store, wanted: readonly Jobs['lookup'][]): Promise<void> {
  for (const tenantId of new Set(wanted.map((job) => job.tenantId))) {
    const users = wanted.flatMap((job) => (job.tenantId === tenantId ? job.users : []));
    try {
      await lookUp(deps, await store.tenant(tenantId), [...new Set(users)]);
    } catch (error) {
      deps.log.event('error', { event: 'job-failed', queue: 'lookup', fault: describeUnexpected(error) });
    }
  }
}

/**
 * Fetches these users' attributes now from every connection that can look people up; those that cannot are read in
 * full soon. One connection's failure is logged and leaves the others alone: the next pass brings what is missing.
 */
export async function lookUp(deps: RunDeps, tenant: HubTenantStore, users: readonly string[]): Promise<void> {
  const live = await tenant.configuration.read();
  const connections = await tenant.connections.list();
  for (const configured of live?.configuration.connections ?? []) {
    const status = connections.find(({ name }) => name === configured.name);
    const connector = deps.connectors.get(configured.connector);
    if (!live || !connector || !status || status.paused) continue;
    try {
      const plan = planConnection(tenant, connector, live, configured, status.directory);
      await settle(tenant, status.id, plan);
      for (const { plan: judged } of plan.streams) {
        if (judged.declaration.person === 'none') continue;
        if (judged.declaration.person === 'opted-in')
          await askAboutIn(deps, tenant, status.id, judged.stream, plan, users);
        else if (!streamOf(connector, judged.stream)?.lookup) await tenant.wantSoon(status.id);
        else await lookUpIn(deps, tenant, connector, status.id, judged.stream, plan, users);
      }
    } catch (error) {
      deps.log.event('warn', {
        event: 'lookup-failed',
        tenant: tenant.tenant,
        connection: configured.name,
        sentence: safeSentence(error),
      });
    }
  }
}

/** Of these users those who opted in, some at a time; what they are busy with is there as soon as they have opted in. */
async function askAboutIn(
  deps: RunDeps,
  tenant: HubTenantStore,
  connectionId: string,
  streamName: StreamName,
  plan: ConnectionPlan,
  users: readonly string[],
): Promise<void> {
  const { plan: judged } = plan.streams.find((one) => one.plan.stream === streamName)!;
  const stream = streamOf(plan.connector, streamName)!;
  const context = contextFor(plan, judged, asker(deps, tenant));
  if (stream.wanted?.(context.settings) === false) return;
  const asking = { plan: judged, stream, context, configuration: plan.version, now: () => deps.clock.now() };
  try {
    for await (const { page } of askAboutEverybody(tenant, asking, users))
      await tenant.applyOptedInNow(connectionId, page);
  } catch (error) {
    // Planned from a configuration that is no more: the next run, which follows the new one, asks again.
    if (!(error instanceof ConfigurationChanged)) throw error;
  }
}

/** Who asks outside a run, and for how long. */
function asker(deps: RunDeps, tenant: HubTenantStore) {
  const signal = AbortSignal.any([deps.stopping, AbortSignal.timeout(DEADLINE_MS)]);
  const now = deps.clock.now();
  const deadline = new Date(now.getTime() + DEADLINE_MS);
  return { net: deps.net({ tenant: tenant.tenant, signal, maxRequests: REQUESTS, deadline }), signal, now };
}

async function lookUpIn(
  deps: RunDeps,
  tenant: HubTenantStore,
  connector: Connector,
  connectionId: string,
  stream: StreamName,
  plan: ConnectionPlan,
  users: readonly string[],
): Promise<void> {
  const judged = plan.streams.find((one) => one.plan.stream === stream)!.plan;
  const people = await tenant.peopleSought(users, plan.directory, judged.elsewhere);
  if (people.length === 0) return;
  const asking = asker(deps, tenant);
  const found: SourceRecord[] = [];
  const reading = streamOf(connector, stream)!.lookup!({ ...contextFor(plan, judged, asking), people });
  for await (const record of reading) found.push(record);
  const items: Item[] = [{ item: 'records', records: found }];
  // Features or scope may have changed while the directory answered: what was planned before is not written then.
  await tenant.applyLookup(connectionId, asking.now, (rules) =>
    rules.configuration === plan.version ? judgePage(judged, rules, items).kept : [],
  );
}
