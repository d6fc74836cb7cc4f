import { connectors } from '../../connectors/index.ts';
import { systemClock } from '../base/clock.ts';
import { type Log, silentLog } from '../base/log.ts';
import { askedAs, essential } from '../contract/settings.ts';
import { parseMasterKey } from '../crypto/keys.ts';
import type { OperatorSettings } from '../settings/index.ts';
import { type HubTenantStore, openStore, type Store } from '../store/index.ts';
import type { JobQueue, Jobs } from '../sync/jobs.ts';
import type { Metrics } from '../sync/metrics.ts';
import { createNet, type NetRules, parseAddressRules } from '../sync/net/index.ts';
import { deliverNotice, noticeJob } from '../sync/notices.ts';
import { namedDirectory } from '../sync/plans.ts';
import { callSoon } from '../sync/push.ts';
import { endOfRemoved } from '../sync/quiet.ts';
import type { RunDeps } from '../sync/run.ts';
import { createNoticeSender } from '../webhooks/index.ts';
import { findPlace, type Place } from './place.ts';

function netRules(settings: OperatorSettings, databaseUrl: string): NetRules {
  return {
    allow: parseAddressRules(settings.allowAddresses),
    cleartext: parseAddressRules(settings.allowCleartext),
    ...(settings.proxy ? { proxy: settings.proxy } : {}),
    noProxy:
      settings.noProxy
        ?.split(',')
        .map((one) => one.trim())
        .filter(Boolean) ?? [],
    ...(settings.workloadIdentity ? { tokenFiles: settings.workloadIdentity } : {}),
    ...(settings.extraCa ? { caFile: settings.extraCa } : {}),
    ownPorts: [settings.port, Number(new URL(databaseUrl).port || 5432)],
  };
}

/** A command that is not to log need not load what would do it. */
async function openLog(level: string): Promise<Log> {
  return level === 'silent' ? silentLog : (await import('../base/pino-log.ts')).createLog(level);
}

/** What a command and a hub alike are made of. */
export interface Parts {
  readonly place: Place;
  readonly store: Store;
  readonly runDeps: RunDeps;
  readonly stop: AbortController;
  /** Absent in a command. */
  readonly jobs: JobQueue | undefined;
  deliver(job: Jobs['notice']): Promise<void>;
}

export async function assemble(
  settings: OperatorSettings,
  purpose: string,
  hub?: { metrics: Metrics; queue: (log: Log, url: string) => JobQueue },
): Promise<Parts> {
  const place = await findPlace(settings, purpose);
  const log = await openLog(settings.log);
  const byName = new Map(connectors.map((connector) => [connector.name, connector]));
  const rules = netRules(settings, place.url);
  const stop = new AbortController();
  const store = openStore({
    url: place.url,
    master: parseMasterKey(place.key, settings.keyPrevious),
    applicationName: `sluice ${purpose}`,
    namedDirectory: ({ connector, settings }) => namedDirectory(byName.get(connector), settings),
    essentialSettings: ({ connector, settings }) => essential(byName.get(connector)?.settings ?? {}, settings),
    askedAs: ({ connector, settings }) => askedAs(byName.get(connector)?.settings ?? {}, settings),
    removed: (connection) => endOfRemoved(runDeps, connection),
  });
  const runDeps: RunDeps = {
    clock: systemClock,
    log,
    connectors: byName,
    net: ({ tenant, signal, maxRequests, deadline, mayAsk }) =>
      createNet({ tenant, rules, budget: { maxRequests, deadline }, signal, clock: systemClock, mayAsk }),
    stopping: stop.signal,
    within:
      hub &&
      (async (tx, tenant, run, health) => {
        const job = noticeJob(tenant.tenantId, run, health, systemClock);
        if (job) await jobs?.send('notice', job, { tx });
      }),
    // A command answers no source that tries the address.
    notifications: hub && {
      publicUrl: settings.publicUrl,
      call: async (tenant, connection) => jobs && callSoon(jobs, systemClock, tenant, connection),
    },
    async ended(tenant, receipt, health, trigger) {
      hub?.metrics.runEnded(receipt, tenant.tenant, trigger);
      const job = noticeJob(tenant.tenantId, receipt.run, health, systemClock);
      if (!job) return;
      log.event(job.kind === 'recovered' ? 'info' : 'warn', {
        event: 'connection-health',
        tenant: tenant.tenant,
        connection: receipt.connection,
        was: health.was,
        now: health.now,
      });
      // A command has no queue: one attempt, here and now.
      if (!hub) await deliver(job);
    },
  };
  const sender = (tenant: HubTenantStore) => {
    const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(120_000)]);
    const net = runDeps.net({
      tenant: tenant.tenant,
      signal,
      maxRequests: 1_000,
      deadline: new Date(systemClock.now().getTime() + 120_000),
    });
    return createNoticeSender({
      smtpUrl: settings.smtpUrl,
      ca: settings.extraCa,
      clock: systemClock,
      // Webhook targets are named by tenants: they go through the same guard as connections.
      post: (url, body, headers, timeoutMs) =>
        net.http({ url, method: 'POST', headers, json: JSON.parse(body), timeoutMs, maxBytes: 65_536 }),
    });
  };
  const jobs = hub?.queue(log, place.url);
  const deliver = (job: Jobs['notice']) => deliverNotice({ store, sender, jobs, clock: systemClock, log }, job);
  return { place, store, stop, runDeps, jobs, deliver };
}
