import { expect } from 'chai';
import { complete, type Item, NeedsAttention, records, TryLater } from '../../src/contract/index.ts';
import type { HubTenantStore } from '../../src/store/index.ts';
import type { JobQueue } from '../../src/sync/jobs.ts';
import { lookUpAll } from '../../src/sync/lookup.ts';
import { runConnection } from '../../src/sync/run.ts';
import { tick } from '../../src/sync/schedule.ts';
import { calendarSource, meeting, room } from '../support/calendar-source.ts';
import { type TestHub, testClock, testHub } from '../support/hub.ts';
import { employee, logOnOf, memorySource } from '../support/memory-source.ts';

const START = new Date('2026-11-30T08:00:00Z');

describe('a source of which one part is closed, or that sends a run away', () => {
  const source = calendarSource();
  const clock = testClock(START);
  let hub: TestHub;
  let tenant: HubTenantStore;
  before(async () => {
    hub = await testHub({ connectors: [source.connector], clock });
  });
  beforeEach(async () => {
    clock.set(START);
    source.spaces = [room('a'), room('b'), room('c')];
    source.calendars = { a: [meeting('m1', 'a', 9, 10)], b: [], c: [] };
    source.script = undefined;
    source.readings.length = 0;
    tenant = await hub.tenant(() => ({
      features: ['room-booking'],
      connections: [
        {
          name: 'rooms',
          connector: 'memory-calendars',
          settings: {},
          streams: {},
          paused: false,
          schedule: '0 3 * * *',
        },
      ],
    }));
  });
  const run = () => {
    clock.advance(60_000);
    return hub.sync.run({ tenantId: tenant.tenantId, connection: 'rooms', trigger: 'schedule' });
  };
  const told = async function* (of: string): AsyncGenerator<Item> {
    yield records(source.calendars[of] ?? []);
    yield complete({ state: { token: 1 } });
  };
  const connection = () => tenant.connections.get('rooms');

  it('is read in full once for one wish, though a part of it stays closed', async () => {
    await run();
    await tenant.wantFull((await connection()).id);
    source.script = async function* ({ room: of }) {
      if (of === 'b') throw new NeedsAttention('closed.');
      yield* told(of);
    };
    const modes: string[][] = [];
    for (let n = 0; n < 3; n++) {
      source.readings.length = 0;
      expect((await run()).status).to.equal('failed');
      modes.push(
        source.readings
          .filter((one) => !one.startsWith('b'))
          .map((one) => one.split(' ')[1]!)
          .sort(),
      );
    }
    expect(modes).to.deep.equal([
      ['full', 'full'],
      ['incremental', 'incremental'],
      ['incremental', 'incremental'],
    ]);
  });

  it('is read in all its parts in the end, though one of them sends every run away', async () => {
    source.script = async function* ({ room: of }) {
      if (of === 'b') throw new TryLater('busy.', new Date(clock.now().getTime() + 30_000));
      yield* told(of);
    };
    const read = () => source.readings.some((one) => one.startsWith('c'));
    for (let n = 0; n < 60 && !read(); n++) await run();
    expect(read()).to.equal(true);
  });

  it('is asked again after a quarter of a minute at the soonest, whatever instant it names', async () => {
    source.script = async function* () {
      yield records([]);
      throw new TryLater('busy.', clock.now());
    };
    await run();
    const sent: unknown[] = [];
    const send = async (_: string, data: { tenantId: string }) => {
      if (data.tenantId === tenant.tenantId) sent.push(data);
    };
    const tickAfter = async (ms: number) => {
      clock.advance(ms);
      await tick(hub.store, { send } as unknown as JobQueue, clock);
      return sent.length;
    };
    expect(await tickAfter(10_000)).to.equal(0);
    expect(await tickAfter(6_000)).to.equal(1);
  });

  it('is left alone by the next process too, when this one was asked to stop as the answer came', async () => {
    const stop = new AbortController();
    const until = new Date(clock.now().getTime() + 3_600_000);
    source.script = async function* () {
      stop.abort();
      yield records([]);
      throw new TryLater('busy.', until);
    };
    const deps = { ...hub.runDeps, stopping: stop.signal };
    const { status } = await runConnection(deps, tenant, { connection: 'rooms', trigger: 'schedule' });
    expect(status).to.equal('running');
    expect((await connection()).not_before).to.equal(until.toISOString());
  });
});

describe('somebody who logs on while nobody can be asked', () => {
  const source = memorySource();
  const clock = testClock(START);
  let hub: TestHub;
  let tenant: HubTenantStore;
  let user: string;
  /** Called when the source is asked about people. */
  let onLookup = async () => {};
  before(async () => {
    const users = source.connector.streams.users!;
    const lookup = users.lookup!;
    const asked: typeof lookup = async function* (context) {
      await onLookup();
      yield* lookup(context);
    };
    const connector = {
      ...source.connector,
      streams: { ...source.connector.streams, users: { ...users, lookup: asked } },
    };
    hub = await testHub({ connectors: [connector], clock });
  });
  beforeEach(async () => {
    clock.set(START);
    onLookup = async () => {};
    source.people = [employee(1)];
    tenant = await hub.tenant(() => ({
      connections: [{ name: 'people', connector: 'memory', settings: {}, streams: {}, paused: false }],
    }));
    user = (await tenant.users.logOn(logOnOf(1))).user.id;
  });
  const sent: { connection?: string }[] = [];
  const send = async (_: string, data: object) => {
    sent.push(data as { connection?: string });
  };
  const lookUp = (connection?: string, jobs = { send } as Pick<JobQueue, 'send'>) =>
    lookUpAll(
      hub.runDeps,
      hub.store,
      [{ tenantId: tenant.tenantId, users: [user], ...(connection ? { connection } : {}) }],
      jobs,
    );
  const id = async () => (await tenant.connections.list())[0]!.id;
  const fullWanted = async () => (await tenant.fullWanted(await id())) !== undefined;
  const rewrite = async (
    change: (live: NonNullable<Awaited<ReturnType<typeof tenant.configuration.read>>>['configuration']) => object,
  ) => {
    const live = (await tenant.configuration.read())!;
    await tenant.configuration.write(
      { ...live.configuration, ...change(live.configuration) },
      { expected: live.version, resume: true },
    );
  };

  it('is read with all others when the configuration changed under the question', async () => {
    await tenant.fullDone(await id(), (await tenant.fullWanted(await id())) ?? 0);
    onLookup = () => rewrite(() => ({}));
    await lookUp();
    expect(await fullWanted()).to.equal(true);
  });

  it('is read with all others once the connection is resumed', async () => {
    await tenant.fullDone(await id(), (await tenant.fullWanted(await id())) ?? 0);
    await tenant.connections.setPaused('people', true);
    await lookUp();
    await tenant.connections.setPaused('people', false);
    expect(await fullWanted()).to.equal(true);
  });

  it('is asked about when the source may be, though the connection has another name by then', async () => {
    sent.length = 0;
    await tenant.leaveAlone(await id(), new Date(clock.now().getTime() + 60_000));
    await lookUp();
    await rewrite(({ connections, users }) => ({
      connections: [{ ...connections[0]!, name: 'folk', was: 'people' }],
      users: { ...users, sources: users.sources.map((one) => (one === 'people' ? 'folk' : one)) },
    }));
    clock.advance(60_000);
    expect(sent).to.have.length(1);
    await lookUp(sent[0]!.connection);
    expect((await tenant.users.account(user)).contributions.map(({ supplier }) => supplier)).to.include('folk');
  });

  it('is read with all others when not even the question could be put off', async () => {
    await tenant.fullDone(await id(), (await tenant.fullWanted(await id())) ?? 0);
    await tenant.leaveAlone(await id(), new Date(clock.now().getTime() + 60_000));
    await lookUp(undefined, { send: () => Promise.reject(new Error('the queue is away')) });
    expect(await fullWanted()).to.equal(true);
  });
});
