import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { complete, NeedsAttention, page, records, StartOver, TryLater } from '../../src/contract/index.ts';
import type { Receipt } from '../../src/model/receipt.ts';
import { type HubTenantStore, LostLease } from '../../src/store/index.ts';
import { runConnection } from '../../src/sync/run.ts';
import { SideBySide } from '../../src/sync/side-by-side.ts';
import { type CalendarReading, calendarSource, meeting, room } from '../support/calendar-source.ts';
import { type TestHub, testClock, testHub } from '../support/hub.ts';

const ROOMS = Array.from({ length: 9 }, (_, n) => `r${n}`);
const AT_ONCE = 3;

describe('calendars that are read side by side', () => {
  const source = calendarSource();
  const clock = testClock(new Date('2026-11-30T08:00:00Z'));
  const unhandled: unknown[] = [];
  const note = (error: unknown) => void unhandled.push(error);
  let hub: TestHub;
  let tenant: HubTenantStore;
  /** Calendars that are being read now, and the most there were. */
  let underWay: Set<string>;
  let most: number;

  before(async () => {
    process.on('unhandledRejection', note);
    hub = await testHub({ connectors: [source.connector], clock });
  });
  after(() => void process.off('unhandledRejection', note));
  beforeEach(async () => {
    tenant = await hub.tenant(() => ({
      features: ['room-booking'],
      connections: [{ name: 'rooms', connector: 'memory-calendars', settings: {}, streams: {}, paused: false }],
    }));
    source.spaces = ROOMS.map((of) => room(of));
    source.calendars = Object.fromEntries(ROOMS.map((of) => [of, []]));
    source.atOnce = AT_ONCE;
    source.readings.length = 0;
    underWay = new Set();
    most = 0;
    unhandled.length = 0;
  });
  afterEach(async () => {
    await sleep(0);
    expect(unhandled).to.deep.equal([]);
    expect([...underWay], 'no reading outlives its run').to.deep.equal([]);
  });

  const reads = (script: (reading: CalendarReading) => ReturnType<NonNullable<typeof source.script>>) => {
    source.script = async function* (reading) {
      underWay.add(reading.room);
      most = Math.max(most, underWay.size);
      try {
        yield* script(reading);
      } finally {
        underWay.delete(reading.room);
      }
    };
  };
  const run = (over: Partial<typeof hub.runDeps> = {}, of = tenant): Promise<Receipt> =>
    runConnection({ ...hub.runDeps, ...over }, of, { connection: 'rooms', trigger: 'manual' });
  const keys = async () => {
    const all = { spaces: undefined, from: undefined, to: undefined, after: undefined, limit: 1000 };
    return (await tenant.events.list(all)).items.map(({ key }) => key).sort();
  };
  const twoPages = async function* (of: string) {
    yield records([meeting(`${of}-1`, of, 9, 10)]);
    yield page({ at: 1 });
    yield records([meeting(`${of}-2`, of, 11, 12)]);
    yield complete({ state: { token: 1 } });
  };
  const allKeys = ROOMS.flatMap((of) => [`${of}-1`, `${of}-2`]);
  /** Waits until the run wants no more of it. */
  const stuck = async function* ({ signal }: CalendarReading) {
    if (!signal.aborted) await once(signal, 'abort');
    throw new TryLater('The reading of this test was called off.');
    // biome-ignore lint/correctness/noUnreachable: a generator yields somewhere.
    yield complete();
  };
  /** The first to be read does this once the others of the first three are under way, which then hang. */
  const oneAmongStuck = (one: (reading: CalendarReading) => ReturnType<NonNullable<typeof source.script>>) =>
    reads(async function* (reading) {
      if (reading.room !== 'r0') return yield* stuck(reading);
      while (underWay.size < AT_ONCE) await sleep(1);
      yield* one(reading);
    });

  it('are as many at a time as the stream says, never more, and written one page at a time', async () => {
    let writing = 0;
    const alone = async <T>(work: () => Promise<T>): Promise<T> => {
      expect(++writing, 'transactions of one run at a time').to.equal(1);
      try {
        return await work();
      } finally {
        writing--;
      }
    };
    const watched: HubTenantStore = {
      ...tenant,
      beginPass: (...given) => alone(() => tenant.beginPass(...given)),
      applyPage: (...given) => alone(() => tenant.applyPage(...given)),
    };
    reads(async function* ({ room: of }) {
      // Each waits for company; the later it came, the sooner it goes on: none is written in the order of its coming.
      while (underWay.size < AT_ONCE && source.readings.length < ROOMS.length) await sleep(1);
      await sleep(20 - 2 * Number(of.slice(1)));
      yield* twoPages(of);
    });
    const receipt = await run({}, watched);
    expect(receipt.status, receipt.error).to.equal('succeeded');
    expect(most).to.equal(AT_ONCE);
    expect(receipt.streams.events).to.include({ read: 18, kept: 18, created: 18 });
    expect(await keys()).to.deep.equal(allKeys);
  });

  it('are one at a time where the stream does not say', async () => {
    source.atOnce = 1;
    reads(({ room: of }) => twoPages(of));
    expect((await run()).status).to.equal('succeeded');
    expect(most).to.equal(1);
    expect(source.readings).to.deep.equal(ROOMS.map((of) => `${of} full`));
  });

  it('stop nothing but themselves where they cannot be read, be it all of them', async () => {
    const closed = new Set(['r1', 'r4']);
    reads(async function* ({ room: of }) {
      yield* twoPages(of);
      if (closed.has(of)) throw new Error('never reached: the end was told');
    });
    source.script = ((script) =>
      async function* (reading: CalendarReading) {
        if (closed.has(reading.room)) throw new NeedsAttention('This calendar is closed; open it.');
        yield* script(reading);
      })(source.script!);
    const some = await run();
    expect(some.error).to.match(/^2 of 9 parts of events could not be read/);
    expect(await keys()).to.deep.equal(allKeys.filter((key) => !closed.has(key.slice(0, 2))));
    for (const of of ROOMS) closed.add(of);
    const none = await run();
    expect(none.error).to.match(/^9 of 9 parts of events could not be read/);
    expect(source.readings).to.have.length(18);
  });

  it('start over one by one', async () => {
    reads(({ room: of }) => twoPages(of));
    await run();
    reads(async function* ({ room: of, mode }) {
      if (mode === 'incremental' && of !== 'r5') throw new StartOver();
      yield* twoPages(of);
    });
    source.readings.length = 0;
    const receipt = await run();
    expect(receipt.status, receipt.error).to.equal('succeeded');
    const again = source.readings.filter((one) => one.endsWith('full')).sort();
    expect(again).to.deep.equal(ROOMS.filter((of) => of !== 'r5').map((of) => `${of} full`));
  });

  for (const [what, error, sentence] of [
    ['a fault', new TypeError('A bug.'), /unexpected/],
    ['a wait', new TryLater('This source is busy.', new Date('2026-11-30T09:00:00Z')), /busy/],
  ] as const)
    it(`all end with the first that fails for a reason that is no matter of one: ${what}`, async () => {
      oneAmongStuck(async function* () {
        yield page();
        throw error;
      });
      const receipt = await run();
      expect(receipt).to.include({ status: 'failed' });
      expect(receipt.error).to.match(sentence);
      expect(source.readings, 'no other was begun').to.have.length(AT_ONCE);
    });

  it('are written as far as they have been told when the source asks to be left alone by one', async () => {
    let busy = false;
    reads(async function* ({ room: of }) {
      if (of === 'r0') {
        while (underWay.size < AT_ONCE) await sleep(1);
        yield page();
        busy = true;
        throw new TryLater('This source is busy.', new Date('2026-11-30T09:00:00Z'));
      }
      while (!busy) await sleep(1);
      await sleep(20);
      yield records([meeting(`${of}-1`, of, 9, 10), meeting(`${of}-2`, of, 11, 12)]);
      yield complete({ state: { token: 1 } });
    });
    const receipt = await run();
    expect(receipt.error).to.match(/busy/);
    expect(source.readings).to.have.length(AT_ONCE);
    expect(await keys()).to.deep.equal(['r1-1', 'r1-2', 'r2-1', 'r2-2']);
  });

  it('all end when the run is cancelled', async () => {
    oneAmongStuck(async function* () {
      await tenant.runs.cancel((await tenant.runs.list({ limit: 1 })).items[0]!.run);
      yield* twoPages('r0');
    });
    expect((await run()).status).to.equal('cancelled');
    expect(await keys()).to.deep.equal(['r0-1']);
    expect(source.readings).to.have.length(AT_ONCE);
  });

  it('all end when the hub stops, and the next one goes on where they were', async () => {
    const stop = new AbortController();
    oneAmongStuck(async function* () {
      stop.abort();
      yield* twoPages('r0');
    });
    const left = await run({ stopping: stop.signal });
    expect(left.status).to.equal('running');
    expect(await keys()).to.deep.equal(['r0-1']);
    reads(async function* ({ room: of, state }) {
      if (of === 'r0') expect(state).to.deep.equal({ at: 1 });
      yield* twoPages(of);
    });
    const receipt = await run();
    expect(receipt).to.include({ run: left.run, status: 'succeeded' });
    expect(await keys()).to.deep.equal(allKeys);
  });

  it('all end when the lease is lost', async () => {
    oneAmongStuck(({ room: of }) => twoPages(of));
    const robbed: HubTenantStore = {
      ...tenant,
      async applyPage(pass, ...given) {
        if (pass.stream === 'events') throw new LostLease();
        return tenant.applyPage(pass, ...given);
      },
    };
    const refused = await run({}, robbed).catch((error) => error);
    expect(refused).to.include({ name: 'Refused', kind: 'already-running' });
    expect(await keys()).to.deep.equal([]);
  });

  it('begin anew, all of them, when the configuration changed', async () => {
    let changed = false;
    reads(async function* ({ room: of }) {
      if (!changed) {
        changed = true;
        const live = (await tenant.configuration.read())!;
        await tenant.configuration.write(
          { ...live.configuration, features: ['room-booking', 'people-directory'] },
          { expected: live.version, resume: true },
        );
      }
      yield* twoPages(of);
    });
    const receipt = await run();
    expect(receipt.status, receipt.error).to.equal('succeeded');
    expect(await keys()).to.deep.equal(allKeys);
    expect(source.readings.length).to.be.within(ROOMS.length + 1, ROOMS.length + AT_ONCE);
  });
});

describe('work that waits for its turn', () => {
  it('is begun for no other once one has failed, and the failure is told when the last has ended', async () => {
    const side = new SideBySide(2, () => {});
    const [begun, ended]: [number[], number[]] = [[], []];
    const failure = await side
      .each([0, 1, 2, 3], async (one) => {
        begun.push(one);
        await sleep(one * 5);
        if (one === 0) throw new Error('zero');
        ended.push(one);
      })
      .catch((error) => error.message);
    expect([failure, begun, ended]).to.deep.equal(['zero', [0, 1], [1]]);
  });

  it('is not begun once something halted the others', async () => {
    const halts: unknown[] = [];
    const side = new SideBySide(2, (error) => halts.push(error));
    const done: string[] = [];
    const first = side.inTurn(async () => {
      await sleep(5);
      throw new Error('first');
    });
    const second = side.inTurn(async () => void done.push('second'));
    const settled = await Promise.allSettled([first, second]);
    expect(settled.map((one) => one.status === 'rejected' && one.reason.message)).to.deep.equal(['first', 'first']);
    expect(done).to.deep.equal([]);
    expect(halts).to.have.length(1);
  });
});
