import { expect } from 'chai';
import { type Connector, complete, gone, streamOf } from '../../src/contract/index.ts';
import type { Receipt } from '../../src/model/receipt.ts';
import type { HubTenantStore } from '../../src/store/index.ts';
import { type TestClock, type TestHub, testClock, testHub } from '../support/hub.ts';
import { employee, logOnOf, type MemorySource, memorySource } from '../support/memory-source.ts';
import { asOwner } from '../support/owner.ts';

const PEOPLE = 30;

/** DIRECTORY as the connector's code names it, of connections that existed before it did. */
describe('the directory of a connection', () => {
  let source: MemorySource;
  let clock: TestClock;
  let before: TestHub;
  let after: TestHub;
  beforeEach(async () => {
    source = memorySource({ name: 'cloud' });
    source.people = Array.from({ length: PEOPLE }, (_, n) => employee(n));
    clock = testClock(new Date('2026-11-02T08:00:00Z'));
    const users = streamOf(source.connector, 'users')!;
    const asks: Connector = { ...source.connector, streams: { users: { ...users, incremental: true } as never } };
    const named: Connector = { ...asks, directory: ({ place }) => `cloud:${place}` };
    before = await testHub({ connectors: [asks], clock });
    after = await testHub({ connectors: [named], clock });
  });

  const tenantWith = (settings: Record<string, unknown>, hub = before): Promise<HubTenantStore> =>
    hub.tenant(() => ({
      users: { admit: 'first-logon', sources: ['people'], leaver_grace_ms: 7 * 86_400_000, domains: [] },
      connections: [{ name: 'people', connector: 'cloud', settings, streams: {}, paused: false }],
    }));
  const inHub = (hub: TestHub, tenant: HubTenantStore) => hub.store.tenant(tenant.tenantId);
  const run = (hub: TestHub, tenant: HubTenantStore): Promise<Receipt> => {
    clock.advance(60_000);
    return hub.sync.run({ tenantId: tenant.tenantId, connection: 'people', trigger: 'manual' });
  };
  const logOnAll = async (tenant: HubTenantStore) => {
    for (let n = 0; n < PEOPLE; n++) await tenant.users.logOn(logOnOf(n));
  };
  /** One that did not note the directory of its bindings. */
  const asWrittenByAnOlderHub = ({ tenantId }: HubTenantStore) =>
    asOwner(async (client) => {
      await client.query(`UPDATE registry.connection SET bound_directory = NULL WHERE tenant_id = $1`, [tenantId]);
    });
  const idsOf = async (tenant: HubTenantStore) =>
    (await tenant.users.list({ after: undefined, limit: 100 })).items.map(({ id, status }) => `${id} ${status}`).sort();

  it('is what the code says where no setting does: a log-on by it is known, whatever its address', async () => {
    const tenant = await tenantWith({ place: 'here', directory: '' }, after);
    const directory_id = `cloud:here:${String(employee(3).id).toUpperCase()}`;
    const { user } = await tenant.users.logOn({ ...logOnOf(3), email: 'another@acme.example', directory_id });
    expect((await run(after, tenant)).streams.users).to.include({ kept: 1 });
    expect((await tenant.users.get(user.id))?.fields).to.include({ email: 'p3@acme.example' });
  });

  it('is what the setting says if it says something', async () => {
    const tenant = await tenantWith({ place: 'here', directory: 'ours' }, after);
    const directory_id = `ours:${employee(3).id}`;
    await tenant.users.logOn({ ...logOnOf(3), email: 'another@acme.example', directory_id });
    expect((await run(after, tenant)).streams.users).to.include({ kept: 1 });
  });

  it('when a new version of the code names it, costs a full pass and orphans nobody', async () => {
    const tenant = await tenantWith({ place: 'here', directory: '' });
    await logOnAll(tenant);
    await run(before, tenant);
    const people = await idsOf(tenant);
    expect((await run(before, tenant)).streams.users).to.include({ mode: 'incremental' });
    await asWrittenByAnOlderHub(tenant);
    const first = await run(after, tenant);
    expect(first.status).to.equal('succeeded');
    expect(first.streams.users).to.include({ mode: 'full', kept: PEOPLE, unchanged: 0, removed: 0, held: 0 });
    expect(first.streams.users?.dropped.ambiguous).to.equal(undefined);
    expect(await idsOf(tenant)).to.deep.equal(people);
    // Bound anew: an address that changes at the source changes its user.
    source.people = source.people.map((one, n) => (n === 5 ? { ...one, mail: 'new@acme.example' } : one));
    const second = await run(after, tenant);
    expect(second.streams.users).to.include({ kept: PEOPLE, updated: 1, unchanged: PEOPLE - 1, removed: 0 });
    expect(await idsOf(tenant)).to.deep.equal(people);
    const directory_id = `cloud:here:${employee(7).id}`;
    expect((await tenant.users.logOn({ ...logOnOf(7), directory_id })).outcome).to.equal('known');
  });

  it('when a new version of the code names it, is settled by a lookup as well', async () => {
    const tenant = await tenantWith({ place: 'here', directory: '' });
    await logOnAll(tenant);
    await run(before, tenant);
    const user = (await tenant.users.findByEmail('p3@acme.example'))!;
    source.people = source.people.map((one, n) => (n === 3 ? { ...one, title: 'Found by a lookup' } : one));
    clock.advance(60_000);
    await after.sync.lookup(tenant.tenantId, [user.id]);
    expect((await tenant.users.get(user.id))?.fields).to.include({ job_title: 'Found by a lookup' });
    expect((await run(after, tenant)).streams.users).to.include({ kept: PEOPLE, removed: 0, held: 0 });
  });

  it('of a connection that names it itself stays, and its people stay bound', async () => {
    const tenant = await tenantWith({ place: 'here', directory: 'ours' });
    await logOnAll(tenant);
    await run(before, tenant);
    await asWrittenByAnOlderHub(tenant);
    // A key that is gone says nothing else of its person: it must be bound still.
    source.script = async function* () {
      yield gone(String(employee(5).id));
      yield complete();
    };
    expect((await run(after, tenant)).streams.users).to.include({ mode: 'incremental', gone: 1, removed: 1 });
  });

  it('that changes with a setting is settled when that is applied: a preview before the first run knows everybody', async () => {
    const tenant = await inHub(after, await tenantWith({ place: 'here', directory: '' }, after));
    await logOnAll(tenant);
    await run(after, tenant);
    const { configuration, version } = (await tenant.configuration.read())!;
    const connections = configuration.connections.map((one) => ({
      ...one,
      settings: { place: 'there', directory: '' },
    }));
    await tenant.configuration.write({ ...configuration, connections }, { expected: version, resume: true });
    const preview = await after.sync.preview(tenant.tenantId, 'people', {});
    expect(preview.streams.users).to.deep.include({ kept: PEOPLE, dropped: {} });
    expect((await run(after, tenant)).streams.users).to.include({ kept: PEOPLE, removed: 0, held: 0 });
  });
});
