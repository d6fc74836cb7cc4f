import { expect } from 'chai';
import { seededRandom } from '../../src/sandbox/random.ts';
import { killAtEveryPoint } from '../support/siege/every-point.ts';
import { sourceKinds } from '../support/siege/paged-source.ts';
import { killAtRandom } from '../support/siege/random-kills.ts';
import { Siege, SiegeClock } from '../support/siege/siege.ts';
import { Site } from '../support/siege/site.ts';

/** The long forms are in `npm run soak`. */
const SEED = 20_261_122;
const POINTS = ['lease', 'fetch', 'statement', 'commit', 'end'].flatMap((what) => [`${what}.before`, `${what}.after`]);
POINTS.push('gate.before', 'page.acknowledged');

describe('a hub that is killed', function () {
  this.timeout(300_000);
  const clock = new SiegeClock();
  let site: Site;
  before(async () => {
    site = await Site.open(clock.now);
  });
  after(() => site.close());

  async function besieged(people: number, pageSize: number): Promise<Siege[]> {
    const sieges: Siege[] = [];
    for (const kind of sourceKinds) sieges.push(await Siege.lay(site, clock, { kind, seed: SEED, people, pageSize }));
    return sieges;
  }

  it('at every point in turn goes on where it was', async () => {
    const sieges = await besieged(21, 6);
    const points = await killAtEveryPoint(site, sieges, 3, POINTS);
    expect([...points]).to.include.members(POINTS);
    for (const siege of sieges) await siege.lift();
  });

  it('at random moments, or whose server is, loses nothing and doubles nothing', async () => {
    const sieges = await besieged(30, 10);
    for (const siege of sieges) siege.source.delay_ms = 15;
    const harm = await killAtRandom(site, sieges, seededRandom(SEED), { kills: 10, pairs: 0, within_ms: 250 });
    expect(harm.servers).to.be.at.least(1);
    expect(harm.hubs).to.be.at.least(1);
    for (const siege of sieges) {
      expect(siege.reader.account.polls).to.be.above(10);
      await siege.lift();
    }
  });
});
