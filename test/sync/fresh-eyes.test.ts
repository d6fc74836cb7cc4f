import { expect } from 'chai';
import { complete, type Item, records } from '../../src/contract/index.ts';
import type { Receipt } from '../../src/model/receipt.ts';
import type { ConnectionConfiguration, HubTenantStore, TenantConfiguration } from '../../src/store/index.ts';
import { settleRenames } from '../../src/tenants/plan.ts';
import { type TestHub, testClock, testHub } from '../support/hub.ts';
import { assignment, locker, lockerSource } from '../support/locker-source.ts';
import { employee, logOnOf, memorySource } from '../support/memory-source.ts';

/** Faults that a review with fresh eyes found; each was seen failing before its cure. */
describe('what a review found', () => {
  const one = memorySource();
  const two = memorySource({ name: 'memory2' });
  const lockers = lockerSource();
  const clock = testClock(new Date('2026-11-02T08:00:00Z'));
  let hub: TestHub;

  before(async () => {
    hub = await testHub({ connectors: [one.connector, two.connector, lockers.connector], clock });
  });
  beforeEach(() => {
    one.script = undefined;
    lockers.lockers = [];
    lockers.assignments = [];
  });

  const connection = (name: string, connector: string, more: Partial<ConnectionConfiguration> = {}) => ({
    name,
    connector,
    settings: { place: 'here', directory: connector },
    streams: {},
    paused: false,
    ...more,
  });
  const users = (...sources: string[]) => ({
    admit: 'first-logon' as const,
    sources,
    leaver_grace_ms: 7 * 24 * 3_600_000,
    domains: [],
  });
  const run = (tenant: HubTenantStore, name: string): Promise<Receipt> => {
    clock.advance(60_000);
    return hub.sync.run({ tenantId: tenant.tenantId, connection: name, trigger: 'manual' });
  };
  const apply = async ({ configuration }: HubTenantStore, change: Partial<TenantConfiguration>) => {
    const live = (await configuration.read())!;
    const next = settleRenames(live.configuration, { ...live.configuration, ...change });
    await configuration.write(next, { expected: live.version, resume: true });
  };
  const company = async (tenant: HubTenantStore, size: number) => {
    one.people = Array.from({ length: size }, (_, n) => employee(n));
    for (let n = 0; n < size; n++) await tenant.users.logOn(logOnOf(n));
  };
  const lockersOf = async (tenant: HubTenantStore) => {
    const { items } = await tenant.changes.read({ cursor: undefined, limit: 1000, kinds: ['locker'] });
    return [...(await tenant.lockers.many(items.map(({ id }) => id))).values()];
  };

  it('another order of sources takes effect at once', async () => {
    const tenant = await hub.tenant(() => ({
      users: users('a', 'b'),
      connections: [connection('a', 'memory'), connection('b', 'memory2')],
    }));
    one.people = [employee(1, { title: 'From a' })];
    two.people = [employee(1, { title: 'From b' })];
    await tenant.users.logOn(logOnOf(1));
    await run(tenant, 'a');
    await run(tenant, 'b');
    const title = async () => (await tenant.users.findByEmail('p1@acme.example'))?.fields.job_title;
    expect(await title()).to.equal('From a');
    await apply(tenant, { users: users('b', 'a') });
    expect(await title()).to.equal('From b');
  });

  it('a renamed connection that names no directory knows its people still', async () => {
    const settings = { place: 'here', directory: '' };
    const tenant = await hub.tenant(() => ({
      users: users('a'),
      connections: [connection('a', 'memory', { settings })],
    }));
    await company(tenant, 30);
    await run(tenant, 'a');
    await apply(tenant, { users: users('b'), connections: [connection('b', 'memory', { settings, was: 'a' })] });
    expect((await run(tenant, 'b')).streams.users).to.include({ kept: 30, unchanged: 30, held: 0, removed: 0 });
  });

  it('a connection under another directory finds its people by their addresses', async () => {
    const tenant = await hub.tenant(() => ({ users: users('a'), connections: [connection('a', 'memory')] }));
    await company(tenant, 10);
    await run(tenant, 'a');
    const settings = { place: 'here', directory: 'elsewhere' };
    await apply(tenant, { connections: [connection('a', 'memory', { settings })] });
    expect((await run(tenant, 'a')).streams.users).to.include({ kept: 10, held: 0, removed: 0 });
  });

  it('lockers of strangers are held like any other removal, and free when a person says so', async () => {
    const tenant = await hub.tenant(() => ({
      features: ['lockers'],
      connections: [connection('l', 'memory-lockers')],
    }));
    const numbers = Array.from({ length: 20 }, (_, n) => `L${n}`);
    lockers.lockers = numbers.map(locker);
    lockers.assignments = numbers.map((no) => assignment(no, `${no}@stranger.example`));
    await run(tenant, 'l');
    lockers.assignments = [];
    const held = await run(tenant, 'l');
    expect(held.status).to.equal('held');
    expect(held.streams.locker_assignments).to.include({ removed: 0, held: 20 });
    expect((await lockersOf(tenant)).map(({ status }) => status)).to.deep.equal(numbers.map(() => 'occupied'));
    await tenant.runs.approve(held.run, 'it');
    expect((await lockersOf(tenant)).map(({ status }) => status)).to.deep.equal(numbers.map(() => 'free'));
  });

  it('one locker handed back by a stranger is free after the next run, and the receipt says so', async () => {
    const tenant = await hub.tenant(() => ({
      features: ['lockers'],
      connections: [connection('l', 'memory-lockers')],
    }));
    lockers.lockers = ['L1', 'L2', 'L3'].map(locker);
    lockers.assignments = ['L1', 'L2', 'L3'].map((no) => assignment(no, `${no}@stranger.example`));
    await run(tenant, 'l');
    lockers.assignments = lockers.assignments.slice(1);
    expect((await run(tenant, 'l')).streams.locker_assignments).to.include({ removed: 1, held: 0 });
    expect((await lockersOf(tenant)).filter(({ status }) => status === 'free').map(({ key }) => key)).to.deep.equal([
      'L1',
    ]);
  });

  for (const [oddity, until, no] of [
    ['a date that its zone pushes before the year 1', '0001-01-01T00:00:00+01:00', 'L1'],
    ['a date that its zone pushes past the year 9999', '9999-12-31T23:59:59-01:00', 'L1'],
    ['a number longer than an index can hold', null, '櫃'.repeat(1000)],
  ] as const) {
    it(`${oddity} harms no other record`, async () => {
      const tenant = await hub.tenant(() => ({
        features: ['lockers'],
        connections: [connection('l', 'memory-lockers')],
      }));
      await tenant.users.logOn(logOnOf(1));
      lockers.assignments = [
        { ...assignment(no, 'p1@acme.example'), until },
        assignment('L2', 'p1@acme.example'),
        assignment(`${no}x`, 'stranger@acme.example'),
      ];
      const receipt = await run(tenant, 'l');
      expect(receipt.status).to.equal('succeeded');
      expect((await lockersOf(tenant)).map(({ key }) => key)).to.include('L2');
    });
  }

  it('a reading that saw nothing is held, whatever was rejected before', async () => {
    const tenant = await hub.tenant(() => ({ users: users('a'), connections: [connection('a', 'memory')] }));
    await company(tenant, 10);
    await run(tenant, 'a');
    one.people = one.people.slice(0, 4);
    await hub.sync.reject(tenant.tenantId, (await run(tenant, 'a')).run, 'it');
    one.people = [];
    expect((await run(tenant, 'a')).streams.users).to.include({ removed: 0, held: 4 });
  });

  it('a reading of a window takes nothing away outside it', async () => {
    const tenant = await hub.tenant(() => ({ users: users('a'), connections: [connection('a', 'memory')] }));
    await company(tenant, 30);
    await run(tenant, 'a');
    one.script = async function* (): AsyncIterable<Item> {
      yield records(Array.from({ length: 28 }, (_, n) => employee(n)));
      yield complete({ within: { from: new Date('2026-11-01'), to: new Date('2026-12-01') } });
    };
    expect((await run(tenant, 'a')).streams.users).to.include({ kept: 28, removed: 0, held: 0 });
  });

  it('a job for a run that has ended does nothing', async () => {
    const tenant = await hub.tenant(() => ({ users: users('a'), connections: [connection('a', 'memory')] }));
    await company(tenant, 2);
    const { id } = await tenant.connections.get('a');
    const waiting = await tenant.runs.open(id, 'manual');
    await tenant.runs.cancel(waiting);
    const refusal = await tenant.acquire(id, { trigger: 'schedule', run: waiting }).catch((error) => error);
    expect(refusal.kind).to.equal('conflict');
    expect((await tenant.runs.list({ limit: 10 })).items.map(({ status }) => status)).to.deep.equal(['cancelled']);
  });

  it('whom a lookup just found is not removed by an approval', async () => {
    const tenant = await hub.tenant(() => ({ users: users('a'), connections: [connection('a', 'memory')] }));
    await company(tenant, 20);
    await run(tenant, 'a');
    const everybody = one.people;
    one.people = everybody.slice(0, 10);
    const held = await run(tenant, 'a');
    expect(held.streams.users).to.include({ held: 10 });
    one.people = everybody;
    const found = (await tenant.users.findByEmail('p15@acme.example'))!;
    await hub.sync.lookup(tenant.tenantId, [found.id]);
    expect((await tenant.runs.approve(held.run, 'it')).streams.users).to.include({ removed: 9 });
    expect((await tenant.users.get(found.id))?.status).to.equal('active');
  });
});
