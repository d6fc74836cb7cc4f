/** What the hub's scheduler and worker do, step by step: the real tick and the real jobs, on a queue in memory. */
import type { JobQueue, Jobs, Queue } from '../../src/sync/jobs.ts';
import { lookUpAll } from '../../src/sync/lookup.ts';
import { workOnRun } from '../../src/sync/run-job.ts';
import { tick } from '../../src/sync/schedule.ts';
import type { TestHub } from './hub.ts';

export interface WaitingJob {
  readonly queue: Queue;
  readonly data: Jobs[Queue];
  /** Not before; absent: at once. */
  readonly after: Date | undefined;
}

/** The scheduler looks this often. */
export const TICK_MS = 5_000;

export class HubAtWork {
  /** In the order in which they were sent. */
  readonly waiting: WaitingJob[] = [];
  readonly #hub: TestHub;
  readonly #tenantId: string;

  /** @param tenantId jobs of other tenants of the database are left to whoever tests them */
  constructor(hub: TestHub, tenantId: string) {
    this.#hub = hub;
    this.#tenantId = tenantId;
  }

  readonly jobs: JobQueue = {
    start: async () => {},
    stop: async () => {},
    work: async () => {},
    send: async (queue, data, options) => {
      if (data.tenantId === this.#tenantId) this.waiting.push({ queue, data, after: options?.after });
    },
  };

  /** One tick, and every job whose time has come. */
  async turn(): Promise<void> {
    const { store, runDeps, clock } = this.#hub;
    await tick(store, this.jobs, clock);
    const due = this.waiting.filter(({ after }) => after === undefined || after <= clock.now());
    for (const job of due) {
      this.waiting.splice(this.waiting.indexOf(job), 1);
      if (job.queue === 'run') await workOnRun(runDeps, this.jobs, store, job.data as Jobs['run']);
      if (job.queue === 'lookup') await lookUpAll(runDeps, store, [job.data as Jobs['lookup']], this.jobs);
    }
  }

  /** Tick by tick, until it is so. @throws it was not within so much of the hub's time */
  async until(is: () => Promise<boolean> | boolean, within_ms: number): Promise<void> {
    const end_ms = this.#hub.clock.now().getTime() + within_ms;
    for (;;) {
      await this.turn();
      if (await is()) return;
      if (this.#hub.clock.now().getTime() > end_ms) throw new Error('The hub worked in vain.');
      this.#hub.clock.advance(TICK_MS);
    }
  }
}
