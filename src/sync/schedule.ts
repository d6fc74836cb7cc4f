import cron from 'node-cron';
import type { Clock } from '../base/clock.ts';
import { describeUnexpected } from '../base/errors.ts';
import type { DueConnection, Store } from '../store/index.ts';
import type { Expiring } from '../webhooks/index.ts';
import { nextSlot } from './cron.ts';
import { type ExpiryWatch, tellExpiries } from './expiries.ts';
import type { JobQueue } from './jobs.ts';
import type { Metrics } from './metrics.ts';
import { nextQuietTry } from './quiet.ts';

/** Missed slots collapse into one: the next slot is counted from now, not from the one that was missed. */
export function slotsAfter(due: DueConnection, now: Date): { next: Date | null; nextFull: Date | null; full: boolean } {
  const full = due.fullSchedule !== null && due.nextFullAt !== null && due.nextFullAt <= now;
  const nextFull = due.fullSchedule === null ? null : nextSlot(due.fullSchedule, due.timeZone, now);
  const next = nextSlot(due.schedule, due.timeZone, now);
  // A full slot that lies before the next ordinary one is a slot too.
  return { next: next && nextFull && nextFull < next ? nextFull : next, nextFull, full };
}

/** Claims what is due and enqueues it, in one transaction; then takes up runs that lost their process, and what is to be quiet. */
export async function tick(store: Store, jobs: JobQueue, clock: Clock): Promise<number> {
  const now = clock.now();
  const claimed = await store.registry.claimDue(
    now,
    (due) => slotsAfter(due, now),
    (tx, due) => jobs.send('run', { tenantId: due.tenantId, connection: due.name }, { tx }),
  );
  // Named by its run, and once however often we look: whoever takes it goes on with that run or does nothing.
  for (const { tenantId, name, run } of await store.registry.orphans(now)) {
    await jobs.send('run', { tenantId, connection: name, run });
  }
  await store.registry.claimQuiet(
    now,
    (tries) => nextQuietTry(tries, now),
    (tx, { tenantId, name }) => jobs.send('quiet', { tenantId, connection: name }, { tx }),
  );
  return claimed;
}

/** One tick every five seconds per scheduler process; upkeep once an hour. */
export function startSchedule(store: Store, watch: ExpiryWatch, metrics?: Metrics): { stop(): Promise<void> } {
  const { jobs, clock, log } = watch;
  let ticking: Promise<unknown> = Promise.resolve();
  const guarded = (work: () => Promise<unknown>) => () => {
    ticking = work().catch((error) => log.event('warn', { event: 'tick-failed', fault: describeUnexpected(error) }));
    return ticking;
  };
  const ticks = cron.schedule(
    '*/5 * * * * *',
    guarded(() => tick(store, jobs, clock)),
    { noOverlap: true },
  );
  const hours = cron.schedule(
    '17 * * * *',
    guarded(() => upkeepAll(store, watch, metrics)),
    { noOverlap: true },
  );
  return {
    async stop() {
      await ticks.destroy();
      await hours.destroy();
      await ticking;
    },
  };
}

/** One tenant's trouble keeps no other tenant's retention waiting, nor what is to be told of their certificates. */
export async function upkeepAll(store: Store, watch: ExpiryWatch, metrics?: Metrics): Promise<void> {
  const expiring: Expiring[] = [];
  for (const { id } of await store.registry.tenants()) {
    try {
      const tenant = await store.tenant(id);
      const live = await tenant.configuration.read();
      if (!live) continue;
      await tenant.upkeep(live.configuration.users.leaver_grace_ms);
      expiring.push(...(await tellExpiries(watch, tenant, live)));
    } catch (error) {
      watch.log.event('warn', { event: 'tick-failed', fault: describeUnexpected(error) });
    }
  }
  metrics?.expiring(expiring);
}
