import { hostname } from 'node:os';
import { systemClock } from '../base/clock.ts';
import { Refused } from '../base/errors.ts';
import type { HubRole, RunningHub } from '../cli/deps.ts';
import { checkListenAddress, type OperatorSettings } from '../settings/index.ts';
import { becomeHub } from '../store/hub-lock.ts';
import type { Store } from '../store/index.ts';
import type { JobQueue } from '../sync/jobs.ts';
import { lookUpAll } from '../sync/lookup.ts';
import { endOfPaused } from '../sync/quiet.ts';
import { workOnRun } from '../sync/run-job.ts';
import { createSyncService } from '../sync/service.ts';
import { assemble, type Parts } from './parts.ts';
import { requireMigrated, shownDatabase } from './place.ts';

/** A hub in one of its roles, until it is stopped. */
export async function startHub(settings: OperatorSettings, { role }: { role: HubRole }): Promise<RunningHub> {
  checkListenAddress(settings);
  // Only a hub loads what only a hub needs: a command starts in half the time and memory.
  const { createJobQueue } = await import('../sync/jobs.ts');
  const { createMetrics } = await import('../sync/metrics.ts');
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
      const { startSchedule } = await import('../sync/schedule.ts');
      const { connectors: byName } = runDeps;
      const schedule = startSchedule(store, { connectors: byName, jobs, clock: systemClock, log }, metrics);
      undo.push(() => schedule.stop());
    }
    let url = '';
    if (role === 'all' || role === 'api') {
      const { startApi } = await import('./api.ts');
      url = await startApi(settings, parts, sync, jobs, undo, metrics);
    }
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
