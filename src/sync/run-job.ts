import { Refused, SluiceError, TryLater } from '../base/errors.ts';
import type { Store } from '../store/index.ts';
import { comeBackAt } from './contact.ts';
import type { JobQueue, Jobs } from './jobs.ts';
import { runForPush } from './push.ts';
import { type RunDeps, runConnection } from './run.ts';

/** What a worker does with a job for a run. One whose source asked to be left alone comes back at that instant. */
export async function workOnRun(
  deps: RunDeps,
  jobs: Pick<JobQueue, 'send'>,
  store: Store,
  job: Jobs['run'],
): Promise<void> {
  const { tenantId, connection, run, full, push } = job;
  const tenant = await store.tenant(tenantId);
  try {
    if (push) return await runForPush(deps, jobs, tenant, connection);
    await runConnection(deps, tenant, {
      connection,
      trigger: 'schedule',
      ...(run ? { run } : {}),
      ...(full ? { mode: 'full' as const } : {}),
    });
  } catch (error) {
    // Its slot is claimed already: dropped here, a run of once a day would come a day later.
    if (error instanceof TryLater && error.notBefore)
      return await jobs.send('run', job, { after: comeBackAt(error.notBefore, deps.clock) });
    // Somebody else reads it, it was paused, or it is gone: nothing is lost, the next slot comes.
    if (!(error instanceof Refused || (error instanceof SluiceError && error.recovery === 'bad-input'))) throw error;
  }
}
