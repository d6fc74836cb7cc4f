import { expect } from 'chai';
import { onFaultPoint } from '../../src/base/faults.ts';
import type { Receipt } from '../../src/model/receipt.ts';
import type { HubTenantStore, TenantConfiguration } from '../../src/store/index.ts';
import { runConnection } from '../../src/sync/run.ts';
import { busyTime, calendarSource, room } from '../support/calendar-source.ts';
import { type TestHub, testClock, testHub } from '../support/hub.ts';
import { employee, logOnOf, memorySource } from '../support/memory-source.ts';
import { asOwner, tablesHolding } from '../support/owner.ts';

const START = new Date('2026-11-30T08:00:00Z');
const DAY_MS = 24 * 3_600_000;
const FEATURE = 'hybrid-meetings';
const EVIDENCE = { text_version: '1', locale: 'nl' };
const addressOf = (n: number) => `p${n}@acme.example`;

const configured = (more: Partial<TenantConfiguration> = {}): Partial<TenantConfiguration> => ({
  features: [FEATURE, 'room-booking'],
  connections: [
    { name: 'calendars', connector: 'memory-calendars', settings: {}, streams: {}, paused: false },
    {
      name: 'people',
      connector: 'memory',
      settings: { place: 'here', directory: 'memory' },
      streams: { users: { removals: { percent: 100, more_than: 1_000 } } },
      paused: false,
    },
  ],
  ...more,
});

describe('when users who opted in are busy', () => {
  const source = calendarSource();
  const people = memorySource();
  const clock = testClock(START);
  let hub: TestHub;
  let tenant: HubTenantStore;

  before(async () => {
    hub = await testHub({ connectors: [source.connector, people.connector], clock });
  });
  beforeEach(async () => {
    clock.set(START);
    tenant = await hub.tenant(() => configured());
    source.spaces = [room('a'), room('b')];
    source.calendars = {};
    source.busy = {};
    source.askedAbout.length = 0;
    source.onAnswer = undefined;
    people.people = [];
  });
  afterEach(() => onFaultPoint(undefined));

  const run = (connection = 'calendars'): Promise<Receipt> => {
    clock.advance(60_000);
    return hub.sync.run({ tenantId: tenant.tenantId, connection, trigger: 'manual' });
  };
  const streamOf = async () => (await run()).streams.user_events!;
  const user = async (n: number) => (await tenant.users.logOn(logOnOf(n))).user.id;
  const optedIn = async (n: number) => {
    const id = await user(n);
    await tenant.users.optIn(id, FEATURE, EVIDENCE);
    return id;
  };
  const all = { from: undefined, to: undefined, after: undefined, limit: 1_000 };
  const times = async (id: string) =>
    (await tenant.userCalendars.list({ user: id, ...all })).items
      .map(({ starts_at, ends_at, show_as }) => `${starts_at.slice(11, 16)}-${ends_at.slice(11, 16)} ${show_as}`)
      .sort();
  const changes = (cursor?: string) => tenant.changes.read({ cursor, limit: 1_000, kinds: ['user_event'] });
  const reconfigure = async (next: Partial<TenantConfiguration>) => {
    const before = (await tenant.configuration.read())!;
    await tenant.configuration.write({ ...before.configuration, ...next }, { expected: before.version, resume: true });
  };
  /** Rows of this tenant by table that name the user: an owner's view, past every wall. */
  const rowsAbout = async (id: string) => {
    return asOwner(async (client) => {
      const counts: Record<string, number> = {};
      for (const table of ['user_event', 'user_calendar', 'opt_in']) {
        const { rows } = await client.query<{ n: number }>(
          `SELECT count(*)::int AS n FROM sluice.${table} WHERE tenant_id = $1 AND user_id = $2`,
          [tenant.tenantId, id],
        );
        const { n } = rows[0]!;
        if (n > 0) counts[table] = n;
      }
      return counts;
    });
  };

  const counted = (table: string) =>
    asOwner(async (client) => {
      const { rows } = await client.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM sluice.${table} WHERE tenant_id = $1`,
        [tenant.tenantId],
      );
      return rows[0]!.n;
    });
  const waiting = () => counted('held');

  it('is asked of nobody who has not opted in, and nothing of them is kept', async () => {
    const id = await user(1);
    source.busy = { [addressOf(1)]: [busyTime('t1', 9, 10)] };
    const receipt = await run();
    expect(receipt.status).to.equal('succeeded');
    expect(receipt.streams.user_events).to.include({ read: 0, kept: 0 });
    expect(source.askedAbout).to.deep.equal([]);
    expect(await times(id)).to.deep.equal([]);
    expect(await rowsAbout(id)).to.deep.equal({});
  });

  it('is kept of those who have, each by themselves, and asked for some at a time', async () => {
    const ids = [];
    for (const n of [1, 2, 3]) ids.push(await optedIn(n));
    await user(4);
    source.busy = {
      [addressOf(1)]: [busyTime('t', 9, 10), busyTime('u', 11, 12, { showAs: 'tentative' })],
      [addressOf(2)]: [busyTime('t', 9, 10)],
      [addressOf(3)]: [],
    };
    expect(await streamOf()).to.deep.include({ mode: 'full', read: 3, kept: 3, created: 3, dropped: {} });
    expect(source.askedAbout).to.deep.equal([[addressOf(1), addressOf(2)], [addressOf(3)]]);
    expect(await times(ids[0]!)).to.deep.equal(['09:00-10:00 busy', '11:00-12:00 tentative']);
    expect(await times(ids[1]!)).to.deep.equal(['09:00-10:00 busy']);
    expect(await times(ids[2]!)).to.deep.equal([]);
    expect(await tenant.userCalendars.known(ids[2]!)).to.deep.equal({
      as_of: '2026-11-30T08:01:00.000Z',
      covers: { from: source.busyWithin.from.toISOString(), to: source.busyWithin.to.toISOString() },
    });
  });

  it('says in which of our spaces, by our ids, and leaves out what is none of ours', async () => {
    const id = await optedIn(1);
    source.busy = { [addressOf(1)]: [busyTime('t', 9, 10, { rooms: ['b', 'Clinic', 'a'] })] };
    await run();
    expect(await tablesHolding('Clinic')).to.deep.equal({});
    const spaces = (await tenant.spaces.list({ after: undefined, limit: 10 })).items.map((one) => one.id);
    const { items } = await tenant.userCalendars.list({ user: id, ...all });
    expect(items.map((one) => one.spaces)).to.deep.equal([spaces.sort()]);
    // Without room-booking nobody keeps in which room somebody is.
    await reconfigure({ features: [FEATURE] });
    expect(Object.keys(await tablesHolding('{a,b}'))).to.deep.equal([]);
  });

  it('writes nothing when it is told again unchanged', async () => {
    const id = await optedIn(1);
    source.busy = { [addressOf(1)]: [busyTime('t', 9, 10, { rooms: ['a'] }), busyTime('u', 11, 12)] };
    await run();
    const before = await tenant.userCalendars.list({ user: id, ...all });
    const { next } = await changes();
    expect(await streamOf()).to.include({ created: 0, updated: 0, unchanged: 2, removed: 0 });
    expect(await tenant.userCalendars.list({ user: id, ...all })).to.deep.equal(before);
    expect((await changes(next)).items).to.deep.equal([]);
  });

  it('follows a calendar that moves without asking anybody', async () => {
    const id = await optedIn(1);
    source.busy = { [addressOf(1)]: Array.from({ length: 8 }, (_, n) => busyTime(`t${n}`, 8 + n, 9 + n)) };
    await run();
    source.busy = { [addressOf(1)]: [busyTime('t0', 8, 9, { showAs: 'tentative' }), busyTime('new', 20, 21)] };
    expect(await streamOf()).to.include({ created: 1, updated: 1, removed: 7, held: 0 });
    expect(await times(id)).to.deep.equal(['08:00-09:00 tentative', '20:00-21:00 busy']);
  });

  it('waits for a person when a full calendar is told to be empty, and does what they decide', async () => {
    const id = await optedIn(1);
    const eight = Array.from({ length: 8 }, (_, n) => busyTime(`t${n}`, 8 + n, 9 + n));
    source.busy = { [addressOf(1)]: eight };
    await run();
    source.busy = { [addressOf(1)]: [] };
    const held = await run();
    expect([held.status, held.streams.user_events?.held]).to.deep.equal(['held', 8]);
    expect(await times(id)).to.have.length(8);
    // Told empty once more the newer run holds them; told again they are not waited for any more.
    const again = await run();
    expect([again.status, again.streams.user_events?.held]).to.deep.equal(['held', 8]);
    expect((await tenant.runs.get(held.run)).status).to.equal('superseded');
    source.busy = { [addressOf(1)]: eight };
    expect((await run()).status).to.equal('succeeded');
    source.busy = { [addressOf(1)]: [] };
    const last = await run();
    await hub.sync.approve(tenant.tenantId, last.run, 'tester');
    expect(await times(id)).to.deep.equal([]);
  });

  it('keeps what a person said to keep, until it is told again', async () => {
    const [one, two] = [await optedIn(1), await optedIn(2)];
    const full = (many: number) => Array.from({ length: many }, (_, n) => busyTime(`t${n}`, n, n + 1));
    source.busy = { [addressOf(1)]: full(8), [addressOf(2)]: [] };
    await run();
    source.busy = { [addressOf(1)]: [], [addressOf(2)]: [] };
    await hub.sync.reject(tenant.tenantId, (await run()).run, 'tester');
    // By now so few that nobody would have to be asked; they were.
    const many = Array.from({ length: 120 }, (_, n) => busyTime(`m${n}`, n % 23, (n % 23) + 1));
    source.busy = { [addressOf(1)]: [], [addressOf(2)]: many };
    expect((await run()).status).to.equal('succeeded');
    expect([(await times(one)).length, (await times(two)).length]).to.deep.equal([8, 120]);
    source.busy = { [addressOf(1)]: full(8), [addressOf(2)]: many };
    await run();
    source.busy = { [addressOf(1)]: [], [addressOf(2)]: many };
    expect((await run()).streams.user_events).to.include({ removed: 8, held: 0 });
    expect(await times(one)).to.deep.equal([]);
  });

  it('stays as it was where one calendar cannot be read, and the others are', async () => {
    const [one, two] = [await optedIn(1), await optedIn(2)];
    source.busy = { [addressOf(1)]: [busyTime('t', 9, 10)], [addressOf(2)]: [busyTime('t', 9, 10)] };
    await run();
    const known = await tenant.userCalendars.known(one);
    source.busy = { [addressOf(1)]: undefined, [addressOf(2)]: [busyTime('u', 13, 14)] };
    expect(await streamOf()).to.deep.include({ read: 2, dropped: { invalid: 1 }, removed: 1, created: 1 });
    expect(await times(one)).to.deep.equal(['09:00-10:00 busy']);
    expect(await times(two)).to.deep.equal(['13:00-14:00 busy']);
    expect(await tenant.userCalendars.known(one)).to.deep.equal(known);
  });

  it('takes nothing away outside the time that was told', async () => {
    const id = await optedIn(1);
    source.busy = { [addressOf(1)]: [busyTime('t', 9, 10), busyTime('u', 15, 16)] };
    await run();
    source.busyWithin = { from: new Date('2026-12-01T12:00:00Z'), to: new Date('2027-01-30T00:00:00Z') };
    source.busy = { [addressOf(1)]: [busyTime('v', 17, 18)] };
    await run();
    source.busyWithin = { from: new Date('2026-11-30T00:00:00Z'), to: new Date('2027-01-30T00:00:00Z') };
    expect(await times(id)).to.deep.equal(['09:00-10:00 busy', '17:00-18:00 busy']);
  });

  it('is asked of nobody by an address that is another user’s too', async () => {
    const [one, two] = [await optedIn(1), await user(2)];
    // The directory gives the address of the first, who is known by log-on alone, to the second.
    for (const mail of [addressOf(2), addressOf(1)]) {
      people.people = [employee(2, { mail })];
      await run('people');
    }
    expect((await tenant.users.get(two))?.fields.email).to.equal(addressOf(1));
    source.busy = { [addressOf(1)]: [busyTime('t', 9, 10)] };
    await run();
    expect(source.askedAbout.flat()).to.not.include(addressOf(1));
    expect([await times(one), await times(two)]).to.deep.equal([[], []]);
  });

  it('stays, and is no better known than before, where not all of a calendar can be read', async () => {
    const id = await optedIn(1);
    source.busy = { [addressOf(1)]: [busyTime('t', 9, 10), busyTime('u', 11, 12)] };
    await run();
    const known = await tenant.userCalendars.known(id);
    source.busy = { [addressOf(1)]: [busyTime('t', 9, 10, { end: 'later' }), busyTime('v', 13, 14)] };
    expect(await streamOf()).to.deep.include({ read: 2, kept: 1, dropped: { invalid: 1 }, removed: 0, held: 0 });
    expect(await times(id)).to.deep.equal(['09:00-10:00 busy', '11:00-12:00 busy', '13:00-14:00 busy']);
    source.busy = { [addressOf(1)]: [busyTime('t', 9, 10, { end: 'later' })] };
    expect(await streamOf()).to.deep.include({ removed: 0, held: 0 });
    expect(await tenant.userCalendars.known(id)).to.deep.equal(known);
  });

  it('is not kept if it cannot be said when it is', async () => {
    const id = await optedIn(1);
    source.busy = {
      [addressOf(1)]: [busyTime('t', 9, 10, { start: 'soon' }), busyTime('u', 11, 10), busyTime('', 9, 10)],
    };
    expect(await streamOf()).to.deep.include({ read: 3, kept: 0, dropped: { invalid: 3 } });
    expect(await times(id)).to.deep.equal([]);
  });

  it('is there as soon as somebody has opted in', async () => {
    const [one, two] = [await optedIn(1), await optedIn(2)];
    source.busy = { [addressOf(1)]: [busyTime('t', 9, 10)], [addressOf(2)]: [busyTime('t', 9, 10)] };
    await hub.sync.lookup(tenant.tenantId, [one]);
    expect(await times(one)).to.deep.equal(['09:00-10:00 busy']);
    expect(await times(two)).to.deep.equal([]);
    expect(source.askedAbout).to.deep.equal([[addressOf(1)]]);
    // An older reading that comes later does not undo it.
    source.onAnswer = async () => {
      source.onAnswer = undefined;
      source.busy = { ...source.busy, [addressOf(1)]: [busyTime('u', 11, 12)] };
      clock.advance(1_000);
      await hub.sync.lookup(tenant.tenantId, [one]);
    };
    await run();
    expect(await times(one)).to.deep.equal(['11:00-12:00 busy']);
  });

  it('is the newer reading’s, when two tell of one user at once', async () => {
    const id = await optedIn(1);
    source.busy = { [addressOf(1)]: [busyTime('older', 9, 10)] };
    const [reading, newer] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    // The run has its answer and is about to write; meanwhile somebody's own question is asked, answered and written,
    // and its transaction waits to commit until the run's page has come to the user.
    source.onAnswer = () => {
      source.onAnswer = undefined;
      reading.resolve();
      return newer.promise;
    };
    const running = run();
    await reading.promise;
    clock.advance(5_000);
    source.busy = { [addressOf(1)]: [busyTime('newer', 13, 14)] };
    let asked = false;
    onFaultPoint(async (point) => {
      if (point === 'fetch.after') asked = true;
      if (point !== 'commit.before' || !asked) return;
      onFaultPoint(undefined);
      newer.resolve();
      await new Promise((resolve) => setTimeout(resolve, 300));
    });
    await hub.sync.lookup(tenant.tenantId, [id]);
    newer.resolve();
    const { streams } = await running;
    expect(await times(id)).to.deep.equal(['13:00-14:00 busy']);
    expect((await tenant.userCalendars.known(id)).as_of).to.equal('2026-11-30T08:01:05.000Z');
    const { read, kept, repeated } = streams.user_events!;
    expect({ read, kept, repeated }).to.deep.equal({ read: 1, kept: 0, repeated: 1 });
  });

  it('accounts for every record once, also when a run goes on after it was stopped', async () => {
    for (const n of [1, 2, 3]) await optedIn(n);
    const twice = [busyTime('t', 9, 10), busyTime('t', 9, 10), busyTime('over', 1, 2)];
    source.busy = {
      [addressOf(1)]: twice,
      [addressOf(2)]: [busyTime('t', 9, 10)],
      [addressOf(3)]: [busyTime('t', 9, 10)],
    };
    clock.set(new Date('2026-12-01T05:00:00Z'));
    const stopping = new AbortController();
    source.onAnswer = () => stopping.abort();
    const order = { connection: 'calendars', trigger: 'manual' };
    await runConnection({ ...hub.runDeps, stopping: stopping.signal }, tenant, order);
    source.onAnswer = undefined;
    expect(source.askedAbout).to.deep.equal([[addressOf(1), addressOf(2)]]);
    const { read, kept, created, unchanged, repeated, dropped } = await streamOf();
    expect({ read, kept, created, unchanged, repeated, dropped }).to.deep.equal({
      read: 9,
      kept: 3,
      created: 3,
      unchanged: 0,
      repeated: 4,
      dropped: { 'out-of-scope': 2 },
    });
  });

  it('waits no more once it has been told again, in whatever way', async () => {
    const id = await optedIn(1);
    const eight = Array.from({ length: 8 }, (_, n) => busyTime(`t${n}`, 8 + n, 9 + n));
    source.busy = { [addressOf(1)]: eight };
    await run();
    source.busy = { [addressOf(1)]: [] };
    const held = await run();
    source.busy = { [addressOf(1)]: eight };
    await hub.sync.lookup(tenant.tenantId, [id]);
    await hub.sync.approve(tenant.tenantId, held.run, 'tester');
    expect(await times(id)).to.have.length(8);
  });

  it('is asked about in all: so many emptied at once wait, however few each page tells of', async () => {
    const ids = [];
    for (const n of [1, 2, 3, 4]) ids.push(await optedIn(n));
    const full = Object.fromEntries(
      [1, 2, 3, 4].map((n) => [addressOf(n), [0, 1, 2].map((at) => busyTime(`t${at}`, 8 + at, 9 + at))]),
    );
    source.busy = full;
    await run();
    source.busy = Object.fromEntries([1, 2, 3, 4].map((n) => [addressOf(n), []]));
    const { status, streams } = await run();
    expect([status, streams.user_events?.held, streams.user_events?.removed]).to.deep.equal(['held', 12, 0]);
    // Of one person alone nobody is asked; of one after the other in a day they are, as if it had been at once.
    source.busy = { ...full, [addressOf(1)]: [] };
    expect((await run()).streams.user_events).to.include({ held: 0, removed: 3 });
    source.busy = { ...source.busy, [addressOf(2)]: [] };
    expect((await run()).streams.user_events).to.include({ held: 3, removed: 0 });
    clock.advance(DAY_MS);
    source.busy = Object.fromEntries([1, 2].map((n) => [addressOf(n), []]));
    expect((await run()).streams.user_events).to.include({ held: 0, removed: 3 });
  });

  it('goes when the settings of the connection want it no more', async () => {
    const id = await optedIn(1);
    source.busy = { [addressOf(1)]: [busyTime('t', 9, 10)] };
    await run();
    source.busyWanted = false;
    const { next } = await changes();
    await run();
    source.busyWanted = true;
    expect(await rowsAbout(id)).to.deep.equal({ opt_in: 1 });
    expect((await changes(next)).items.map(({ op, reason }) => [op, reason])).to.deep.equal([
      ['remove', 'source-removed'],
    ]);
  });

  it('is left to the next run by a question that was planned from a former configuration', async () => {
    const id = await optedIn(1);
    source.busy = { [addressOf(1)]: [busyTime('t', 9, 10)] };
    source.onAnswer = () => reconfigure({ name: 'Another name' });
    await hub.sync.lookup(tenant.tenantId, [id]);
    source.onAnswer = undefined;
    expect(await times(id)).to.deep.equal([]);
    await run();
    expect(await times(id)).to.have.length(1);
  });

  it('is nobody’s business once it is over', async () => {
    const id = await optedIn(1);
    source.busy = { [addressOf(1)]: [busyTime('t', 9, 10), busyTime('u', 15, 16)] };
    await run();
    clock.set(new Date('2026-12-01T10:00:00Z'));
    expect(await times(id), 'at its end').to.deep.equal(['15:00-16:00 busy']);
    expect((await rowsAbout(id)).user_event).to.equal(2);
    const { next } = await changes();
    await tenant.upkeep(7 * DAY_MS);
    expect((await rowsAbout(id)).user_event).to.equal(1);
    expect((await changes(next)).items.map(({ op, reason }) => [op, reason])).to.deep.equal([['remove', 'expired']]);
  });

  it('is shown to the user', async () => {
    const id = await optedIn(1);
    source.busy = { [addressOf(1)]: [busyTime('t', 9, 10, { rooms: ['a'] })] };
    await run();
    const { busy, calendars } = await tenant.users.account(id);
    expect(busy).to.deep.equal([
      {
        connection: 'calendars',
        starts_at: '2026-12-01T09:00:00.000Z',
        ends_at: '2026-12-01T10:00:00.000Z',
        time_zone: 'Europe/Amsterdam',
        all_day: false,
        show_as: 'busy',
        spaces: ['Room a'],
      },
    ]);
    expect(calendars.map(({ connection, read_at }) => [connection, read_at])).to.deep.equal([
      ['calendars', '2026-11-30T08:01:00.000Z'],
    ]);
  });

  describe('goes at once, and says why,', () => {
    const kept = async () => {
      const [one, two] = [await optedIn(1), await optedIn(2)];
      people.people = [employee(1), employee(2)];
      await run('people');
      source.busy = { [addressOf(1)]: [busyTime('t', 9, 10)], [addressOf(2)]: [busyTime('t', 9, 10)] };
      await run();
      expect(await rowsAbout(one)).to.deep.equal({ user_event: 1, user_calendar: 1, opt_in: 1 });
      return { one, two, next: (await changes()).next };
    };
    const ways: readonly [what: string, reason: string, both: boolean, act: (one: string) => Promise<unknown>][] = [
      ['when the user opts out', 'opted-out', false, (one) => tenant.users.optOut(one, FEATURE)],
      ['when the user is erased', 'erased', false, (one) => tenant.users.erase(one)],
      [
        'when the user leaves',
        'left',
        false,
        async () => {
          people.people = [employee(2)];
          await run('people');
        },
      ],
      ['when the feature goes off', 'feature-off', true, () => reconfigure({ features: ['room-booking'] })],
      [
        'when the connection is removed',
        'source-removed',
        true,
        () => reconfigure({ connections: configured().connections!.slice(1) }),
      ],
    ];
    for (const [what, reason, both, act] of ways)
      it(what, async () => {
        const { one, two, next } = await kept();
        await act(one);
        const about = await rowsAbout(one);
        expect([about.user_event, about.user_calendar]).to.deep.equal([undefined, undefined]);
        expect(await times(two)).to.have.length(both ? 0 : 1);
        const told = (await changes(next)).items.map((item) => [item.op, item.reason]);
        expect(told).to.deep.equal(Array.from({ length: both ? 2 : 1 }, () => ['remove', reason]));
      });

    it('and what waits for a person goes with it', async () => {
      const one = await optedIn(1);
      source.busy = { [addressOf(1)]: Array.from({ length: 8 }, (_, n) => busyTime(`t${n}`, 8 + n, 9 + n)) };
      await run();
      source.busy = { [addressOf(1)]: [] };
      const held = await run();
      expect(await waiting()).to.equal(8);
      await tenant.users.optOut(one, FEATURE);
      expect(await waiting()).to.equal(0);
      await hub.sync.approve(tenant.tenantId, held.run, 'tester');
      expect((await tenant.runs.get(held.run)).streams.user_events).to.include({ removed: 0, held: 0 });
    });
  });

  describe('and an opt-in that does not stand when it is written', () => {
    it('leaves nothing, at whichever point of a run it was withdrawn', async () => {
      source.busy = { [addressOf(1)]: [busyTime('t', 9, 10)] };
      let points: string[] = [];
      onFaultPoint((point) => void points.push(point));
      const one = await optedIn(1);
      points = [];
      let answered = 0;
      source.onAnswer = () => {
        answered = points.length;
      };
      await run();
      source.onAnswer = undefined;
      const passed = points;
      expect(passed).to.include.members(['fetch.before', 'fetch.after', 'statement.before', 'commit.before']);
      let written = 0;
      let unwritten = 0;
      // From a little before they are listed to the end of the run; before that nobody has been asked about.
      for (let at = answered - 12; at < passed.length; at++) {
        await tenant.users.optIn(one, FEATURE, EVIDENCE);
        let passing = 0;
        let withdrawn: Promise<unknown> | undefined;
        onFaultPoint(async () => {
          if (passing++ !== at) return;
          onFaultPoint(undefined);
          withdrawn = tenant.users.optOut(one, FEATURE);
          // While the page holds the rules it waits for the page, which must go on.
          await Promise.race([withdrawn, new Promise((resolve) => setTimeout(resolve, 20))]);
        });
        const { streams } = await run();
        onFaultPoint(undefined);
        // A run that writes less passes fewer points.
        if (!withdrawn) break;
        await withdrawn;
        expect(await rowsAbout(one), `${at} ${passed[at]}`).to.deep.equal({});
        if (streams.user_events?.dropped['no-opt-in'] === 1) unwritten++;
        if (streams.user_events?.created === 1) written++;
      }
      // Some came between asking and commit, and some after it.
      expect(unwritten).to.be.above(2);
      expect(written).to.be.above(2);
    }).timeout(120_000);

    it('leaves nothing that was asked for before it was withdrawn and given again', async () => {
      const one = await optedIn(1);
      source.busy = { [addressOf(1)]: [busyTime('before', 9, 10)] };
      source.onAnswer = async () => {
        source.onAnswer = undefined;
        await tenant.users.optOut(one, FEATURE);
        await tenant.users.optIn(one, FEATURE, EVIDENCE);
      };
      expect((await streamOf()).dropped).to.deep.equal({ 'no-opt-in': 1 });
      expect(await rowsAbout(one)).to.deep.equal({ opt_in: 1 });
      await run();
      expect(await times(one)).to.deep.equal(['09:00-10:00 busy']);
    });

    it('leaves nothing of a question outside a run either', async () => {
      const one = await optedIn(1);
      source.busy = { [addressOf(1)]: [busyTime('t', 9, 10)] };
      source.onAnswer = () => tenant.users.optOut(one, FEATURE);
      await hub.sync.lookup(tenant.tenantId, [one]);
      expect(await rowsAbout(one)).to.deep.equal({});
    });
  });
});
