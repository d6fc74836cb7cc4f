import { expect } from 'chai';
import fc from 'fast-check';
import { silentLog } from '../../src/base/log.ts';
import type { DueConnection, HubTenantStore } from '../../src/store/index.ts';
import { nextSlot } from '../../src/sync/cron.ts';
import { createJobQueue, type JobQueue } from '../../src/sync/jobs.ts';
import { slotsAfter, tick } from '../../src/sync/schedule.ts';
import { type TestClock, type TestHub, testClock, testDatabase, testHub } from '../support/hub.ts';
import { memorySource } from '../support/memory-source.ts';
import { asOwner } from '../support/owner.ts';

const ZONE = 'Europe/Amsterdam';
const HOUR_MS = 3_600_000;

/** The next so many slots, each counted from the one before. */
function slots(expression: string, after: string, count: number, zone = ZONE): string[] {
  const found: string[] = [];
  let at = new Date(after);
  while (found.length < count) {
    at = nextSlot(expression, zone, at)!;
    found.push(at.toISOString().replace(':00.000Z', 'Z'));
  }
  return found;
}

describe('slots in the tenant’s zone', () => {
  it('stay at the same local time when the clock changes', () => {
    expect(slots('0 3 * * *', '2026-03-28T00:00:00Z', 3)).to.deep.equal([
      '2026-03-28T02:00Z',
      '2026-03-29T01:00Z',
      '2026-03-30T01:00Z',
    ]);
    expect(slots('0 3 * * *', '2026-10-24T00:00:00Z', 3)).to.deep.equal([
      '2026-10-24T01:00Z',
      '2026-10-25T02:00Z',
      '2026-10-26T02:00Z',
    ]);
  });

  // On 29 March 2026 at 02:00 the clock goes to 03:00, which is 01:00 UTC.
  it('run a skipped local time at the first instant after it', () => {
    expect(slots('30 2 * * *', '2026-03-28T12:00:00Z', 2)).to.deep.equal(['2026-03-29T01:00Z', '2026-03-30T00:30Z']);
    expect(slots('0 2 * * *', '2026-03-28T12:00:00Z', 2)).to.deep.equal(['2026-03-29T01:00Z', '2026-03-30T00:00Z']);
    expect(slots('59 2 * * 0', '2026-03-28T12:00:00Z', 2)).to.deep.equal(['2026-03-29T01:00Z', '2026-04-05T00:59Z']);
  });

  it('run several skipped local times once, at that instant', () => {
    expect(slots('15,30,45 2 * * *', '2026-03-28T12:00:00Z', 2)).to.deep.equal([
      '2026-03-29T01:00Z',
      '2026-03-30T00:15Z',
    ]);
    expect(slots('30 2,3 * * *', '2026-03-28T12:00:00Z', 3)).to.deep.equal([
      '2026-03-29T01:00Z',
      '2026-03-29T01:30Z',
      '2026-03-30T00:30Z',
    ]);
  });

  // On 25 October 2026 at 03:00 the clock goes back to 02:00: 02:30 is 00:30 UTC, and again 01:30 UTC.
  it('run a doubled local time once, the first time', () => {
    expect(slots('30 2 * * *', '2026-10-24T12:00:00Z', 2)).to.deep.equal(['2026-10-25T00:30Z', '2026-10-26T01:30Z']);
    expect(slots('15,45 2 * * *', '2026-10-24T12:00:00Z', 3)).to.deep.equal([
      '2026-10-25T00:15Z',
      '2026-10-25T00:45Z',
      '2026-10-26T01:15Z',
    ]);
  });

  it('do not run it again for a hub that looks during the second time', () => {
    for (const now of [
      '2026-10-25T01:00:00Z',
      '2026-10-25T01:10:00Z',
      '2026-10-25T01:29:59Z',
      '2026-10-25T01:30:00Z',
    ]) {
      expect(slots('30 2 * * *', now, 1), now).to.deep.equal(['2026-10-26T01:30Z']);
    }
  });

  it('of every hour go on evenly through both changes', () => {
    const quarters = (from: string, count: number) =>
      Array.from({ length: count }, (_, n) =>
        new Date(Date.parse(from) + n * 900_000).toISOString().replace(':00.000Z', 'Z'),
      );
    expect(slots('*/15 * * * *', '2026-03-28T23:59:00Z', 12)).to.deep.equal(quarters('2026-03-29T00:00:00Z', 12));
    expect(slots('*/15 * * * *', '2026-10-24T23:59:00Z', 12)).to.deep.equal(quarters('2026-10-25T00:00:00Z', 12));
  });

  it('are right where the clock changes by half an hour, at midnight, and never', () => {
    // Lord Howe: 02:00 becomes 02:30 on 4 October 2026, 15:30 UTC the day before.
    expect(slots('10 2 * * *', '2026-10-03T00:00:00Z', 1, 'Australia/Lord_Howe')).to.deep.equal(['2026-10-03T15:30Z']);
    // Chile: midnight becomes 01:00 on 6 September 2026.
    expect(slots('30 0 * * *', '2026-09-05T12:00:00Z', 1, 'America/Santiago')).to.deep.equal(['2026-09-06T04:00Z']);
    expect(slots('30 2 * * *', '2026-03-28T12:00:00Z', 2, 'UTC')).to.deep.equal([
      '2026-03-29T02:30Z',
      '2026-03-30T02:30Z',
    ]);
  });

  it('of an expression that never fires are none', () => {
    expect(nextSlot('0 0 31 2 *', ZONE, new Date())).to.equal(null);
    expect(nextSlot('nonsense', ZONE, new Date())).to.equal(null);
  });

  it('of a day come once each day of the year, and never in the past', () => {
    const minute = fc.integer({ min: 0, max: 59 });
    const hour = fc.integer({ min: 0, max: 23 });
    const local = new Intl.DateTimeFormat('en-CA', { timeZone: ZONE, dateStyle: 'short' });
    fc.assert(
      fc.property(minute, hour, fc.constantFrom('2026-03-27', '2026-10-23', '2026-06-01'), (m, h, from) => {
        const days = slots(`${m} ${h} * * *`, `${from}T12:00:00Z`, 4).map((slot) => local.format(new Date(slot)));
        expect(new Set(days).size, `${h}:${m}`).to.equal(4);
      }),
    );
    fc.assert(
      fc.property(
        minute,
        hour,
        fc.date({ min: new Date('2026-10-24T20:00:00Z'), max: new Date('2026-10-25T06:00:00Z'), noInvalidDate: true }),
        (m, h, now) => {
          const next = nextSlot(`${m} ${h} * * *`, ZONE, now)!;
          expect(next.getTime()).to.be.greaterThan(now.getTime());
          expect(next.getTime() - now.getTime()).to.be.at.most(26 * HOUR_MS);
        },
      ),
    );
  });
});

describe('slots that were missed', () => {
  const due = (given: Partial<DueConnection> = {}): DueConnection => ({
    tenantId: 't',
    id: 'c',
    name: 'people',
    schedule: '*/15 * * * *',
    fullSchedule: '0 3 * * *',
    timeZone: ZONE,
    nextFullAt: new Date('2026-11-22T02:00:00Z'),
    ...given,
  });

  it('collapse into one: the next is counted from now', () => {
    const { next, nextFull, full } = slotsAfter(due(), new Date('2026-11-22T17:07:00Z'));
    expect(next).to.deep.equal(new Date('2026-11-22T17:15:00Z'));
    expect(nextFull).to.deep.equal(new Date('2026-11-23T02:00:00Z'));
    expect(full).to.equal(true);
  });

  it('do not make a run full whose full slot has not come', () => {
    expect(slotsAfter(due(), new Date('2026-11-22T01:59:59Z'))).to.deep.include({ full: false });
    expect(slotsAfter(due({ nextFullAt: null }), new Date('2026-11-22T17:00:00Z'))).to.deep.include({ full: false });
    expect(slotsAfter(due({ fullSchedule: null, nextFullAt: null }), new Date('2026-11-22T17:00:00Z'))).to.deep.include(
      { full: false, nextFull: null },
    );
  });

  it('leave a full slot that lies before the next ordinary one', () => {
    const { next } = slotsAfter(due({ schedule: '0 12 * * *' }), new Date('2026-11-22T17:00:00Z'));
    expect(next).to.deep.equal(new Date('2026-11-23T02:00:00Z'));
  });
});

describe('schedulers over one database', function () {
  this.timeout(60_000);
  const source = memorySource();
  const start = new Date('2026-11-22T09:00:30Z');
  let clock: TestClock;
  let hubs: TestHub[];
  let jobs: JobQueue[];
  let tenant: HubTenantStore;
  before(async () => {
    clock = testClock(start);
    hubs = await Promise.all([1, 2].map(() => testHub({ connectors: [source.connector], clock })));
    const { url } = await testDatabase();
    jobs = hubs.map(() => createJobQueue(url, silentLog, 'send'));
    for (const queue of jobs) await queue.start();
    tenant = await hubs[0]!.tenant(() => ({
      connections: [
        {
          name: 'people',
          connector: 'memory',
          schedule: '*/15 * * * *',
          full: '0 3 * * *',
          settings: {},
          streams: {},
          paused: false,
        },
      ],
    }));
  });
  after(async () => {
    for (const queue of jobs) await queue.stop();
  });

  const enqueued = () =>
    asOwner(async (client) => {
      const { rows } = await client.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM pgboss.job WHERE name = 'run' AND data->>'tenantId' = $1`,
        [tenant.tenantId],
      );
      return rows[0]!.n;
    });
  const both = () => Promise.all(hubs.map(({ store }, n) => tick(store, jobs[n]!, clock)));
  const dueAt = async () => (await tenant.connections.get('people')).next_due_at;

  it('claim each slot once, however often they look', async () => {
    expect(await enqueued()).to.equal(0);
    await both(); // due at once, because it is new
    expect(await enqueued()).to.equal(1);
    for (let slot = 1; slot <= 20; slot++) {
      clock.set(new Date(Date.parse('2026-11-22T09:00:00Z') + slot * 900_000));
      await Promise.all([both(), both()]);
      expect(await enqueued(), `slot ${slot}`).to.equal(1 + slot);
      expect(Date.parse((await dueAt())!) - clock.now().getTime()).to.equal(900_000);
    }
  });

  it('claim one slot for all that passed while no hub ran, and know that the full one was among them', async () => {
    const before = await enqueued();
    const { id } = await tenant.connections.get('people');
    expect(await tenant.fullWanted(id)).to.equal(undefined);
    clock.advance(26 * HOUR_MS);
    await both();
    await both();
    expect(await enqueued()).to.equal(before + 1);
    expect(await tenant.fullWanted(id)).to.equal(1);
  });

  it('claim nothing of a connection that is paused, and its slot at once when it is resumed', async () => {
    const before = await enqueued();
    await tenant.connections.setPaused('people', true);
    clock.advance(HOUR_MS);
    await both();
    expect(await enqueued()).to.equal(before);
    await tenant.connections.setPaused('people', false);
    await both();
    expect(await enqueued()).to.equal(before + 1);
  });

  it('keep the slot when the job could not be written', async () => {
    const before = await enqueued();
    clock.advance(HOUR_MS);
    const due = await dueAt();
    const broken: JobQueue = { ...jobs[0]!, send: () => Promise.reject(new Error('full')) };
    expect(await tick(hubs[0]!.store, broken, clock).catch((error: unknown) => error)).to.be.instanceOf(Error);
    expect(await dueAt()).to.equal(due);
    await both();
    expect(await enqueued()).to.equal(before + 1);
  });
});
