import { NeedsAttention, Refused, SluiceError } from '../base/errors.ts';
import type { CheckFinding, CheckReport } from '../contract/check.ts';
import { streamOf } from '../contract/connector.ts';
import type { StreamPlan } from '../gate/plan.ts';
import type { HubTenantStore, OptedIn, Store } from '../store/index.ts';
import { contact, requireAskable, withWait } from './contact.ts';
import { expiringIn, expiringOf, soon } from './expiries.ts';
import type { JobQueue } from './jobs.ts';
import { lookUp } from './lookup.ts';
import { atOnceOf, featureOf } from './opted-in.ts';
import { type ConnectionPlan, planConnection, settingsOf } from './plans.ts';
import { type Asking, previewConnection } from './preview.ts';
import { type RunDeps, runConnection } from './run.ts';
import type { PreviewRequest, SyncService } from './types.ts';

const CHECK_DEADLINE_MS = 60_000;
const PREVIEW_DEADLINE_MS = 10 * 60_000;

export interface ServiceDeps extends RunDeps {
  readonly store: Store;
  /** Absent where nothing works on jobs: then what would be enqueued is done here. */
  readonly jobs?: JobQueue | undefined;
}

export function createSyncService(deps: ServiceDeps): SyncService {
  const { store } = deps;

  async function planned(tenant: HubTenantStore, connection: string): Promise<ConnectionPlan> {
    const { directory } = await tenant.connections.get(connection);
    const live = await tenant.configuration.read();
    const configured = live?.configuration.connections.find(({ name }) => name === connection);
    if (!live || !configured) throw new Refused('not-found', 'There is no such connection.');
    const connector = deps.connectors.get(configured.connector);
    if (!connector)
      throw new NeedsAttention(
        `This hub has no connector ${configured.connector}; \`sluice connectors\` lists those it has.`,
      );
    return planConnection(tenant, connector, live, configured, directory);
  }

  /** What a person asks of a source outside a run. */
  async function ask<T>(
    tenant: HubTenantStore,
    connection: string,
    withinMs: number,
    work: (asking: Asking, id: string) => Promise<T>,
  ): Promise<T> {
    const status = await tenant.connections.get(connection);
    const signal = AbortSignal.any([deps.stopping, AbortSignal.timeout(withinMs)]);
    return contact(deps, tenant, status, { signal, maxRequests: 10_000, withinMs }, (net) =>
      work({ signal, net, now: deps.clock.now() }, status.id),
    );
  }

  /** A step that failed because the source asked to be left alone: that is kept, and said. */
  async function heeded(tenant: HubTenantStore, id: string, { notBefore, ...finding }: CheckFinding) {
    if (!notBefore) return finding;
    await tenant.leaveAlone(id, notBefore);
    return { ...finding, sentence: withWait(finding.sentence, notBefore, deps.clock.now()) };
  }

  return {
    async run({ tenantId, ...order }, onProgress) {
      return runConnection(deps, await store.tenant(tenantId), order, onProgress);
    },

    async request({ tenantId, connection, mode, trigger }) {
      const tenant = await store.tenant(tenantId);
      const { id, paused } = await tenant.connections.get(connection);
      if (paused) throw new Refused('conflict', `The connection ${connection} is paused; resume it first.`);
      if (!deps.jobs) throw new NeedsAttention('No worker of this hub takes jobs; start it with --role all or worker.');
      await requireAskable(tenant, { id, name: connection });
      const { jobs } = deps;
      const run = await tenant.runs.open(id, trigger, (tx, fresh) =>
        jobs.send('run', { tenantId, connection, run: fresh, ...(mode === 'full' ? { full: true } : {}) }, { tx }),
      );
      return { run };
    },

    async cancel(tenantId, run) {
      return (await store.tenant(tenantId)).runs.cancel(run);
    },

    async check(tenantId, connection): Promise<CheckReport> {
      const tenant = await store.tenant(tenantId);
      const plan = await planned(tenant, connection);
      const first = plan.streams[0];
      // Notes: whether a run works without one of them is for the connector to find out.
      const ending = soon(expiringOf(tenant.tenant, plan.connector, plan.configured), deps.clock.now()).map(
        ({ sentence }): CheckFinding => ({ step: 'sign-in', outcome: 'note', sentence }),
      );
      const { notifications_failure: failure } = await tenant.connections.get(connection);
      if (failure !== null) ending.push({ step: 'connection', outcome: 'note', sentence: failure });
      try {
        const findings = await ask(tenant, connection, CHECK_DEADLINE_MS, async (asking, id) => {
          const told = await plan.connector.check({
            ...asking,
            settings: settingsOf(plan.configured.settings),
            fields: [...new Set(plan.streams.flatMap((one) => one.plan.asked))],
            scope: first && plan.configured.streams[first.plan.stream]?.scope,
          });
          return Promise.all(told.findings.map((finding) => heeded(tenant, id, finding)));
        });
        return { findings: [...findings, ...ending] };
      } catch (error) {
        if (!(error instanceof SluiceError)) throw error;
        return { findings: [{ step: 'connection', outcome: 'failed', sentence: error.message }, ...ending] };
      }
    },

    async expiring(tenantId) {
      const tenant = await store.tenant(tenantId);
      const live = await tenant.configuration.read();
      const all = await expiringIn(tenant, live, deps.connectors);
      return soon(
        all.flatMap(({ expiring }) => expiring()),
        deps.clock.now(),
      );
    },

    async preview(tenantId, connection, request) {
      const tenant = await store.tenant(tenantId);
      const plan = await planned(tenant, connection);
      return ask(tenant, connection, PREVIEW_DEADLINE_MS, async (asking, id) => {
        const rules = await tenant.loadedRules(id);
        return previewConnection(plan, rules, asking, `${tenant.tenant}/${connection}`, request, (judged) =>
          previewed(tenant, plan, judged, request),
        );
      });
    },

    async approve(tenantId, run, by) {
      return (await store.tenant(tenantId)).runs.approve(run, by);
    },

    async reject(tenantId, run, by) {
      return (await store.tenant(tenantId)).runs.reject(run, by);
    },

    async lookup(tenantId, users) {
      if (deps.jobs) await deps.jobs.send('lookup', { tenantId, users: [...users] });
      else {
        const tenant = await store.tenant(tenantId);
        // Nobody comes back to it from here: the next run reads everything.
        for (const { id } of await lookUp(deps, tenant, users)) await tenant.wantSoon(id);
      }
    },
  };
}

/** Of those who opted in: the one asked for, or as many as a source is asked about at once. */
async function previewed(
  tenant: HubTenantStore,
  plan: ConnectionPlan,
  judged: StreamPlan,
  { user, asUser }: PreviewRequest,
): Promise<readonly OptedIn[]> {
  const stream = streamOf(plan.connector, judged.stream)!;
  // Whoever is treated as logged on has not opted in.
  if (asUser !== undefined || stream.wanted?.(settingsOf(plan.configured.settings)) === false) return [];
  const known = user === undefined ? undefined : await tenant.users.findByEmail(user);
  if (user !== undefined && !known) return [];
  const users = known ? [known.id] : null;
  return tenant.optedIn(featureOf(judged), plan.directory, { limit: atOnceOf(stream), users });
}
