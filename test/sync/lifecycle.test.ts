import { expect } from 'chai';
import type { SourceRecord } from '../../src/contract/index.ts';
import type { Receipt } from '../../src/model/receipt.ts';
import type { HubTenantStore, TenantConfiguration, User } from '../../src/store/index.ts';
import { type TestHub, testClock, testHub } from '../support/hub.ts';
import { employee, logOnOf, memorySource, peopleConnection } from '../support/memory-source.ts';

const DAY_MS = 24 * 3_600_000;
const GRACE_MS = 7 * DAY_MS;

const people = (): Partial<TenantConfiguration> => ({
  users: { admit: 'first-logon', sources: ['people'], leaver_grace_ms: GRACE_MS, domains: [] },
  features: ['people-directory', 'hybrid-meetings'],
  connections: [peopleConnection],
});

/** What becomes of people: each case beside a crowd of others who must not be touched by it. */
describe('the life of a user', () => {
  const source = memorySource();
  const clock = testClock(new Date('2026-11-02T08:00:00Z'));
  const CROWD = 40;
  let hub: TestHub;
  let tenant: HubTenantStore;

  before(async () => {
    hub = await testHub({ connectors: [source.connector], clock });
  });

  beforeEach(async () => {
    tenant = await hub.tenant(people);
    source.people = Array.from({ length: CROWD }, (_, n) => employee(n));
    for (let n = 0; n < CROWD; n++) await tenant.users.logOn(logOnOf(n));
    expect((await run()).streams.users).to.include({ kept: CROWD, created: CROWD });
  });

  const run = (): Promise<Receipt> => {
    clock.advance(60_000);
    return hub.sync.run({ tenantId: tenant.tenantId, connection: 'people', trigger: 'manual' });
  };
  const change = (n: number, more: SourceRecord) => {
    source.people = source.people.map((person, at) => (at === n ? { ...person, ...more } : person));
  };
  const everybody = async () => (await tenant.users.list({ after: undefined, limit: 1000 })).items;
  const found = async (n: number): Promise<User> => (await tenant.users.findByEmail(`p${n}@acme.example`))!;
  /** Everybody but these is as before. */
  async function othersUntouched(before: readonly User[], ...except: string[]): Promise<void> {
    const rest = (users: readonly User[]) => users.filter(({ id }) => !except.includes(id));
    expect(rest(await everybody())).to.deep.equal(rest(before));
  }

  it('a disabled account leaves: attributes, match values and opt-ins go at once, the name waits for the grace', async () => {
    const before = await everybody();
    const { id } = await found(7);
    await tenant.users.optIn(id, 'hybrid-meetings', { text_version: '1', locale: 'nl' });
    change(7, { disabled: 'yes' });
    const receipt = await run();
    expect(receipt.streams.users).to.include({ kept: CROWD - 1, removed: 1 });
    expect(receipt.streams.users?.dropped).to.deep.equal({ 'out-of-scope': 1 });
    const left = await tenant.users.account(id);
    expect(left.status).to.equal('left');
    expect(left.fields).to.deep.equal({ given_name: 'Given7', family_name: 'Family7', email: 'p7@acme.example' });
    expect(left.match_values).to.deep.equal([]);
    expect(left.opt_ins).to.deep.equal([]);
    await othersUntouched(before, id);

    clock.advance(GRACE_MS + 1);
    expect(await tenant.upkeep(GRACE_MS)).to.deep.equal({ leavers: 1 });
    expect(await tenant.users.get(id)).to.equal(undefined);
    const { items } = await tenant.changes.read({ cursor: undefined, limit: 1000, kinds: ['user'] });
    expect(items.map((item) => item.id)).to.not.include(id);
    await othersUntouched(before, id);
  });

  it('whoever comes back within the grace keeps the id, not the opt-ins', async () => {
    const { id } = await found(7);
    await tenant.users.optIn(id, 'hybrid-meetings', { text_version: '1', locale: 'nl' });
    change(7, { disabled: 'yes' });
    await run();
    clock.advance(GRACE_MS - 120_000);
    await tenant.upkeep(GRACE_MS);
    change(7, { disabled: 'no' });
    const receipt = await run();
    expect(receipt.streams.users).to.include({ kept: CROWD, removed: 0 });
    const back = (await tenant.users.get(id))!;
    expect(back).to.include({ id, status: 'active', confirmed: true });
    expect(back.opt_ins).to.deep.equal([]);
    expect(back.fields.job_title).to.equal('Title 7');
    expect((await found(7)).id).to.equal(id);
  });

  it('a log-on after the grace makes a new user', async () => {
    const { id } = await found(7);
    change(7, { disabled: 'yes' });
    await run();
    clock.advance(GRACE_MS + 1);
    await tenant.upkeep(GRACE_MS);
    const { outcome, user } = await tenant.users.logOn(logOnOf(7));
    expect(outcome).to.equal('created');
    expect(user.id).to.not.equal(id);
  });

  it('a log-on by directory-id within the grace is the same user', async () => {
    const { id } = await found(7);
    change(7, { disabled: 'yes' });
    await run();
    const { outcome, user } = await tenant.users.logOn({ ...logOnOf(7), directory_id: `memory:${employee(7).id}` });
    expect(outcome).to.equal('returned');
    expect(user).to.include({ id, status: 'active' });
  });

  it('a rename (same key, new address) keeps the user, and the old address recognises nobody', async () => {
    const before = await everybody();
    const { id } = await found(7);
    change(7, { mail: 'renamed@acme.example', family: 'Renamed' });
    expect((await run()).streams.users).to.include({ updated: 1, unchanged: CROWD - 1 });
    const renamed = (await tenant.users.get(id))!;
    expect(renamed.fields).to.include({ email: 'renamed@acme.example', family_name: 'Renamed' });
    expect(await found(7)).to.equal(undefined);
    expect((await tenant.users.findByEmail('renamed@acme.example'))!.id).to.equal(id);
    await othersUntouched(before, id);
  });

  it('an address used again by a new hire belongs to the new hire alone', async () => {
    const before = await everybody();
    const { id } = await found(7);
    change(7, { mail: 'renamed@acme.example' });
    source.people = [...source.people, employee(900, { mail: 'p7@acme.example', given: 'New', family: 'Hire' })];
    const first = await run();
    // Both entries stand in one page: the address is the old user's until that page is committed.
    expect(first.streams.users?.dropped).to.deep.equal({ ambiguous: 1 });
    const hire = await tenant.users.logOn({ email: 'p7@acme.example', given_name: 'New', family_name: 'Hire' });
    expect(hire.outcome).to.equal('created');
    expect((await run()).streams.users).to.include({ kept: CROWD + 1, created: 1 });
    expect((await tenant.users.get(id))!.fields.email).to.equal('renamed@acme.example');
    expect((await tenant.users.get(hire.user.id))!.fields).to.include({
      email: 'p7@acme.example',
      job_title: 'Title 900',
    });
    await othersUntouched(before, id, hire.user.id);
  });

  it('a leaver’s address used again by a new hire does not wake the leaver', async () => {
    const { id } = await found(7);
    change(7, { disabled: 'yes' });
    await run();
    const hire = await tenant.users.logOn({ email: 'p7@acme.example', given_name: 'New', family_name: 'Hire' });
    expect(hire.outcome).to.equal('created');
    expect(hire.user.id).to.not.equal(id);
    source.people = [...source.people, employee(900, { mail: 'p7@acme.example', given: 'New', family: 'Hire' })];
    await run();
    expect((await tenant.users.get(hire.user.id))!.fields).to.include({ given_name: 'New', job_title: 'Title 900' });
    expect((await tenant.users.get(id))!.status).to.equal('left');
  });

  it('a second record with the same address is ambiguous, shown and never chosen', async () => {
    const before = await everybody();
    source.people = [...source.people, employee(900, { mail: 'p7@acme.example', title: 'Impostor' })];
    const receipt = await run();
    expect(receipt.streams.users?.dropped).to.deep.equal({ ambiguous: 1 });
    expect(receipt.streams.users).to.include({ kept: CROWD, unchanged: CROWD });
    await othersUntouched(before);
  });

  it('two new records of one page with the same address do not both become the user', async () => {
    await tenant.users.logOn({ email: 'twin@acme.example', given_name: 'T', family_name: 'Win' });
    source.people = [
      ...source.people,
      employee(901, { mail: 'twin@acme.example' }),
      employee(902, { mail: 'TWIN@acme.example' }),
    ];
    const receipt = await run();
    expect(receipt.streams.users?.dropped).to.deep.equal({ ambiguous: 1 });
    expect(receipt.streams.users).to.include({ kept: CROWD + 1, created: 1 });
  });

  it('an entry moved out of the base leaves like one that was deleted', async () => {
    const before = await everybody();
    const { id } = await found(7);
    source.people = source.people.filter((_, n) => n !== 7);
    expect((await run()).streams.users).to.include({ kept: CROWD - 1, removed: 1, held: 0 });
    expect((await tenant.users.get(id))!.status).to.equal('left');
    await othersUntouched(before, id);
  });

  it('a malformed entry is counted and its user stays as before', async () => {
    const before = await everybody();
    change(7, { title: 'x'.repeat(2_000) });
    change(8, { given: 'NUL \0 inside' });
    change(9, { family: '\ud800' });
    const receipt = await run();
    expect(receipt.streams.users?.dropped).to.deep.equal({ invalid: 3 });
    expect(receipt.streams.users).to.include({ kept: CROWD - 3, removed: 0 });
    await othersUntouched(before);
  });

  it('an attribute of ten million characters harms nobody', async () => {
    const before = await everybody();
    change(7, { title: 'x'.repeat(10_000_000) });
    const receipt = await run();
    expect(receipt.streams.users?.dropped).to.deep.equal({ invalid: 1 });
    await othersUntouched(before);
  });

  it('a record without a key is counted and nothing follows from it', async () => {
    const before = await everybody();
    source.people = [...source.people, { mail: 'nobody@acme.example' }];
    expect((await run()).streams.users?.dropped).to.deep.equal({ invalid: 1 });
    await othersUntouched(before);
  });

  it('a field that the directory empties is emptied here', async () => {
    const { id } = await found(7);
    change(7, { phone: undefined, title: null });
    await run();
    expect((await tenant.users.get(id))!.fields).to.not.have.any.keys('phone', 'job_title');
  });

  it('an erased user stays erased, whatever the directory says', async () => {
    const { id } = await found(7);
    expect(await tenant.users.erase(id)).to.equal(true);
    const receipt = await run();
    expect(receipt.streams.users?.dropped).to.deep.equal({ 'not-a-user': 1 });
    expect(await tenant.users.get(id)).to.equal(undefined);
    expect(await everybody()).to.have.length(CROWD - 1);
  });

  it('a new user’s attributes arrive by lookup, without a run', async () => {
    source.people = [...source.people, employee(950)];
    const { user } = await tenant.users.logOn(logOnOf(950));
    await hub.sync.lookup(tenant.tenantId, [user.id]);
    expect((await tenant.users.get(user.id))!.fields).to.include({ job_title: 'Title 950' });
    expect((await tenant.users.get(user.id))!.confirmed).to.equal(true);
  });
});

describe('a wish for a full run', () => {
  it('made while one is under way still stands when that one ends', async () => {
    const source = memorySource();
    const hub = await testHub({ connectors: [source.connector] });
    const tenant = await hub.tenant(people);
    const { id } = await tenant.connections.get('people');
    await tenant.wantSoon(id);
    source.people = [employee(1)];
    source.onPage = async () => {
      source.onPage = undefined;
      await tenant.wantSoon(id);
    };
    await hub.sync.run({ tenantId: tenant.tenantId, connection: 'people', trigger: 'manual' });
    expect(await tenant.fullWanted(id)).to.equal(2);
    await hub.sync.run({ tenantId: tenant.tenantId, connection: 'people', trigger: 'manual' });
    expect(await tenant.fullWanted(id)).to.equal(undefined);
  });
});
