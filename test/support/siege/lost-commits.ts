import { expect } from 'chai';
import { type CommitFault, commitProxy } from './commit-proxy.ts';
import type { Siege } from './siege.ts';

/** Loses the first COMMIT of a run, of the next run the second, and so on; each pass is finished and checked. */
export async function loseCommits(siege: Siege, fault: CommitFault, rounds: number, most: number): Promise<void> {
  const { site } = siege;
  const proxy = await commitProxy(site.url);
  const store = site.openStoreAt(proxy.url);
  try {
    await store.tenant(siege.tenantId);
    for (let round = 0; round < rounds; round++) {
      proxy.arm(fault, 1 + (round % most));
      const first = await siege.runHere(store).catch(() => undefined);
      proxy.disarm();
      await siege.killed();
      const whole = first?.status === 'succeeded' || first?.status === 'held';
      await siege.verify(whole ? first : await siege.runHere(store), { oneRun: false });
      await siege.nextVersion();
    }
    expect(proxy.broken()).to.equal(rounds);
  } finally {
    await store.close();
    await proxy.stop();
  }
}
