import type { ApiDeps } from '../api/deps.ts';
import { systemClock } from '../base/clock.ts';
import { NeedsAttention, TryLater } from '../base/errors.ts';
import type { OperatorSettings } from '../settings/index.ts';
import { FeedWatch } from '../store/feed-watch.ts';
import { cursorSeq } from '../store/index.ts';
import type { JobQueue } from '../sync/jobs.ts';
import type { Metrics } from '../sync/metrics.ts';
import { createPushReceiver } from '../sync/push.ts';
import type { createSyncService } from '../sync/service.ts';
import type { Parts } from './parts.ts';

/** @returns the address that it is reached at */
export async function startApi(
  settings: OperatorSettings,
  { store, runDeps, stop }: Parts,
  sync: ReturnType<typeof createSyncService>,
  jobs: JobQueue,
  undo: (() => Promise<void>)[],
  metrics: Metrics,
): Promise<string> {
  const { createApi } = await import('../api/server.ts');
  const { createHttpServer } = await import('../api/http-server.ts');
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
