import { expect } from 'chai';
import fc from 'fast-check';
import { complete, records } from '../../src/contract/index.ts';
import { type Interval, merged, within, without } from '../../src/store/busy.ts';
import type { HubTenantStore } from '../../src/store/index.ts';
import { calendarSource, meeting, room } from '../support/calendar-source.ts';
import { type TestHub, testClock, testHub } from '../support/hub.ts';

const hour = (at: number) => `2026-12-01T${String(at).padStart(2, '0')}:00:00.000Z`;

describe('intervals', () => {
  const intervals = fc.array(
    fc.tuple(fc.nat({ max: 60 }), fc.nat({ max: 12 })).map(([from, length]): Interval => ({ from, to: from + length })),
    { maxLength: 12 },
  );
  /** Minute by minute, which no clever code shares a mistake with. */
  const minutes = (of: readonly Interval[]) =>
    Array.from({ length: 80 }, (_, at) => of.some(({ from, to }) => from <= at && at < to));
  const inOrder = (of: readonly Interval[]) =>
    of.every(({ from, to }, n) => from < to && (n === 0 || of[n - 1]!.to < from));

  it('are merged, cut out and bounded as minutes are', () => {
    fc.assert(
      fc.property(
        intervals,
        intervals,
        fc.tuple(fc.nat({ max: 60 }), fc.nat({ max: 20 })),
        (one, other, [at, length]) => {
          const [a, b] = [merged(one), merged(other)];
          expect(minutes(a)).to.deep.equal(minutes(one));
          expect(inOrder(a)).to.equal(true);
          const rest = without(a, b);
          expect(minutes(rest)).to.deep.equal(minutes(one).map((taken, n) => taken && !minutes(other)[n]));
          const window = { from: at, to: at + length };
          expect(minutes(within(a, window))).to.deep.equal(
            minutes(one).map((taken, n) => taken && n >= window.from && n < window.to),
          );
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('when a room is free', () => {
  const source = calendarSource();
  const clock = testClock(new Date('2026-12-01T07:00:00Z'));
  let hub: TestHub;
  let tenant: HubTenantStore;
  let ids: Record<string, string>;

  before(async () => {
    hub = await testHub({ connectors: [source.connector], clock });
  });
  beforeEach(async () => {
    clock.set(new Date('2026-12-01T07:00:00Z'));
    tenant = await hub.tenant(() => ({
      features: ['room-booking'],
      connections: [{ name: 'rooms', connector: 'memory-calendars', settings: {}, streams: {}, paused: false }],
    }));
    source.script = undefined;
    source.spaces = [
      { id: 'hq', kind: 'building', name: 'HQ' },
      { id: 'floor-1', kind: 'floor', name: 'First', in: 'hq' },
      room('a'),
      room('empty', { seats: 20, has: ['video'] }),
      room('unread', { in: 'elsewhere' }),
    ];
    source.calendars = {
      a: [
        meeting('m1', 'a', 9, 10),
        meeting('m2', 'a', 10, 11),
        meeting('m3', 'a', 12, 14, { showAs: 'tentative' }),
        meeting('m4', 'a', 13, 15),
        meeting('m5', 'a', 16, 17, { showAs: 'free' }),
      ],
      empty: [],
    };
  });
  async function read(): Promise<void> {
    await hub.sync.run({ tenantId: tenant.tenantId, connection: 'rooms', trigger: 'manual', mode: 'full' });
    const { items } = await tenant.spaces.list({ after: undefined, limit: 100 });
    ids = Object.fromEntries(items.map(({ key, id }) => [key, id]));
  }
  const ask = async (
    of: readonly string[],
    more: { from?: number; to?: number; atLeastMs?: number; ignore?: string[] } = {},
  ) =>
    tenant.events.availability({
      spaces: of.map((key) => ids[key]!),
      from: new Date(hour(more.from ?? 8)),
      to: new Date(hour(more.to ?? 18)),
      ignore: more.ignore ?? [],
      atLeastMs: more.atLeastMs ?? 0,
    });

  it('is told in merged half-open intervals, what is tentative apart from what is certain', async () => {
    await read();
    const [a, empty] = await ask(['a', 'empty']);
    expect(a).to.deep.equal({
      space: ids.a,
      status: 'known',
      as_of: '2026-12-01T07:00:00.000Z',
      busy: [
        { from: hour(9), to: hour(11), tentative: false },
        { from: hour(12), to: hour(13), tentative: true },
        { from: hour(13), to: hour(15), tentative: false },
      ],
      free: [
        { from: hour(8), to: hour(9) },
        { from: hour(11), to: hour(12) },
        { from: hour(15), to: hour(18) },
      ],
    });
    expect(empty).to.deep.include({ status: 'known', busy: [], free: [{ from: hour(8), to: hour(18) }] });
  });

  it('leaves out what is too short, and does not count what is being moved', async () => {
    await read();
    const [a] = await ask(['a'], { atLeastMs: 2 * 3_600_000 });
    expect(a!.free).to.deep.equal([{ from: hour(15), to: hour(18) }]);
    const { items } = await tenant.events.list({
      spaces: [ids.a!],
      from: undefined,
      to: undefined,
      after: undefined,
      limit: 9,
    });
    const moved = items.find(({ key }) => key === 'm4')!;
    const [without4] = await ask(['a'], { ignore: [moved.id], from: 13, to: 16 });
    expect(without4!.free).to.deep.equal([{ from: hour(14), to: hour(16) }]);
  });

  it('is not known of a calendar that was never read to its end, nor of a space without one', async () => {
    source.script = async function* ({ room: of }) {
      yield records(source.calendars[of]!);
      if (of === 'empty') yield complete({ state: { token: 1 } });
    };
    await read();
    const [a, empty, unread] = await ask(['a', 'empty', 'unread']);
    expect(a).to.deep.include({ status: 'unknown', as_of: null, free: [] });
    expect(empty).to.deep.include({ status: 'known' });
    expect(unread).to.deep.include({ status: 'unknown', as_of: null, busy: [], free: [] });
  });

  it('is not known beyond the window that was read', async () => {
    source.script = async function* ({ room: of }) {
      yield records(source.calendars[of]!);
      yield complete({ within: { from: new Date(hour(9)), to: new Date(hour(16)) }, state: { token: 1 } });
    };
    await read();
    const [inside] = await ask(['empty'], { from: 9, to: 16 });
    expect(inside).to.deep.include({ status: 'known', free: [{ from: hour(9), to: hour(16) }] });
    const [beyond] = await ask(['empty'], { from: 8, to: 18 });
    expect(beyond).to.deep.include({ status: 'unknown', free: [{ from: hour(9), to: hour(16) }] });
    const [outside] = await ask(['empty'], { from: 17, to: 18 });
    expect(outside).to.deep.include({ status: 'unknown', free: [] });
  });

  it('is stale an hour after it was last read completely, whatever failed since', async () => {
    await read();
    clock.set(new Date(hour(8)));
    expect((await ask(['a']))[0]!.status).to.equal('known');
    clock.advance(1);
    source.script = async function* ({ room: of }) {
      if (of === 'empty') yield complete({ state: { token: 2 } });
    };
    await hub.sync.run({ tenantId: tenant.tenantId, connection: 'rooms', trigger: 'manual' });
    expect((await ask(['a', 'empty'])).map(({ status }) => status)).to.deep.equal(['stale', 'known']);
  });

  it('is asked of the spaces that fit', async () => {
    await read();
    const find = async (where: Parameters<typeof tenant.spaces.find>[0]) => {
      const found = await tenant.spaces.find(where, 100);
      return Object.keys(ids)
        .filter((key) => found.includes(ids[key]!))
        .sort();
    };
    expect(await find({})).to.have.length(5);
    expect(await find({ kind: 'room' })).to.deep.equal(['a', 'empty', 'unread']);
    expect(await find({ within: ids.hq! })).to.deep.equal(['a', 'empty', 'floor-1', 'hq']);
    expect(await find({ within: ids['floor-1']!, kind: 'room', capacity_min: 10 })).to.deep.equal(['empty']);
    expect(await find({ equipment: ['display'] })).to.deep.equal(['a', 'unread']);
    expect(await find({ within: '00000000-0000-7000-8000-000000000000' })).to.deep.equal([]);
    expect(await tenant.spaces.find({}, 2)).to.have.length(2);
  });
});
