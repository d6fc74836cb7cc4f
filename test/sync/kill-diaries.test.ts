import { expect } from 'chai';
import { killOverDiaries } from '../support/siege/diary-siege.ts';
import { everyPoint } from '../support/siege/kills.ts';
import { SiegeClock } from '../support/siege/siege.ts';
import { Site } from '../support/siege/site.ts';

/** The long form, at every hit of every point, is in `npm run soak`. */
const SEED = 20_261_128;

describe('a hub that is killed while it asks when users who opted in are busy', function () {
  this.timeout(300_000);
  let site: Site;
  before(async () => {
    site = await Site.open(new SiegeClock().now);
  });
  after(() => site.close());

  it('has what their calendars hold when the next one has asked, and nothing of whoever opted out meanwhile', async () => {
    const { kills } = await killOverDiaries(site, SEED, { named: everyPoint });
    expect([...kills.points.keys()]).to.include.members(everyPoint);
  });
});
