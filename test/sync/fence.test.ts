import { expect } from 'chai';
import { type CommitFault, commitProxy } from '../support/siege/commit-proxy.ts';
import { fenceRound } from '../support/siege/fencing.ts';
import { loseCommits } from '../support/siege/lost-commits.ts';
import { sourceKinds } from '../support/siege/paged-source.ts';
import { Siege, SiegeClock } from '../support/siege/siege.ts';
import { Site } from '../support/siege/site.ts';

const SEED = 20_261_122;
const COMPANY = { seed: SEED, people: 18, pageSize: 6 };

describe('two workers and a database', function () {
  this.timeout(60_000);
  const clock = new SiegeClock();
  let site: Site;
  before(async () => {
    site = await Site.open(clock.now);
  });
  after(() => site.close());

  for (const kind of sourceKinds) {
    it(`let nothing in from one that slept past its lease (${kind})`, async () => {
      const siege = await Siege.lay(site, clock, { ...COMPANY, kind });
      for (const [point, hit] of [
        ['lease.after', 1],
        ['fetch.after', 2],
        ['gate.before', 2],
        ['page.acknowledged', 1],
        ['page.acknowledged', 3],
        ['end.before', 1],
      ] as const) {
        for (const wakes of ['after', 'during'] as const) await fenceRound(siege, { point, hit }, wakes);
      }
      await siege.lift();
    });
  }

  it('let nothing in from one whose transaction the server ended while it slept', async () => {
    const siege = await Siege.lay(site, clock, { ...COMPANY, kind: 'resumable' });
    // Within the second page's transaction: behind the fence, before its commit.
    for (const hit of [5, 6, 7, 8]) await fenceRound(siege, { point: 'commit.before', hit }, 'after');
    await siege.lift();
  });

  for (const fault of ['answer-swallowed', 'never-sent'] satisfies CommitFault[]) {
    it(`agree again after a COMMIT whose ${fault === 'never-sent' ? 'request' : 'answer'} was lost`, async () => {
      const siege = await Siege.lay(site, clock, { ...COMPANY, kind: 'resumable' });
      await loseCommits(siege, fault, 10, 10);
      await siege.lift();
    });
  }

  it('agree that a log-on whose answer was lost is one user', async () => {
    const siege = await Siege.lay(site, clock, { ...COMPANY, kind: 'resumable' });
    const proxy = await commitProxy(site.url);
    const store = site.openStoreAt(proxy.url);
    const given = { email: 'new@acme.example', given_name: 'New', family_name: 'Hire' };
    try {
      const tenant = await store.tenant(siege.tenantId);
      await tenant.configuration.read();
      // The first reads the admitted domains, the second is the log-on.
      proxy.arm('answer-swallowed', 2);
      const lost = await tenant.users.logOn(given).catch((error) => error as Error & { recovery?: string });
      expect(lost).to.have.property('recovery', 'try-later');
      const again = await tenant.users.logOn(given);
      expect(again.outcome).to.equal('known');
      const { items } = await tenant.users.list({ after: undefined, limit: 100 });
      expect(items.filter(({ fields }) => fields.email === given.email)).to.have.length(1);
    } finally {
      await store.close();
      await proxy.stop();
      await siege.lift();
    }
  });
});
