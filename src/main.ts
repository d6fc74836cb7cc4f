/** Who meets whom: the one place that knows every part by name. */
import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { connectors } from '../connectors/index.ts';
import type { ApiDeps } from './api/deps.ts';
import { scopes } from './api/scopes.ts';
import { systemClock } from './base/clock.ts';
import { NeedsAttention, Refused, TryLater } from './base/errors.ts';
import { type Log, silentLog } from './base/log.ts';
import type { Attached, HubRole, RunningHub } from './cli/deps.ts';
import { runCli } from './cli/index.ts';
import { askedAs, essential } from './contract/settings.ts';
import { newMasterKeyText, parseMasterKey } from './crypto/keys.ts';
import { checkListenAddress, type OperatorSettings } from './settings/index.ts';
import { attachEmbedded } from './store/embedded/index.ts';
import { FeedWatch } from './store/feed-watch.ts';
import { becomeHub } from './store/hub-lock.ts';
import { cursorSeq, type HubTenantStore, migrate, openStore, planMigrations, type Store } from './store/index.ts';
import type { JobQueue, Jobs } from './sync/jobs.ts';
import { lookUpAll } from './sync/lookup.ts';
import type { Metrics } from './sync/metrics.ts';
import { createNet, type NetRules, parseAddressRules } from './sync/net/index.ts';
import { deliverNotice, noticeJob } from './sync/notices.ts';
import { namedDirectory } from './sync/plans.ts';
import { callSoon, createPushReceiver } from './sync/push.ts';
import { endOfPaused, endOfRemoved } from './sync/quiet.ts';
import type { RunDeps } from './sync/run.ts';
import { workOnRun } from './sync/run-job.ts';
import { createSyncService } from './sync/service.ts';
import { createNoticeSender } from './webhooks/index.ts';

interface Place {
  readonly url: string;
  readonly migrateUrl: string;
  readonly embedded: boolean;
  readonly key: string;
  release(): Promise<void>;
}

/** The database and the key of this hub: what the settings name, or an embedded one with a generated key beside it. */
async function findPlace(settings: OperatorSettings, purpose: string): Promise<Place> {
  if (settings.databaseUrl) {
    if (!settings.key)
      throw new NeedsAttention(
        'SLUICE_KEY is required with DATABASE_URL: it wraps the tenants’ keys, and must not lie in the same place; make one with: openssl rand -base64 32',
      );
    return {
      url: settings.databaseUrl,
      migrateUrl: settings.databaseMigrateUrl ?? settings.databaseUrl,
      embedded: false,
      key: settings.key,
      release: async () => {},
    };
  }
  const server = await attachEmbedded({ dataDir: settings.data, purpose });
  try {
    const key = settings.key ?? (await generatedKey(settings.data));
    await migrate(server.migrateUrl, new URL(server.url).username);
    return { url: server.url, migrateUrl: server.migrateUrl, embedded: true, key, release: () => server.release() };
  } catch (error) {
    await server.release();
    throw error;
  }
}

/** Made once; whoever comes second reads what the first one wrote whole. */
async function generatedKey(dataDir: string): Promise<string> {
  const file = join(dataDir, 'key');
  const draft = `${file}.${process.pid}`;
  await mkdir(dataDir, { recursive: true });
  try {
    await writeFile(draft, newMasterKeyText(), { mode: 0o600, flag: 'wx' });
    await link(draft, file);
  } catch (error) {
    if ((error as { code?: string }).code !== 'EEXIST') throw error;
  } finally {
    await unlink(draft).catch(() => {});
  }
  return (await readFile(file, 'utf8')).trim();
}

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
  return level === 'silent' ? silentLog : (await import('./base/pino-log.ts')).createLog(level);
}

interface Parts {
  readonly place: Place;
  readonly store: Store;
  readonly runDeps: RunDeps;
  readonly stop: AbortController;
  /** Absent in a command. */
  readonly jobs: JobQueue | undefined;
  deliver(job: Jobs['notice']): Promise<void>;
}

async function assemble(
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

const shownDatabase = (place: Place) => {
  if (place.embedded) return 'embedded PostgreSQL (evaluation only: its key lies beside it)';
  const { host, pathname } = new URL(place.url);
  return `${host}${pathname}`;
};

async function attach(settings: OperatorSettings, purpose: string): Promise<Attached> {
  const { place, store, runDeps, stop } = await assemble(settings, purpose);
  try {
    if (!place.embedded) await requireMigrated(place.url);
    await store.registry.ping();
  } catch (error) {
    await store.close();
    await place.release();
    throw error;
  }
  return {
    store,
    sync: createSyncService({ ...runDeps, store }),
    database: shownDatabase(place),
    async release() {
      stop.abort();
      await store.close();
      await place.release();
    },
  };
}

async function requireMigrated(url: string): Promise<void> {
  const pending = (await planMigrations(url)).filter(({ state }) => state === 'pending');
  if (pending.length > 0)
    throw new NeedsAttention(
      'The database has no schema of this version yet; run `sluice migrate` (see it first with --plan).',
    );
}

async function startHub(settings: OperatorSettings, { role }: { role: HubRole }): Promise<RunningHub> {
  checkListenAddress(settings);
  // Only a hub loads what only a hub needs: a command starts in half the time and memory.
  const { createJobQueue } = await import('./sync/jobs.ts');
  const { createMetrics } = await import('./sync/metrics.ts');
  const metrics = createMetrics();
  const parts = await assemble(settings, role === 'all' ? 'hub' : role, {
    metrics,
    queue: (log, url) => createJobQueue(url, log, role === 'api' ? 'send' : 'work'),
  });
  const { place, store, runDeps, stop } = parts;
  const { log } = runDeps;
  const undo: (() => Promise<void>)[] = [() => place.release(), () => store.close()];
  const stopping = Promise.withResolvers<void>();
  let stopped: Promise<void> | undefined;
  const stopOnce = () => {
    stopped ??= (async () => {
      log.event('info', { event: 'hub-stopping' });
      stop.abort();
      while (undo.length > 0) await undo.pop()!().catch(() => {});
      stopping.resolve();
    })();
    return stopped;
  };
  try {
    if (place.embedded) {
      const lock = await becomeHub(place.url, { pid: process.pid, host: hostname() });
      undo.push(() => lock.release());
      void lock.lost.then(() => {
        if (stopped) return;
        log.event('error', { event: 'hub-lost-database-lock' });
        void stopOnce();
      });
    } else await requireMigrated(place.url);

    if (settings.keyPrevious) await finishRotation(store);
    const jobs = parts.jobs!;
    await jobs.start();
    undo.push(() => jobs.stop());
    const sync = createSyncService({ ...runDeps, store, jobs });
    if (role === 'all' || role === 'worker') await startWorker(parts, jobs);
    if (role === 'all' || role === 'scheduler') {
      const { startSchedule } = await import('./sync/schedule.ts');
      const { connectors: byName } = runDeps;
      const schedule = startSchedule(store, { connectors: byName, jobs, clock: systemClock, log }, metrics);
      undo.push(() => schedule.stop());
    }
    let url = '';
    if (role === 'all' || role === 'api') url = await startApi(settings, parts, sync, jobs, undo, metrics);
    log.event('info', { event: 'hub-started', address: url, role, version: '0.1.0' });
    return {
      store,
      sync,
      database: shownDatabase(place),
      url,
      stopped: stopping.promise,
      stop: stopOnce,
      release: stopOnce,
    };
  } catch (error) {
    await stopOnce();
    throw error;
  }
}

/** Opening a tenant wraps its keys anew: afterwards SLUICE_KEY_PREVIOUS can go. */
async function finishRotation(store: Store): Promise<void> {
  for (const { id } of await store.registry.tenants()) await store.tenant(id);
}

async function startWorker({ store, runDeps, deliver }: Parts, jobs: JobQueue): Promise<void> {
  await jobs.work('run', { atOnce: 4 }, ([job]) => workOnRun(runDeps, jobs, store, job!));
  await jobs.work('quiet', { atOnce: 2 }, async ([job]) => {
    await endOfPaused(runDeps, await store.tenant(job!.tenantId), job!.connection).catch((error) => {
      // Removed meanwhile, and quiet by that.
      if (!(error instanceof Refused)) throw error;
    });
  });
  await jobs.work('notice', { atOnce: 2 }, ([job]) => deliver(job!));
  // A Monday morning's log-ons come in a burst: one question to the directory serves many.
  await jobs.work('lookup', { atOnce: 2, together: 50 }, (wanted) => lookUpAll(runDeps, store, wanted, jobs));
}

async function startApi(
  settings: OperatorSettings,
  { store, runDeps, stop }: Parts,
  sync: ReturnType<typeof createSyncService>,
  jobs: JobQueue,
  undo: (() => Promise<void>)[],
  metrics: Metrics,
): Promise<string> {
  const { createApi } = await import('./api/server.ts');
  const { createHttpServer } = await import('./api/http-server.ts');
  const watch = new FeedWatch(store.registry);
  const deps: ApiDeps = {
    authenticate: (token) => store.authenticate(token),
    tenantStore: (tenantId) => store.tenant(tenantId),
    sync,
    async readiness() {
      try {
        await store.registry.ping();
        return { ready: true, reasons: [] };
      } catch {
        return { ready: false, reasons: ['database'] };
      }
    },
    metrics: () => metrics.text(),
    clock: systemClock,
    async waitForChange(tenantId, cursor, timeoutMs, signal) {
      const after = cursorSeq(cursor);
      if (after !== undefined) await watch.wait(tenantId, after, timeoutMs, signal);
    },
    requestLookup: async (tenantId, userIds) => jobs.send('lookup', { tenantId, users: [...userIds] }),
    log: (event) => runDeps.log.event(event.event === 'api-fault' ? 'error' : 'info', event),
    pushes: settings.publicUrl ? createPushReceiver({ ...runDeps, store, jobs }) : undefined,
    publicUrl: settings.publicUrl,
    trustProxy: settings.trustProxy?.split(',').map((one) => one.trim()),
    stopping: stop.signal,
  };
  const tls = settings.tlsCert && settings.tlsKey ? { cert: settings.tlsCert, key: settings.tlsKey } : undefined;
  const server = createHttpServer(createApi(deps), tls);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? new TryLater(
              `Port ${settings.port} on ${settings.host} is taken by another program; stop that one, or choose another with SLUICE_PORT.`,
            )
          : new NeedsAttention(
              `The hub cannot listen on ${settings.host}:${settings.port} (${error.code}); correct SLUICE_HOST and SLUICE_PORT.`,
            ),
      ),
    );
    server.listen(settings.port, settings.host, resolve);
  });
  undo.push(async () => {
    server.closeIdleConnections();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    const forced = setTimeout(() => server.closeAllConnections(), 5_000);
    await closed;
    clearTimeout(forced);
  });
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : settings.port;
  const host = settings.host.includes(':') ? `[${settings.host}]` : settings.host;
  return settings.publicUrl ?? `${tls ? 'https' : 'http'}://${host}:${port}`;
}

process.exitCode = await runCli(process.argv.slice(2), {
  connectors,
  scopes,
  attach,
  startHub,
  async migrate(settings, plan) {
    if (!settings.databaseUrl) {
      const { release, migrateUrl } = await findPlace(settings, 'migrate');
      try {
        // An embedded database is brought to this version by whoever attaches it.
        return plan ? await planMigrations(migrateUrl) : [];
      } finally {
        await release();
      }
    }
    const url = settings.databaseMigrateUrl ?? settings.databaseUrl;
    if (plan) return planMigrations(url);
    const applied = await migrate(url, decodeURIComponent(new URL(settings.databaseUrl).username));
    return applied.map((name) => ({ name, state: 'applied' as const }));
  },
  async sandbox() {
    const { employeesWhoLogOn } = await import('./sandbox/company.ts');
    const { makeLoopbackCertificate } = await import('./sandbox/certificate.ts');
    const { sandboxConfiguration } = await import('./sandbox/configuration.ts');
    const { startSandboxDirectory } = await import('./sandbox/directory.ts');
    const { startSandboxMicrosoft365 } = await import('./sandbox/microsoft365/index.ts');
    const { inTurns, keepChanging } = await import('./sandbox/liven.ts');
    return {
      startDirectory: startSandboxDirectory,
      startMicrosoft365: startSandboxMicrosoft365,
      makeCertificate: makeLoopbackCertificate,
      employeesWhoLogOn,
      sandboxConfiguration,
      inTurns,
      keepChanging,
    };
  },
});
