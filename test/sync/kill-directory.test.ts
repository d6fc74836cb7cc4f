import { expect } from 'chai';
import { killOverDirectory } from '../support/siege/directory-siege.ts';
import { everyPoint } from '../support/siege/kills.ts';
import { SiegeClock } from '../support/siege/siege.ts';
import { Site } from '../support/siege/site.ts';

/** The long form, at every hit of every point, is in `npm run soak`. */
const SEED = 20_261_127;

describe('a hub that is killed while it reads the users of Microsoft 365', function () {
  this.timeout(300_000);
  let site: Site;
  before(async () => {
    site = await Site.open(new SiegeClock().now);
  });
  after(() => site.close());

  it('has them as the directory has them when the next one has read on, and so have its readers', async () => {
    const { kills, resumed } = await killOverDirectory(site, SEED, { named: everyPoint });
    expect([...kills.points.keys()]).to.include.members(everyPoint);
    expect(kills.points.get('commit.after'), 'in a first round, in one of changes, and anew').to.be.at.least(3);
    expect(resumed, 'rounds that went on after several pages').to.be.above(5);
  });
});
