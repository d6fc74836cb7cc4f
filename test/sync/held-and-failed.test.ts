import { expect } from 'chai';
import { type Item, page, TryLater } from '../../src/contract/index.ts';
import type { Receipt } from '../../src/model/receipt.ts';
import type { HubTenantStore } from '../../src/store/index.ts';
import { noticeJob } from '../../src/sync/notices.ts';
import { type RunDeps, runConnection } from '../../src/sync/run.ts';
import { type TestHub, testClock, testHub } from '../support/hub.ts';
import { employee, logOnOf, memorySource, peopleConnection } from '../support/memory-source.ts';

const DAY_MS = 24 * 3_600_000;

describe('removals held by a run that fails after all', () => {
  const source = memorySource({ resumable: true });
  const clock = testClock(new Date('2026-11-02T08:00:00Z'));
  let hub: TestHub;
  let tenant: HubTenantStore;
  /** The kind of the notice that each run was due. */
  const told: unknown[] = [];

  before(async () => {
    hub = await testHub({ connectors: [source.connector], clock });
  });
  beforeEach(async () => {
    tenant = await hub.tenant(() => ({
      users: { admit: 'first-logon', sources: ['people'], leaver_grace_ms: 30 * DAY_MS, domains: [] },
      connections: [peopleConnection],
    }));
    source.people = company();
    source.script = undefined;
    for (let n = 0; n < 20; n++) await tenant.users.logOn(logOnOf(n));
    await run();
  });

  const company = () => Array.from({ length: 20 }, (_, n) => employee(n));
  const run = (): Promise<Receipt> => {
    clock.advance(60_000);
    const deps: RunDeps = {
      ...hub.runDeps,
      ended: async (_tenant, receipt, health) =>
        void told.push(noticeJob(tenant.tenantId, receipt.run, health, clock)?.kind),
    };
    return runConnection(deps, tenant, { connection: 'people', trigger: 'manual' });
  };
  const active = async () => {
    const { items } = await tenant.users.list({ after: undefined, limit: 100 });
    return items.filter(({ status }) => status === 'active').length;
  };
  const gone = (from: number, to: number): Item[] =>
    company()
      .slice(from, to)
      .map(({ id }) => ({ item: 'gone', key: String(id) }));
  const failing = async (held = 7) => {
    source.script = async function* (): AsyncIterable<Item> {
      yield* gone(0, 7);
      yield page();
      throw new TryLater('The source of this test is away; try again later.');
    };
    const receipt = await run();
    expect([receipt.status, receipt.streams.users?.held]).to.deep.equal(['failed', held]);
    return receipt;
  };
  const refuses = (deciding: Promise<Receipt>) =>
    deciding.then(
      () => expect.fail('a run without a list was decided on'),
      (error) => expect(error.kind).to.equal('not-held'),
    );

  it('go when a person approves it; it stays failed, and is decided on once', async () => {
    const { run: id } = await failing();
    expect((await tenant.runs.list({ limit: 1 })).items[0]?.streams.users?.held).to.equal(7);
    const approved = await tenant.runs.approve(id, 'it');
    expect(approved).to.include({ status: 'failed', decided_by: 'it' });
    expect(approved.decided_at).to.be.a('string');
    expect(approved.streams.users).to.include({ removed: 7, held: 0 });
    expect(await active()).to.equal(13);
    expect((await tenant.connections.get('people')).health).to.equal('failing');
    await refuses(tenant.runs.approve(id, 'again'));
  });

  it('are told of once, also where the connection was failing already', async () => {
    const away = async () => {
      source.script = async function* (): AsyncIterable<Item> {
        yield page();
        throw new TryLater('The source of this test is away; try again later.');
      };
      await run();
    };
    told.length = 0;
    await away();
    await failing();
    // The same are still on the list of the run before.
    await failing(0);
    expect(told).to.deep.equal(['failing', 'held', undefined]);
  });

  it('stay when a person rejects it, and are not asked about again', async () => {
    const { run: id } = await failing();
    const rejected = await tenant.runs.reject(id, 'it');
    expect(rejected).to.include({ status: 'failed', decided_by: 'it' });
    expect(rejected.streams.users).to.include({ removed: 0, held: 0 });
    await refuses(tenant.runs.reject(id, 'again'));
    source.script = undefined;
    source.people = company().slice(7);
    expect((await run()).streams.users).to.include({ removed: 0, held: 0 });
    expect(await active()).to.equal(20);
  });

  it('are nothing to decide on once a complete reading knew better, or saw them all again', async () => {
    const { run: id } = await failing();
    source.script = undefined;
    expect((await run()).status).to.equal('succeeded');
    expect((await tenant.runs.get(id)).streams.users?.held).to.equal(0);
    await refuses(tenant.runs.approve(id, 'it'));
    expect(await active()).to.equal(20);
  });

  it('are kept for the decision as long as it is not taken, however old the receipt is', async () => {
    const { run: id } = await failing();
    clock.advance(400 * DAY_MS);
    await tenant.upkeep(30 * DAY_MS);
    expect((await tenant.runs.approve(id, 'it')).streams.users).to.include({ removed: 7 });
    await tenant.upkeep(30 * DAY_MS);
    expect(await tenant.runs.get(id).catch(({ kind }) => kind)).to.equal('not-found');
  });
});
