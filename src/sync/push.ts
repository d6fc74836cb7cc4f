import type { Clock } from '../base/clock.ts';
import { Refused } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Connector } from '../contract/connector.ts';
import type { Pushed } from '../contract/notifications.ts';
import type { HubTenantStore, Store } from '../store/index.ts';
import { comeBackAt } from './contact.ts';
import type { JobQueue } from './jobs.ts';
import { type RunDeps, runConnection } from './run.ts';

/** A run is called for this much later, so that a burst of notifications becomes one. */
const CALLED_AHEAD_MS = 5_000;
/**
 * For so long after a call no other is made. The rest of the time until the run begins is left to transactions that
 * commit late, and to clocks that differ: a notification that relied on a run which had begun already would be lost.
 */
const CALL_COVERS_MS = 2_000;
/** How long after a run that failed before anything came none is made for notifications. */
const AFTER_FAILURE_MS = 60_000;
/** How long a run for notifications waits when another one is under way. */
const BUSY_MS = 30_000;

export interface PushedConnection {
  readonly id: string;
  readonly tenant: string;
  /**
   * Takes in what a source sent. Nothing is acknowledged before it is durable.
   * @returns the text to send back, if the source only tried the address; or how many notifications it brought
   */
  receive(pushed: Pushed): Promise<{ readonly answer: string } | { readonly notices: number }>;
}

/** Takes notifications in, for the API. */
export interface PushReceiver {
  /** `undefined` for a token that opens nothing. */
  open(token: string): Promise<PushedConnection | undefined>;
}

export interface PushDeps {
  readonly store: Store;
  readonly connectors: ReadonlyMap<string, Connector>;
  readonly jobs: Pick<JobQueue, 'send'>;
  readonly log: Log;
}

export function createPushReceiver({ store, connectors, jobs, log }: PushDeps): PushReceiver {
  return {
    async open(token) {
      const opened = await store.openPush(token);
      const told = opened && connectors.get(opened.connection.connector)?.notifications;
      if (!opened || !told) return undefined;
      const { tenant, connection } = opened;
      return {
        id: connection.id,
        tenant: tenant.tenant,
        async receive(pushed) {
          const received = told.receive(pushed);
          if ('answer' in received) return received;
          const { notices } = received;
          if (notices.length === 0) return { notices: 0 };
          const outcome = await tenant.subscriptions.notified(connection.id, notices, CALL_COVERS_MS, (tx, from) =>
            jobs.send(
              'run',
              { tenantId: tenant.tenantId, connection: connection.name, push: true },
              { tx, after: new Date(from.getTime() + CALLED_AHEAD_MS) },
            ),
          );
          log.event(outcome.ignored > 0 ? 'warn' : 'debug', {
            event: 'push',
            tenant: tenant.tenant,
            connection: connection.name,
            ...outcome,
          });
          return { notices: notices.length };
        },
      };
    },
  };
}

const soon = (clock: Clock, inMs = CALLED_AHEAD_MS) => new Date(clock.now().getTime() + inMs);

/** A run for what notifications ask for, outside any transaction: if the job is lost, the schedule comes. */
export const callSoon = (jobs: Pick<JobQueue, 'send'>, clock: Clock, tenant: HubTenantStore, connection: string) =>
  jobs.send('run', { tenantId: tenant.tenantId, connection, push: true }, { after: soon(clock) });

/**
 * Reads what notifications ask for, if they still ask for anything when it is its turn.
 * @throws TryLater the source asked to be left alone, and nothing was asked of it
 */
export async function runForPush(
  deps: RunDeps,
  jobs: Pick<JobQueue, 'send'>,
  tenant: HubTenantStore,
  connection: string,
): Promise<void> {
  const { id, paused, schedule } = await tenant.connections.get(connection);
  if (paused || !(await tenant.subscriptions.pending(id))) return;
  const again = { tenantId: tenant.tenantId, connection, push: true };
  // A lively source must not have a sign-in that fails tried every few seconds; what is wanted stands meanwhile.
  if (await nothingCameJustNow(deps, tenant, connection)) {
    if (schedule === null) await jobs.send('run', again, { after: soon(deps.clock, AFTER_FAILURE_MS) });
    return;
  }
  try {
    await runConnection(deps, tenant, { connection, trigger: 'push' });
    // Where a schedule goes on at that instant, it serves the wish.
    const until = schedule === null ? await tenant.leftAloneUntil(id) : undefined;
    if (until) await jobs.send('run', again, { after: comeBackAt(until, deps.clock) });
  } catch (error) {
    if (!(error instanceof Refused && error.kind === 'already-running')) throw error;
    // The run under way may have read that part already.
    await jobs.send('run', again, { after: soon(deps.clock, BUSY_MS) });
  }
}

async function nothingCameJustNow({ clock }: RunDeps, tenant: HubTenantStore, connection: string): Promise<boolean> {
  const [last] = (await tenant.runs.list({ connection, limit: 1 })).items;
  if (last?.status !== 'failed' || last.finished_at === null || Object.keys(last.streams).length > 0) return false;
  return clock.now().getTime() - Date.parse(last.finished_at) < AFTER_FAILURE_MS;
}
