import { expect } from 'chai';
import type { TenantConfiguration } from '../../src/store/index.ts';
import { type TestHub, testHub } from '../support/hub.ts';
import { employee, logOnOf, memorySource, peopleConnection } from '../support/memory-source.ts';

const people = (): Partial<TenantConfiguration> => ({
  users: { admit: 'first-logon', sources: ['people'], leaver_grace_ms: 7 * 24 * 3_600_000, domains: [] },
  connections: [peopleConnection],
});

describe('a run', () => {
  const source = memorySource();
  let hub: TestHub;
  before(async () => {
    hub = await testHub({ connectors: [source.connector] });
  });

  it('creates nothing before anybody has logged on', async () => {
    const tenant = await hub.tenant(people);
    source.people = [1, 2, 3].map((n) => employee(n));
    const receipt = await hub.sync.run({ tenantId: tenant.tenantId, connection: 'people', trigger: 'manual' });
    expect(receipt.status).to.equal('succeeded');
    expect(receipt.streams.users).to.include({ read: 3, kept: 0 });
    expect(receipt.streams.users?.dropped).to.deep.equal({ 'not-a-user': 3 });
    expect((await tenant.users.list({ after: undefined, limit: 10 })).items).to.deep.equal([]);
  });

  it('lets in those who have logged on, and nobody else', async () => {
    const tenant = await hub.tenant(people);
    source.people = Array.from({ length: 250 }, (_, n) => employee(n));
    for (const n of [5, 77, 240]) await tenant.users.logOn(logOnOf(n));
    const receipt = await hub.sync.run({ tenantId: tenant.tenantId, connection: 'people', trigger: 'manual' });
    expect(receipt.streams.users).to.include({ read: 250, kept: 3, created: 3, updated: 0, unchanged: 0, removed: 0 });
    const { items } = await tenant.users.list({ after: undefined, limit: 10 });
    expect(items.map(({ fields }) => fields)).to.have.deep.members(
      [5, 77, 240].map((n) => ({
        given_name: `Given${n}`,
        family_name: `Family${n}`,
        email: `p${n}@acme.example`,
        phone: '+31205550100',
        job_title: `Title ${n}`,
        department: 'Tests',
      })),
    );
    expect(items.every(({ confirmed }) => confirmed)).to.equal(true);

    const again = await hub.sync.run({ tenantId: tenant.tenantId, connection: 'people', trigger: 'manual' });
    expect(again.streams.users).to.include({ kept: 3, created: 0, updated: 0, unchanged: 3, removed: 0 });
  });
});
