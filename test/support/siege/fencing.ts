import { expect } from 'chai';
import { eventually } from '../../store/embedded-support.ts';
import type { Siege } from './siege.ts';
import type { KillableHub, Site } from './site.ts';

/**
 * One worker is put to sleep (SIGSTOP) where it is, its lease runs out, another takes the run over; then the first
 * wakes up: after the other is done, or while it is in the middle of a page. It must not write one row.
 */
export async function fenceRound(
  siege: Siege,
  where: { readonly point: string; readonly hit: number },
  wakes: 'after' | 'during',
): Promise<void> {
  const { site, source } = siege;
  const sleeper = await site.hub();
  sleeper.send(siege.order({ what: 'SIGSTOP', ...where }));
  const said = await sleeper.next();
  // A directory that shrank has fewer pages: then it was done before it came here.
  if (said?.is === 'ended') {
    await sleeper.kill();
    await siege.verify(said.receipt, { oneRun: true });
    return siege.nextVersion();
  }
  expect(said).to.deep.equal({ is: 'at', ...where });
  await endTransactionsOf(sleeper, site);
  await siege.killed();

  async function wake(): Promise<void> {
    const before = await siege.rows();
    sleeper.process.kill('SIGCONT');
    const woken = await sleeper.next();
    expect(woken?.is, JSON.stringify(woken)).to.be.oneOf(['refused', 'failed']);
    if (woken?.is === 'refused') expect(woken.kind).to.equal('already-running');
    expect(await siege.rows(), 'rows after the sleeper woke').to.equal(before);
    await sleeper.kill();
  }

  let held: (() => void) | undefined;
  let reached = false;
  if (wakes === 'during') {
    source.onFetch = () => {
      if (reached) return;
      reached = true;
      return new Promise<void>((resolve) => {
        held = resolve;
      });
    };
  }
  const taken = siege.runHere();
  if (wakes === 'during') {
    let done = false;
    void taken.finally(() => {
      done = true;
    });
    // One that takes over after the last page has nothing left to fetch.
    await eventually(async () => held !== undefined || done);
    source.onFetch = undefined;
    await wake();
    held?.();
  }
  const receipt = await taken;
  if (wakes === 'after') await wake();
  await siege.verify(receipt, { oneRun: true });
  await siege.nextVersion();
}

/**
 * Inside a transaction the lease's row is locked; the server ends one that idles for a minute, here at once. A
 * statement that was under way when its hub fell asleep comes to its end first: looked at once only, its transaction
 * would be found `active`, left alone, and in everybody's way for that minute.
 */
async function endTransactionsOf(hub: KillableHub, site: Site): Promise<void> {
  const its = `application_name = 'killable hub ${hub.process.pid}'`;
  await eventually(async () => {
    await site.sql(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${its} AND state LIKE 'idle in transaction%'`,
    );
    return (await site.sql(`SELECT pid FROM pg_stat_activity WHERE ${its} AND state <> 'idle'`)).length === 0;
  });
}
