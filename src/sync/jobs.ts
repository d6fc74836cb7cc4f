import { PgBoss } from 'pg-boss';
import { describeUnexpected } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Tx } from '../store/database.ts';
import type { Health } from '../store/index.ts';
import type { ChangeKind } from '../webhooks/index.ts';

/** What a job carries: ids and names that tenant IT chose. A queue stores what it is given. */
export interface Jobs {
  /** `push`: only what notifications ask for. */
  run: { tenantId: string; connection: string; run?: string; full?: boolean; push?: boolean };
  /** A paused connection's source is told to be quiet. */
  quiet: { tenantId: string; connection: string };
  /** `connection`: the id of the one to be asked; absent: all. */
  lookup: { tenantId: string; users: string[]; connection?: string };
  notice: (RunNotice | ExpiryNotice) & {
    tenantId: string;
    at: string;
    /** Places in the tenant's `notify` list that are still to be told; absent: all. */
    to?: number[];
    attempt: number;
  };
}

export interface RunNotice {
  kind: ChangeKind;
  run: string;
  was: Health;
  now: Health;
  since: string | null;
}

export interface ExpiryNotice {
  kind: 'expiring';
  connection: string;
  connector: string;
  setting: string;
  expires_at: string;
  days_left: number;
}

export type Queue = keyof Jobs;
const QUEUES: readonly Queue[] = ['run', 'quiet', 'lookup', 'notice'];

export interface JobQueue {
  /** Makes the queues; needed once, before anything is sent. */
  start(): Promise<void>;
  /** Within a transaction: the job is there if and only if the transaction commits. */
  send<Q extends Queue>(queue: Q, data: Jobs[Q], options?: { tx?: Tx; after?: Date }): Promise<void>;
  /** A handler that throws is logged by kind and place, and its jobs are tried twice more. */
  work<Q extends Queue>(
    queue: Q,
    much: { atOnce: number; together?: number },
    handle: (jobs: readonly Jobs[Q][]) => Promise<void>,
  ): Promise<void>;
  stop(): Promise<void>;
}

/** Jobs on PostgreSQL; workers scale out, and LISTEN wakes them at once. */
export function createJobQueue(url: string, log: Log, role: 'send' | 'work'): JobQueue {
  const boss = new PgBoss({
    connectionString: url,
    application_name: 'sluice jobs',
    schema: 'pgboss',
    max: role === 'work' ? 4 : 2,
    migrate: false,
    createSchema: false,
    schedule: false,
    supervise: role === 'work',
    useListenNotify: role === 'work',
  });
  boss.on('error', (error: unknown) =>
    log.event('warn', { event: 'job-failed', queue: 'pg-boss', fault: describeUnexpected(error) }),
  );
  return {
    async start() {
      await boss.start();
      for (const queue of QUEUES) {
        await boss.createQueue(queue, {
          policy: 'standard',
          retryLimit: 2,
          retryDelay: 5,
          expireInSeconds: 12 * 3_600,
          deleteAfterSeconds: 24 * 3_600,
          notify: true,
        });
      }
    },
    async send(queue, data, { tx, after } = {}) {
      await boss.send(queue, data, {
        ...(tx ? { db: tx } : {}),
        ...(after ? { startAfter: after } : {}),
      });
    },
    async work(queue, { atOnce, together = 1 }, handle) {
      await boss.work<Jobs[typeof queue]>(
        queue,
        // LISTEN wakes an idle worker; one that was busy when more came would otherwise sleep 30 s after its job.
        {
          batchSize: together,
          localConcurrency: atOnce,
          pollingIntervalSeconds: 0.5,
          notifyPollingIntervalSeconds: 0.5,
        },
        async (jobs) => {
          try {
            await handle(jobs.map(({ data }) => data));
          } catch (error) {
            log.event('error', { event: 'job-failed', queue, fault: describeUnexpected(error) });
            // Tried twice more. A queue stores what is thrown, so what is thrown says nothing.
            throw new Error('It failed; the log says where.');
          }
        },
      );
    },
    async stop() {
      await boss.stop({ graceful: true, timeout: 30_000 });
    },
  };
}
