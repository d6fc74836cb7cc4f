import { expect } from 'chai';
import { complete, gone, NeedsAttention, page, records, StartOver, skip, whole } from '../../src/contract/index.ts';
import type { Receipt } from '../../src/model/receipt.ts';
import type { HubTenantStore, SpaceEvent, TenantConfiguration } from '../../src/store/index.ts';
import { noticeJob } from '../../src/sync/notices.ts';
import { type RunDeps, runConnection } from '../../src/sync/run.ts';
import { calendarSource, meeting, room } from '../support/calendar-source.ts';
import { type TestHub, testClock, testHub } from '../support/hub.ts';
import { logOnOf } from '../support/memory-source.ts';

const DAY_MS = 24 * 3_600_000;
const START = new Date('2026-11-30T08:00:00Z');

const rooms = (more: Partial<TenantConfiguration> = {}): Partial<TenantConfiguration> => ({
  features: ['room-booking'],
  connections: [{ name: 'rooms', connector: 'memory-calendars', settings: {}, streams: {}, paused: false }],
  ...more,
});

describe('rooms and their calendars', () => {
  const source = calendarSource();
  const clock = testClock(START);
  let hub: TestHub;
  let tenant: HubTenantStore;

  before(async () => {
    hub = await testHub({ connectors: [source.connector], clock });
  });
  beforeEach(async () => {
    clock.set(START);
    tenant = await hub.tenant(() => rooms());
    source.spaces = [{ id: 'floor-1', name: 'First floor', kind: 'floor' }, room('a'), room('b', { seats: '12' })];
    source.calendars = { a: [meeting('m1', 'a', 9, 10), meeting('m2', 'a', 11, 12)], b: [meeting('m1', 'b', 9, 10)] };
    source.script = undefined;
    source.readings.length = 0;
  });

  const run = (mode?: 'full'): Promise<Receipt> => {
    clock.advance(60_000);
    return hub.sync.run({
      tenantId: tenant.tenantId,
      connection: 'rooms',
      trigger: 'manual',
      ...(mode ? { mode } : {}),
    });
  };
  const events = async (): Promise<SpaceEvent[]> => [
    ...(await tenant.events.list({ spaces: undefined, from: undefined, to: undefined, after: undefined, limit: 1000 }))
      .items,
  ];
  const keys = async (of?: string) => {
    const spaces = await spaceIds();
    return (await events())
      .filter(({ space }) => of === undefined || space === spaces[of])
      .map(({ key }) => key)
      .sort();
  };
  const spaceIds = async (): Promise<Record<string, string>> =>
    Object.fromEntries(
      (await tenant.spaces.list({ after: undefined, limit: 1000 })).items.map(({ key, id }) => [key, id]),
    );
  const changes = async (cursor?: string) =>
    tenant.changes.read({ cursor, limit: 1000, kinds: ['user', 'space', 'event'] });

  it('are kept as they are told, each calendar by itself', async () => {
    const receipt = await run();
    expect(receipt.status).to.equal('succeeded');
    expect(receipt.streams.spaces).to.include({ read: 3, kept: 3, created: 3 });
    expect(receipt.streams.events).to.include({ read: 3, kept: 3, created: 3, mode: 'full' });
    const { items } = await tenant.spaces.list({ after: undefined, limit: 10 });
    const floor = items.find(({ key }) => key === 'floor-1')!;
    expect(items.find(({ key }) => key === 'b')).to.deep.include({
      name: 'Room b',
      kind: 'room',
      parent: floor.id,
      capacity: 12,
      time_zone: 'Europe/Amsterdam',
      equipment: ['display', 'video'],
    });
    const spaces = await spaceIds();
    expect(
      (await events()).map(({ key, space, starts_at, ends_at, show_as }) => [key, space, starts_at, ends_at, show_as]),
    ).to.have.deep.members([
      ['m1', spaces.a, '2026-12-01T09:00:00.000Z', '2026-12-01T10:00:00.000Z', 'busy'],
      ['m2', spaces.a, '2026-12-01T11:00:00.000Z', '2026-12-01T12:00:00.000Z', 'busy'],
      ['m1', spaces.b, '2026-12-01T09:00:00.000Z', '2026-12-01T10:00:00.000Z', 'busy'],
    ]);
  });

  it('write nothing when they are told again unchanged', async () => {
    await run();
    const { next } = await changes();
    const receipt = await run('full');
    expect(receipt.streams.events).to.include({ created: 0, updated: 0, unchanged: 3, removed: 0 });
    expect(receipt.streams.spaces).to.include({ created: 0, updated: 0, unchanged: 3, removed: 0 });
    expect((await changes(next)).items).to.deep.equal([]);
  });

  it('are not kept without what they cannot be without, or if they end before they begin', async () => {
    source.calendars = {
      a: [
        meeting('m1', 'a', 9, 10, { start: 'tomorrow' }),
        meeting('m2', 'a', 9, 10, { end: null }),
        meeting('m3', 'a', 10, 9),
        { ...meeting('m4', 'a', 9, 10), room: '' },
        meeting('m5', 'a', 9, 10, { showAs: 'somehow', zone: 'Nowhere/City' }),
      ],
    };
    const receipt = await run();
    expect(receipt.streams.events?.dropped).to.deep.equal({ invalid: 4 });
    expect((await events()).map(({ key, show_as, time_zone }) => [key, show_as, time_zone])).to.deep.equal([
      ['m5', 'busy', null],
    ]);
  });

  describe('whose meeting it is', () => {
    it('is told of a user, and of nobody else, and of nobody once it is over', async () => {
      const { user } = await tenant.users.logOn(logOnOf(1));
      source.calendars = {
        a: [
          meeting('m1', 'a', 9, 10, { organizer: 'P1@acme.example' }),
          meeting('m2', 'a', 11, 12, { organizer: 'stranger@elsewhere.example' }),
        ],
      };
      await run();
      const organizers = async () => Object.fromEntries((await events()).map(({ key, organizer }) => [key, organizer]));
      expect(await organizers()).to.deep.equal({ m1: user.id, m2: null });
      const { meetings } = await tenant.users.account(user.id);
      expect(meetings).to.deep.equal([
        {
          connection: 'rooms',
          space: 'Room a',
          starts_at: '2026-12-01T09:00:00.000Z',
          ends_at: '2026-12-01T10:00:00.000Z',
        },
      ]);
      clock.set(new Date('2026-12-01T10:00:00Z'));
      expect(await organizers(), 'before anybody has cleared it').to.deep.equal({ m1: null, m2: null });
      const { next } = await changes();
      await tenant.upkeep(0);
      expect((await changes(next)).items)
        .to.have.length(1)
        .and.to.deep.include.members([]);
      clock.set(START);
      expect(await organizers(), 'even with the clock put back').to.deep.equal({ m1: null, m2: null });
    });

    it('is forgotten with the user, and the room stays busy', async () => {
      const { user } = await tenant.users.logOn(logOnOf(1));
      source.calendars = { a: [meeting('m1', 'a', 9, 10, { organizer: 'p1@acme.example' })] };
      await run();
      const [event] = await events();
      const { next } = await changes();
      await tenant.users.erase(user.id);
      expect((await changes(next)).items.map(({ kind, id, op }) => [kind, id, op])).to.deep.equal([
        ['user', user.id, 'remove'],
        ['event', event!.id, 'upsert'],
      ]);
      expect((await events()).map(({ organizer, version }) => [organizer, version > event!.version])).to.deep.equal([
        [null, true],
      ]);
    });
  });

  describe('read for what has changed', () => {
    it('lose what the source says is gone or out of scope, and nothing for a key that nobody knows', async () => {
      await run();
      source.script = async function* ({ room: of }) {
        if (of === 'a') {
          yield gone('m1');
          yield gone('never heard of');
          yield records([meeting('m2', 'a', 11, 12, { cancelled: true }), meeting('m3', 'a', 14, 15)]);
        }
        yield complete({ state: { token: 2 } });
      };
      const receipt = await run();
      expect(source.readings.slice(2)).to.deep.equal(['a incremental', 'b incremental']);
      expect(receipt.streams.events).to.include({ gone: 2, removed: 2, held: 0, created: 1 });
      expect(await keys('a')).to.deep.equal(['m3']);
      expect(await keys('b')).to.deep.equal(['m1']);
    });

    it('are told what is gone even by a reading that is begun a second time, where the state of a page is worth nothing', async () => {
      const restarting = calendarSource({ resumable: false });
      const another = await testHub({ connectors: [restarting.connector], clock });
      tenant = await another.tenant(() => rooms());
      restarting.calendars = { a: [meeting('m1', 'a', 9, 10), meeting('m2', 'a', 11, 12)] };
      const stop = new AbortController();
      const begin = (over: { stopping?: AbortSignal } = {}) =>
        runConnection({ ...another.runDeps, ...over }, tenant, { connection: 'rooms', trigger: 'manual' });
      await begin();
      const states: unknown[] = [];
      restarting.script = async function* ({ mode, state }) {
        states.push([mode, state]);
        yield records([meeting('m3', 'a', 14, 15)]);
        if (states.length === 1) stop.abort();
        // Pages are joined for a second, and no longer.
        clock.advance(2_000);
        yield page({ of: 'this process' });
        yield gone('m1');
        yield complete({ state: { token: 2 } });
      };
      const left = await begin({ stopping: stop.signal });
      expect(left.status).to.equal('running');
      expect(await begin()).to.include({ run: left.run, status: 'succeeded' });
      expect(states).to.deep.equal([
        ['incremental', { token: 1 }],
        ['incremental', { token: 1 }],
      ]);
      expect(await keys()).to.deep.equal(['m2', 'm3']);
    });

    it('replace a series as a whole, however often it moves, without asking anybody', async () => {
      const series = (day: number, count: number) =>
        Array.from({ length: count }, (_, n) => meeting(`s${day}-${n}`, 'a', day, day + 1, { series: 'S' }));
      source.calendars = {
        a: [...series(1, 4), meeting('m1', 'a', 9, 10)],
        b: [meeting('s1-0', 'b', 1, 2, { series: 'S' })],
      };
      await run();
      source.script = async function* ({ room: of }) {
        if (of === 'a')
          yield whole('S', [...series(3, 2), meeting('s1-1', 'a', 1, 2, { series: 'S', cancelled: true })]);
        yield complete({ state: { token: 2 } });
      };
      const receipt = await run();
      expect(receipt.status).to.equal('succeeded');
      expect(receipt.streams.events).to.include({ created: 2, removed: 4, held: 0 });
      expect(await keys('a')).to.deep.equal(['m1', 's3-0', 's3-1']);
      expect(await keys('b'), 'another room’s part of it is not touched').to.deep.equal(['s1-0']);
    });

    it('keep a member of a series that merely cannot be read', async () => {
      source.calendars = { a: [meeting('s1', 'a', 1, 2, { series: 'S' }), meeting('s2', 'a', 3, 4, { series: 'S' })] };
      await run();
      source.script = async function* () {
        yield whole('S', [
          meeting('s1', 'a', 1, 2, { series: 'S' }),
          meeting('s2', 'a', 3, 4, { series: 'S', start: '?' }),
        ]);
        yield complete({ state: { token: 2 } });
      };
      expect((await run()).streams.events).to.include({ removed: 0 });
      expect(await keys()).to.deep.equal(['s1', 's2']);
    });

    it('keep a member of a series that its connector cannot read', async () => {
      source.calendars = { a: [meeting('s1', 'a', 1, 2, { series: 'S' }), meeting('s2', 'a', 3, 4, { series: 'S' })] };
      await run();
      source.script = async function* () {
        yield skip('s2');
        yield whole('S', [meeting('s1', 'a', 1, 2, { series: 'S' })]);
        yield complete({ state: { token: 2 } });
      };
      expect((await run()).streams.events).to.include({ removed: 0 });
      expect(await keys()).to.deep.equal(['s1', 's2']);
    });

    it('lose a series that is told empty only as any other removal', async () => {
      source.calendars = { a: [meeting('s1', 'a', 1, 2, { series: 'S' })] };
      await run();
      source.script = async function* () {
        yield whole('S', []);
        yield complete({ state: { token: 2 } });
      };
      expect((await run()).streams.events).to.include({ removed: 0, held: 1 });
      expect(await keys()).to.deep.equal(['s1']);
    });
  });

  describe('read within a window', () => {
    const window = { from: new Date('2026-12-01T10:00:00Z'), to: new Date('2026-12-01T20:00:00Z') };
    beforeEach(() => {
      source.calendars = {
        a: [meeting('early', 'a', 8, 9), meeting('across', 'a', 9, 11), meeting('inside', 'a', 12, 13)],
      };
    });

    it('lose only what lies in it and was not told', async () => {
      await run();
      source.script = async function* () {
        yield records([meeting('across', 'a', 9, 11)]);
        yield complete({ within: window, state: { token: 2 } });
      };
      const receipt = await run('full');
      expect(receipt.streams.events).to.include({ unchanged: 1, removed: 1 });
      expect(await keys()).to.deep.equal(['across', 'early']);
      const sources = await tenant.connections.sources();
      expect(sources.map(({ stream, covers }) => [stream, covers])).to.deep.equal([
        ['events', { from: window.from.toISOString(), to: window.to.toISOString() }],
        ['spaces', null],
      ]);
    });

    it('start over when their state is worth nothing, and keep what they have until that is complete', async () => {
      await run();
      let fail = true;
      source.script = async function* ({ mode, state }) {
        if (mode === 'incremental') throw new StartOver();
        expect(state).to.equal(null);
        yield records([meeting('inside', 'a', 12, 13, { showAs: 'tentative' })]);
        yield page({ at: 1 });
        if (fail) throw new NeedsAttention('The source of this test wants a person; act.');
        yield complete({ within: window, state: { token: 3 } });
      };
      expect((await run()).status).to.equal('failed');
      expect(await keys()).to.deep.equal(['across', 'early', 'inside']);
      fail = false;
      source.readings.length = 0;
      // What was begun in full and not ended is begun in full again: its state stands in the middle of nothing.
      const receipt = await run();
      expect(source.readings).to.deep.equal(['a full']);
      expect(receipt.streams.events).to.include({ removed: 1, unchanged: 1 });
      expect(await keys()).to.deep.equal(['early', 'inside']);
      source.readings.length = 0;
      source.script = undefined;
      await run();
      expect(source.readings).to.deep.equal(['a incremental']);
    });

    it('do not go round in circles when even a reading from the beginning asks to start over', async () => {
      await run();
      source.script = async function* () {
        yield* [];
        throw new StartOver();
      };
      expect((await run()).status).to.equal('failed');
      expect(source.readings).to.deep.equal(['a full', 'a incremental', 'a full']);
    });
  });

  it('stop nothing but themselves where one cannot be read', async () => {
    await run();
    source.script = async function* ({ room: of }) {
      if (of === 'a') throw new NeedsAttention('The calendar of this test is closed to us; open it.');
      yield records([meeting('m9', 'b', 15, 16)]);
      yield complete({ state: { token: 2 } });
    };
    const receipt = await run();
    expect(receipt).to.deep.include({
      status: 'failed',
      error:
        '1 of 2 parts of events could not be read, the others were; of the first: The calendar of this test is closed to us; open it.',
    });
    expect(await keys('a')).to.deep.equal(['m1', 'm2']);
    expect(await keys('b')).to.deep.equal(['m1', 'm9']);
    source.script = undefined;
    expect((await run()).status).to.equal('succeeded');
  });

  it('wait for a person when many vanish at once, but not when one calendar of many is empty', async () => {
    const many = Array.from({ length: 10 }, (_, n) => `r${n}`);
    source.calendars = Object.fromEntries(
      many.map((of) => [of, Array.from({ length: 3 }, (_, n) => meeting(`m${n}`, of, 9 + n, 10 + n))]),
    );
    await run();
    source.calendars.r0 = [];
    expect((await run('full')).streams.events).to.include({ removed: 3, held: 0 });
    for (const of of many) source.calendars[of] = [];
    const receipt = await run('full');
    expect(receipt.status).to.equal('held');
    expect(await events()).to.have.length(27 - receipt.streams.events!.removed);
    expect(receipt.streams.events!.held + receipt.streams.events!.removed).to.equal(27);
  });

  it('wait for a person who can decide though one calendar is closed to us for good', async () => {
    const many = Array.from({ length: 10 }, (_, n) => `r${n}`);
    source.calendars = Object.fromEntries(
      many.map((of) => [of, [9, 10, 11].map((hour) => meeting(`m${hour}`, of, hour, hour + 1))]),
    );
    await run();
    source.script = async function* ({ room: of }) {
      if (of === 'r0') throw new NeedsAttention('The calendar of this test is closed to us; open it.');
      yield complete({ state: { token: 2 } });
    };
    // Each reading of everything puts them on a list of its own.
    const told: unknown[] = [];
    const deps: RunDeps = {
      ...hub.runDeps,
      ended: async (_tenant, receipt, health) =>
        void told.push(noticeJob(tenant.tenantId, receipt.run, health, clock)?.kind),
    };
    for (const mode of ['full', 'full'] as const) {
      clock.advance(60_000);
      await runConnection(deps, tenant, { connection: 'rooms', trigger: 'manual', mode });
    }
    expect(told).to.deep.equal(['failing', undefined]);
    const { items } = await tenant.runs.list({ limit: 2 });
    const held = items.map(({ streams }) => streams.events?.held);
    expect(held[0]).to.be.greaterThan(0);
    expect(held[1]).to.equal(0);
    const before = await events();
    const approved = await hub.sync.approve(tenant.tenantId, items[0]!.run, 'tester');
    expect(approved).to.include({ status: 'failed', decided_by: 'tester' });
    expect(await events()).to.have.length(before.length - held[0]!);
  });

  it('lose what a calendar held that is no longer among those read, unless that is so much that a person must look', async () => {
    const many = Array.from({ length: 8 }, (_, n) => `r${n}`);
    source.calendars = Object.fromEntries(many.map((of) => [of, [meeting('m', of, 9, 10), meeting('n', of, 11, 12)]]));
    await run();
    delete source.calendars.r0;
    expect((await run()).streams.events).to.include({ removed: 2, held: 0 });
    expect(await events()).to.have.length(14);
    source.readings.length = 0;
    source.calendars = { r1: source.calendars.r1! };
    const receipt = await run();
    expect(receipt.status).to.equal('held');
    expect(receipt.streams.events).to.include({ removed: 2, held: 10 });
    await hub.sync.approve(tenant.tenantId, receipt.run, 'tester');
    expect(await events()).to.have.length(2);
    await run();
    const { id } = await tenant.connections.get('rooms');
    expect(await tenant.partitionsOf(id, 'events')).to.deep.equal(['r1']);
  });

  it('are read under rules that are loaded once, however many they are', async () => {
    const many = Array.from({ length: 20 }, (_, n) => `r${n}`);
    source.calendars = Object.fromEntries(many.map((of) => [of, [meeting('m', of, 9, 10)]]));
    let loads = 0;
    const counted = {
      ...tenant,
      loadedRules: async (id: string) => {
        loads++;
        return tenant.loadedRules(id);
      },
    };
    await runConnection(hub.runDeps, counted, { connection: 'rooms', trigger: 'manual' });
    expect(loads).to.equal(2);
    expect(await events()).to.have.length(20);
  });

  it('go with their feature, and with their connection', async () => {
    for (const next of [{ features: [] }, { connections: [] }]) {
      await run();
      const { next: cursor } = await changes();
      const live = (await tenant.configuration.read())!;
      await tenant.configuration.write({ ...live.configuration, ...next } as TenantConfiguration, {
        expected: live.version,
        resume: true,
      });
      expect(await events()).to.deep.equal([]);
      expect(await spaceIds()).to.deep.equal({});
      expect((await changes(cursor)).items.map(({ op }) => op)).to.deep.equal(Array(6).fill('remove'));
      tenant = await hub.tenant(() => rooms());
    }
  });

  it('are forgotten 30 days after they ended', async () => {
    await run();
    clock.set(new Date(Date.parse('2026-12-01T10:00:00Z') + 30 * DAY_MS));
    const { next } = await changes();
    await tenant.upkeep(0);
    expect((await changes(next)).items.map(({ op, reason }) => [op, reason])).to.deep.equal([
      ['remove', 'expired'],
      ['remove', 'expired'],
    ]);
    expect(await keys()).to.deep.equal(['m2']);
  });
});
