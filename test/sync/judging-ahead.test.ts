import { expect } from 'chai';
import type { SourceRecord } from '../../src/contract/index.ts';
import type { HubTenantStore, TenantConfiguration } from '../../src/store/index.ts';
import { type TestHub, testHub } from '../support/hub.ts';
import { during } from '../support/interference.ts';
import { employee, logOnOf, memorySource, peopleConnection } from '../support/memory-source.ts';

/** As many as one transaction holds: the next record is judged while these are on their way into the database. */
const PAGE = 10_000;

const people = (): Partial<TenantConfiguration> => ({
  connections: [peopleConnection],
});

describe('a page that is judged while the one before it is being written', () => {
  const source = memorySource();
  source.pageSize = 1_000;
  let hub: TestHub;
  let tenant: HubTenantStore;
  before(async () => {
    hub = await testHub({ connectors: [source.connector] });
  });
  beforeEach(async () => {
    tenant = await hub.tenant(people);
  });

  const run = () => hub.sync.run({ tenantId: tenant.tenantId, connection: 'people', trigger: 'manual' });
  const strangers = Array.from({ length: PAGE - 1 }, (_, n) => employee(1_000 + n));
  /** Two pages: `first` is in the one, `then` opens the next. */
  const twoPages = (first: SourceRecord, then: SourceRecord) => [first, ...strangers, then];

  it('knows the bindings that one makes', async () => {
    await tenant.users.logOn(logOnOf(1));
    source.people = twoPages(employee(1), employee(2, { mail: 'p1@acme.example' }));
    const receipt = await run();
    expect(receipt.status).to.equal('succeeded');
    expect(receipt.streams.users).to.include({ kept: 1, created: 1, repeated: 0 });
    expect(receipt.streams.users?.dropped).to.deep.equal({ 'not-a-user': PAGE - 1, ambiguous: 1 });
  });

  it('sees the same record again as a repetition', async () => {
    await tenant.users.logOn(logOnOf(1));
    source.people = twoPages(employee(1), employee(1, { title: 'Later' }));
    const receipt = await run();
    expect(receipt.streams.users).to.include({ kept: 1, created: 1, repeated: 1 });
    expect((await tenant.users.findByEmail('p1@acme.example'))?.fields.job_title).to.equal('Later');
  });

  it('is judged again where that one takes away what it was judged by', async () => {
    await tenant.users.logOn(logOnOf(1));
    source.people = [employee(1)];
    await run();
    // One takes a new address in the first page; in the second the old one is somebody else's, who is nobody to us.
    source.people = twoPages(employee(1, { mail: 'new@acme.example' }), employee(2, { mail: 'p1@acme.example' }));
    const receipt = await run();
    expect(receipt.streams.users).to.include({ kept: 1, updated: 1 });
    expect(receipt.streams.users?.dropped).to.deep.equal({ 'not-a-user': PAGE });
  });

  it('is judged again where that one brings what it was judged without', async () => {
    await tenant.users.logOn(logOnOf(1));
    source.people = [employee(1)];
    await run();
    // The second record has the address that the first one brings: it is a second record of the same user.
    source.people = twoPages(employee(1, { mail: 'new@acme.example' }), employee(2, { mail: 'new@acme.example' }));
    const receipt = await run();
    expect(receipt.streams.users?.dropped).to.deep.equal({ 'not-a-user': PAGE - 1, ambiguous: 1 });
  });

  it('is judged again when somebody logs on before that one is written', async () => {
    await tenant.users.logOn(logOnOf(1));
    source.people = twoPages(employee(1), employee(2));
    const receipt = await during({ at: 'page.gated', page: 1 }, () => tenant.users.logOn(logOnOf(2)), run);
    expect(receipt.streams.users).to.include({ kept: 2, created: 2 });
    expect(receipt.streams.users?.dropped).to.deep.equal({ 'not-a-user': PAGE - 1 });
  });
});
