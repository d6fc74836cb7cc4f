import { expect } from 'chai';
import { CalendarSiege, killOverCalendars } from '../support/siege/calendar-siege.ts';
import { everyPoint } from '../support/siege/kills.ts';
import { SiegeClock } from '../support/siege/siege.ts';
import { Site } from '../support/siege/site.ts';

/** The long form, at every hit of every point, is in `npm run soak`. */
const SEED = 20_261_125;

describe('a hub that is killed while it reads the calendars of Microsoft 365', function () {
  this.timeout(300_000);
  let site: Site;
  before(async () => {
    site = await Site.open(new SiegeClock().now);
  });
  after(() => site.close());

  it('has what they hold when the next one has read them, and so have its readers', async () => {
    const siege = await CalendarSiege.lay(site, SEED);
    const { points } = await killOverCalendars(site, siege, { every: 70, named: everyPoint });
    expect([...points.keys()]).to.include.members(everyPoint);
    expect(siege.furtherPages, 'several pages a calendar').to.be.above(50);
    expect(siege.reader.account.polls).to.be.above(10);
    await siege.lift();
  });
});
