import { expect } from 'chai';
import type pg from 'pg';
import { page, record, TryLater } from '../../src/contract/index.ts';
import type { HubTenantStore } from '../../src/store/index.ts';
import { runConnection } from '../../src/sync/run.ts';
import { replaceConnection } from '../../src/tenants/index.ts';
import { calendarSource, meeting, room } from '../support/calendar-source.ts';
import { failureOf } from '../support/failure.ts';
import { type TestHub, testClock, testDatabase, testHub } from '../support/hub.ts';
import { assignment, locker, lockerSource } from '../support/locker-source.ts';
import { employee, logOnOf, memorySource } from '../support/memory-source.ts';
import { connected, rowsOf, tenantTables } from '../support/tenant-rows.ts';

const all = { after: undefined, limit: 1_000 };
const kinds = ['user', 'space', 'event', 'locker'] as const;
const systems = [
  { name: 'people', connector: 'memory', settings: { place: 'here', directory: 'memory' } },
  { name: 'banks', connector: 'memory-lockers', settings: {} },
  { name: 'rooms', connector: 'memory-calendars', settings: {} },
];

/** The same system told by two connections: the newer one takes the place of the older one, whose ids booking services hold. */
describe('a connection that takes the place of another', function () {
  this.timeout(60_000);
  const clock = testClock(new Date('2026-11-02T09:00:00Z'));
  const source = memorySource();
  const lockers = lockerSource();
  const calendars = calendarSource();
  const connectors = [source.connector, lockers.connector, calendars.connector];
  let hub: TestHub;
  let owner: pg.Client;
  let tenant: HubTenantStore;

  before(async () => {
    hub = await testHub({ connectors, clock });
    owner = await connected((await testDatabase()).migrateUrl);
  });
  after(() => owner.end());
  beforeEach(async () => {
    source.people = [1, 2, 3].map((n) => employee(n));
    lockers.lockers = ['L1', 'L2', 'L3'].map(locker);
    lockers.assignments = [assignment('L1', 'p1@acme.example'), assignment('L2', 'stranger@acme.example')];
    calendars.spaces = [{ id: 'floor-1', name: 'First', kind: 'floor' }, room('a'), room('b')];
    calendars.calendars = {
      a: [meeting('m1', 'a', 8, 9, { organizer: 'p1@acme.example' }), meeting('m2', 'a', 10, 11)],
      b: [meeting('m1', 'b', 12, 13)],
    };
    calendars.script = undefined;
    tenant = await hub.tenant(() => ({
      features: ['people-directory', 'lockers', 'room-booking'],
      connections: systems
        .flatMap((one) => [one, { ...one, name: `${one.name}-new` }])
        .map((one) => ({ ...one, streams: {}, paused: false })),
    }));
    for (const n of [1, 2, 3]) await tenant.users.logOn(logOnOf(n));
    for (const { name } of systems) await run(name);
  });

  async function run(connection: string, mode?: 'full') {
    clock.advance(60_000);
    const order = { tenantId: tenant.tenantId, connection, trigger: 'manual' as const };
    return hub.sync.run(mode ? { ...order, mode } : order);
  }
  const replace = (old: string, yes = true) =>
    replaceConnection({ store: tenant, old, by: `${old}-new`, connectors, yes });
  const spaces = async (of: string) =>
    (await tenant.spaces.list(all)).items.filter(({ connection }) => connection === of);
  const events = async (of: string) =>
    (await tenant.events.list({ spaces: undefined, from: undefined, to: undefined, ...all })).items.filter(
      ({ connection }) => connection === of,
    );
  const byKey = (rows: readonly { readonly key: string; readonly id: string; readonly space?: string | null }[]) =>
    Object.fromEntries(rows.map(({ id, key, space }) => [`${key} ${space ?? ''}`, id]));
  const changesSince = async (cursor: string | undefined) => tenant.changes.read({ cursor, limit: 1_000, kinds });
  async function lockersById() {
    const { items } = await changesSince(undefined);
    const ids = items.flatMap(({ kind, id, op }) => (kind === 'locker' && op === 'upsert' ? [id] : []));
    return [...(await tenant.lockers.many(ids)).values()];
  }

  it('gives rooms and meetings that both tell the ids they had, and what it tells of them itself', async () => {
    const before = { ...byKey(await spaces('rooms')), ...byKey(await events('rooms')) };
    calendars.spaces = [room('a', { name: 'Renamed' }), room('b'), room('c')];
    await run('rooms-new');
    const news = [...(await spaces('rooms-new')), ...(await events('rooms-new'))].map(({ id }) => id);
    const { next } = await changesSince(undefined);
    const { shown } = await replace('rooms');
    expect([shown.spaces, shown.events]).to.deep.equal([
      { known: 3, matched: 2 },
      { known: 3, matched: 3 },
    ]);
    const [after, meetings] = [await spaces('rooms-new'), await events('rooms-new')];
    expect(await spaces('rooms')).to.deep.equal([]);
    expect(byKey(after)).to.include({ 'a ': before['a '], 'b ': before['b '] });
    expect(after.map(({ key, name }) => `${key} ${name}`)).to.have.members(['a Renamed', 'b Room b', 'c Room c']);
    // Meetings of two calendars may have the same key: each keeps its own id.
    expect(byKey(meetings)).to.deep.equal(
      Object.fromEntries(Object.entries(before).filter(([key]) => key.startsWith('m'))),
    );
    const [own] = (await tenant.users.list(all)).items;
    expect(meetings.find(({ key, organizer }) => key === 'm1' && organizer !== null)?.organizer).to.equal(own!.id);
    // Ids of the old ones live on; the new one's own for the same things go, and so does what it does not tell.
    const { items } = await changesSince(next);
    const removed = items.filter(({ op }) => op === 'remove').map(({ id }) => id);
    const floor = before['floor-1 ']!;
    expect(removed).to.have.members([...news.filter((id) => !after.some((one) => one.id === id)), floor]);
    const told = items.filter(({ op }) => op === 'upsert');
    expect(told.map(({ id }) => id)).to.have.members(
      ['a ', 'b '].map((key) => before[key]!).concat(meetings.map(({ id }) => id)),
    );
    for (const { id, seq } of told) expect([...after, ...meetings].find((one) => one.id === id)?.version).to.equal(seq);
    // Its next readings find their own rows under those ids.
    const { streams } = await run('rooms-new', 'full');
    expect(streams.spaces).to.include({ unchanged: 3, created: 0, removed: 0 });
    expect(streams.events).to.include({ unchanged: 3, created: 0, removed: 0 });
  });

  it('gives lockers the ids they had, with those who have them', async () => {
    const before = byKey((await lockersById()).filter(({ connection }) => connection === 'banks'));
    lockers.lockers = ['L1', 'L2'].map(locker);
    lockers.assignments = [assignment('L1', 'p2@acme.example'), assignment('L2', 'p3@acme.example')];
    await run('banks-new');
    expect((await replace('banks')).shown.lockers).to.deep.equal({ known: 3, matched: 2 });
    const after = await lockersById();
    expect(byKey(after)).to.deep.equal({ 'L1 ': before['L1 '], 'L2 ': before['L2 '] });
    const { items } = await tenant.users.list(all);
    const idOf = (n: number) => items.find(({ fields }) => fields.email === `p${n}@acme.example`)!.id;
    const held = Object.fromEntries(after.map(({ key, assignments }) => [key, assignments.map(({ user }) => user)]));
    expect(held).to.deep.equal({ L1: [idOf(2)], L2: [idOf(3)] });
    const { streams } = await run('banks-new', 'full');
    expect(streams.lockers).to.include({ unchanged: 2, created: 0, removed: 0 });
    expect(streams.locker_assignments).to.include({ unchanged: 2, removed: 0 });
  });

  it('takes over who has left, so that the same entry brings back the same user within the grace', async () => {
    await run('people-new');
    source.people = source.people.slice(0, 2);
    await run('people-new');
    await run('people');
    const leaver = (await tenant.users.list(all)).items.find(({ status }) => status === 'left')!;
    const { shown } = await replace('people');
    expect(shown.users).to.deep.equal({ known: 2, matched: 2, elsewhere: 0, unmatched: [] });
    source.people = [1, 2, 3].map((n) => employee(n));
    await run('people-new');
    expect(await tenant.users.get(leaver.id)).to.include({ status: 'active', confirmed: true });
    expect((await tenant.users.list(all)).items).to.have.length(3);
  });

  it('takes over no key of another directory: there it may be somebody else’s', async () => {
    const { configuration, version } = (await tenant.configuration.read())!;
    const connections = configuration.connections.map((one) =>
      one.name === 'people-new' ? { ...one, settings: { ...one.settings, directory: 'other' } } : one,
    );
    await tenant.configuration.write({ ...configuration, connections }, { expected: version, resume: true });
    await run('people-new');
    source.people = source.people.slice(0, 2);
    await run('people-new');
    await run('people');
    await replace('people');
    const { rows } = await owner.query<{ n: number }>(
      'SELECT count(*)::int AS n FROM sluice.binding WHERE tenant_id = $1',
      [tenant.tenantId],
    );
    expect(rows[0]!.n).to.equal(2);
  });

  it('writes not one row before it is told to', async () => {
    for (const { name } of systems) await run(`${name}-new`);
    const tables = await tenantTables(owner);
    const before = await rowsOf(owner, tables, tenant.tenantId);
    for (const { name } of systems) expect((await replace(name, false)).outcome).to.equal('shown');
    expect(await rowsOf(owner, tables, tenant.tenantId)).to.deep.equal(before);
    // The control: these tables would show it.
    await replace('rooms');
    expect(await rowsOf(owner, tables, tenant.tenantId)).not.to.deep.equal(before);
  });

  it('waits for each calendar to have been read, and for no stream that it does not have', async () => {
    calendars.script = async function* ({ room: of }) {
      if (of === 'b') throw new TryLater('The calendar of this test is away; try again later.');
      yield record(meeting('m1', 'a', 8, 9));
      yield { item: 'complete', within: undefined, state: { token: 1 } };
    };
    await run('rooms-new');
    expect((await failureOf(replace('rooms'))).message).to.match(/rooms-new has not read its events to the end yet/);
    const other = await replaceConnection({ store: tenant, old: 'rooms', by: 'people', connectors, yes: true });
    expect(other.shown.spaces).to.deep.equal({ known: 3, matched: 0 });
    expect(await spaces('rooms')).to.deep.equal([]);
  });

  it('has its removals that wait wait on, under the ids that the things have now', async () => {
    await run('rooms-new');
    calendars.spaces = [];
    const held = await run('rooms-new');
    expect([held.status, held.streams.spaces?.held]).to.deep.equal(['held', 3]);
    await replace('rooms');
    expect(await spaces('rooms-new')).to.have.length(3);
    expect((await hub.sync.approve(tenant.tenantId, held.run, 'tester')).status).to.equal('succeeded');
    expect(await spaces('rooms-new')).to.deep.equal([]);
  });

  it('begins anew a reading that had lost its process, and takes nothing for gone', async () => {
    await run('rooms-new');
    const stopping = new AbortController();
    // The first page was read and its rows remembered; the process is no more.
    calendars.script = async function* ({ room: of }) {
      for (const one of calendars.calendars[of]!) yield record(one);
      stopping.abort();
      yield page({ token: 7 });
    };
    const before = byKey(await events('rooms'));
    clock.advance(60_000);
    const order = { connection: 'rooms-new', trigger: 'manual', mode: 'full' } as const;
    await runConnection({ ...hub.runDeps, stopping: stopping.signal }, tenant, order);
    await replace('rooms');
    const read: (string | null)[] = [];
    calendars.script = async function* ({ room: of, state }) {
      read.push(state === null ? of : `${of} ${state.token}`);
      for (const one of calendars.calendars[of]!) yield record(one);
      yield { item: 'complete', within: undefined, state: { token: 8 } };
    };
    expect((await run('rooms-new')).streams.events).to.include({ removed: 0, held: 0 });
    expect(read, 'the one under way from its beginning').to.deep.equal(['a', 'b 1']);
    expect(byKey(await events('rooms-new'))).to.deep.equal(before);
  });
});
