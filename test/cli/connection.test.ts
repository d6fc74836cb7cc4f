import { expect } from 'chai';
import type { CliDeps } from '../../src/cli/deps.ts';
import type { HubTenantStore } from '../../src/store/index.ts';
import { calendarSource, room } from '../support/calendar-source.ts';
import { type TestHub, testClock, testHub } from '../support/hub.ts';
import { employee, logOnOf, memorySource } from '../support/memory-source.ts';
import { inProcess, json, pureDeps } from './support.ts';

interface Told {
  readonly outcome: string;
  readonly version: number;
  readonly users: { readonly known: number; readonly matched: number; readonly unmatched: readonly string[] };
  readonly spaces: { readonly known: number; readonly matched: number };
}

describe('connection replace', function () {
  this.timeout(60_000);
  const clock = testClock(new Date('2026-11-02T09:00:00Z'));
  const source = memorySource();
  const calendars = calendarSource();
  const connectors = [source.connector, calendars.connector];
  let hub: TestHub;
  let deps: CliDeps;
  let tenant: HubTenantStore;

  before(async () => {
    hub = await testHub({ connectors, clock });
    const { store, sync } = hub;
    const attached = { store, sync, database: 'of the tests', release: async () => {} };
    deps = { ...pureDeps, connectors, attach: async () => attached };
  });
  beforeEach(async () => {
    source.people = [1, 2, 3].map((n) => employee(n));
    calendars.spaces = [room('a'), room('b')];
    const settings = { place: 'here', directory: 'memory' };
    tenant = await hub.tenant(() => ({
      features: ['people-directory', 'room-booking'],
      users: { admit: 'first-logon', sources: ['other', 'people'], leaver_grace_ms: 86_400_000, domains: [] },
      connections: [
        ...['people', 'staff'].map((name) => ({ name, connector: 'memory', settings })),
        { name: 'other', connector: 'memory', settings: { place: 'there', directory: 'other' } },
        ...['rooms', 'halls'].map((name) => ({ name, connector: 'memory-calendars', settings: {} })),
      ].map((one) => ({ ...one, streams: {}, paused: false })),
    }));
    for (const n of [1, 2, 3]) await tenant.users.logOn(logOnOf(n));
    for (const name of ['people', 'rooms']) await run(name);
  });
  async function run(connection: string) {
    clock.advance(60_000);
    await hub.sync.run({ tenantId: tenant.tenantId, connection, trigger: 'manual' });
  }
  /** Of three people the new connection knows two. */
  async function runStaff() {
    source.people = [1, 2].map((n) => employee(n));
    await run('staff');
  }
  const replace = (old: string, by: string, options: readonly string[] = [], terminal = {}) =>
    inProcess(['connection', 'replace', `${tenant.tenant}/${old}`, by, ...options], deps, terminal);
  const idOf = async (n: number) => (await tenant.users.findByEmail(`p${n}@acme.example`))!.id;
  const version = async () => (await tenant.configuration.read())!.version;

  it('shows first whom the new connection does not know, by id, and ends with 3', async () => {
    await runStaff();
    const before = await version();
    const { exit, out, err } = await replace('people', 'staff');
    expect([exit, err]).to.deep.equal([3, '']);
    expect(out).to.match(/of 3 that people knows, staff knows 2; they stay who they are/);
    expect(out).to.match(/1 user would be known by no directory any more/);
    expect(out).to.include(await idOf(3));
    expect(out).to.match(/Nothing was changed; with --yes staff takes the place of people\./);
    expect(out).not.to.match(/@/);
    expect(await version()).to.equal(before);
  });

  it('tells a person at a terminal their addresses, and a program none', async () => {
    await runStaff();
    const person = await replace('people', 'staff', [], { outIsTerminal: true, columns: 120 });
    expect(person.out).to.include('p3@acme.example').and.not.include('p1@acme.example');
    const program = await replace('people', 'staff', ['--json'], { outIsTerminal: true });
    expect(program.out).not.to.match(/@/);
    const told = json<Told>(program);
    expect(told).to.deep.include({ outcome: 'shown', version: await version() });
    expect(told.users).to.deep.include({ known: 3, matched: 2, unmatched: [await idOf(3)] });
    expect(program.exit).to.equal(3);
  });

  it('ends with 0 where nothing would be lost, and on a dry run whatever is shown', async () => {
    await runStaff();
    expect((await replace('people', 'staff', ['--dry-run'])).exit).to.equal(0);
    source.people = [1, 2, 3].map((n) => employee(n));
    await run('staff');
    const { exit, out } = await replace('people', 'staff');
    expect(exit).to.equal(0);
    expect(out).not.to.match(/no directory any more/);
  });

  it('with --yes does it, and says which lines of the file to change', async () => {
    await runStaff();
    const { exit, out } = await replace('people', 'staff', ['--yes']);
    expect(exit).to.equal(0);
    expect(out.indexOf('would be known by no directory')).to.be.within(0, out.indexOf('Done: staff'));
    expect(out).to.match(/take the block `people:` out of `connections:`;/);
    expect(out).to.match(/below `users:` write `sources: \[other, staff\]`/);
    expect(out).not.to.match(/is paused/);
    const { configuration } = (await tenant.configuration.read())!;
    expect(configuration.users.sources).to.deep.equal(['other', 'staff']);
    expect(configuration.connections.map(({ name }) => name)).not.to.include('people');
  });

  it('with --yes tells a program what was done, and a person that the new one is paused', async () => {
    await runStaff();
    await tenant.connections.setPaused('staff', true);
    const before = await version();
    const told = json<Told>(await replace('people', 'staff', ['--yes', '--json']));
    expect(told).to.deep.include({ outcome: 'replaced', version: before + 1 });
    await run('halls');
    await tenant.connections.setPaused('halls', true);
    const { out } = await replace('rooms', 'halls', ['--yes']);
    expect(out).to.match(/`sluice resume t[\w-]+\/halls` lets it run/);
    expect(out).to.match(/spaces: of 2 that rooms tells, halls tells 2; they keep their ids\n/);
  });

  it('counts rooms that go as something to decide', async () => {
    calendars.spaces = [room('a')];
    await run('halls');
    const { exit, out } = await replace('rooms', 'halls');
    expect(exit).to.equal(3);
    expect(out).to.match(/halls tells 1; they keep their ids, and 1 goes\n/);
  });

  it('with --yes before the new one has read to the end fails with 1, having shown what would be lost', async () => {
    const { exit, out, err } = await replace('people', 'staff', ['--yes']);
    expect(exit).to.equal(1);
    expect(out).to.match(/staff knows 0/);
    expect(err).to.match(/staff has not read its users to the end yet/);
    expect((await tenant.configuration.read())!.configuration.connections).to.have.length(5);
  });

  it('lists no more than fit a screen, and says where the others are', async () => {
    source.people = Array.from({ length: 55 }, (_, n) => employee(n + 10));
    for (let n = 10; n < 65; n++) await tenant.users.logOn(logOnOf(n));
    await run('people');
    const { out } = await replace('people', 'staff');
    expect(out.match(/^ +0[\da-f]{7}-/gm)).to.have.length(50);
    expect(out).to.match(/and \d+ more users?; --json has the ids of all/);
    expect(json<Told>(await replace('people', 'staff', ['--json'])).users.unmatched.length).to.be.above(50);
  });

  it('ends with 2 for wrong words, and with 1 for a connection that is not there, naming the one meant', async () => {
    expect((await replace('people', 'people')).exit).to.equal(2);
    expect((await replace('people', 'Staff')).exit).to.equal(2);
    expect((await replace('people', 'staff', ['--yes', '--dry-run'])).exit).to.equal(2);
    const { exit, err } = await replace('people', 'staf');
    expect(exit).to.equal(1);
    expect(err).to.match(/did you mean t[\w-]+\/staff\?/);
  });
});
