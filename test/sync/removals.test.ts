import { expect } from 'chai';
import { complete, type Item, page, records } from '../../src/contract/index.ts';
import type { Receipt } from '../../src/model/receipt.ts';
import type { HubTenantStore, TenantConfiguration } from '../../src/store/index.ts';
import { type TestHub, testClock, testHub } from '../support/hub.ts';
import { employee, logOnOf, memorySource, peopleConnection } from '../support/memory-source.ts';

const DAY_MS = 24 * 3_600_000;

const people = (): Partial<TenantConfiguration> => ({
  users: { admit: 'first-logon', sources: ['people'], leaver_grace_ms: 30 * DAY_MS, domains: [] },
  connections: [peopleConnection],
});

describe('removals', function () {
  this.timeout(180_000);
  const source = memorySource();
  const clock = testClock(new Date('2026-11-02T08:00:00Z'));
  let hub: TestHub;
  let tenant: HubTenantStore;

  const run = (): Promise<Receipt> => {
    clock.advance(60_000);
    return hub.sync.run({ tenantId: tenant.tenantId, connection: 'people', trigger: 'manual' });
  };
  const active = async () => {
    let count = 0;
    let after: string | undefined;
    for (;;) {
      const { items, next } = await tenant.users.list({ after, limit: 1000 });
      count += items.filter(({ status }) => status === 'active').length;
      if (next === null) return count;
      after = next;
    }
  };
  const company = (size: number) => Array.from({ length: size }, (_, n) => employee(n));

  async function settle(size: number): Promise<void> {
    tenant = await hub.tenant(people);
    source.people = company(size);
    source.pageSize = 1000;
    source.failAfterPages = source.silentAfterPages = source.script = undefined;
    for (let n = 0; n < size; n += 4) {
      await Promise.all([0, 1, 2, 3].filter((i) => n + i < size).map((i) => tenant.users.logOn(logOnOf(n + i))));
    }
    expect((await run()).streams.users).to.include({ kept: size });
  }

  before(async () => {
    hub = await testHub({ connectors: [source.connector], clock });
  });

  describe('of 10,000 users, where 1,000 a day is the limit', () => {
    const SIZE = 10_000;
    before(() => settle(SIZE));

    /** A day later everybody is back: the next case starts from the whole company. */
    async function everybodyBack(): Promise<void> {
      clock.advance(DAY_MS + 60_000);
      source.people = company(SIZE);
      expect((await run()).status).to.equal('succeeded');
      expect(await active()).to.equal(SIZE);
      clock.advance(DAY_MS + 60_000);
    }

    for (const removed of [999, 1000]) {
      it(`applies ${removed} at once`, async () => {
        source.people = company(SIZE).slice(removed);
        const receipt = await run();
        expect(receipt.status).to.equal('succeeded');
        expect(receipt.streams.users).to.include({ removed, held: 0 });
        expect(await active()).to.equal(SIZE - removed);
        await everybodyBack();
      });
    }

    it('holds 1,001: nobody goes, changes go on, approval takes exactly the set less those seen again', async () => {
      source.people = company(SIZE).slice(1001);
      source.people[0] = employee(1001, { title: 'Promoted' });
      const held = await run();
      expect(held.status).to.equal('held');
      expect(held.streams.users).to.include({ removed: 0, held: 1001, updated: 1 });
      expect(await active()).to.equal(SIZE);
      expect((await tenant.connections.get('people')).health).to.equal('held');

      // One of them is seen again by a reading that ends early: it left the set, the set stands.
      source.people = company(SIZE).slice(1000);
      source.silentAfterPages = 1;
      expect((await run()).status).to.equal('failed');
      source.silentAfterPages = undefined;
      const approved = await tenant.runs.approve(held.run, 'it@acme.example');
      expect(approved).to.include({ status: 'succeeded', decided_by: 'it@acme.example' });
      expect(approved.streams.users).to.include({ removed: 1000, held: 0 });
      expect(await active()).to.equal(SIZE - 1000);
      expect((await tenant.users.findByEmail('p1000@acme.example'))?.status).to.equal('active');
      await tenant.runs.approve(held.run, 'again').then(
        () => expect.fail('a decided run was decided again'),
        (error) => expect(error.kind).to.equal('not-held'),
      );
      await everybodyBack();
    });

    it('holds the last of several runs that together exceed the limit of a day', async () => {
      source.people = company(SIZE).slice(400);
      expect((await run()).streams.users).to.include({ removed: 400, held: 0 });
      clock.advance(6 * 3_600_000);
      source.people = company(SIZE).slice(800);
      expect((await run()).streams.users).to.include({ removed: 400, held: 0 });
      clock.advance(6 * 3_600_000);
      source.people = company(SIZE).slice(1001);
      const third = await run();
      expect(third.status).to.equal('held');
      expect(third.streams.users).to.include({ removed: 0, held: 201 });
      expect(await active()).to.equal(SIZE - 800);
      await everybodyBack();
      expect((await tenant.runs.get(third.run)).status).to.equal('superseded');
    });

    it('keeps what was rejected and does not ask again until it was seen again', async () => {
      source.people = company(SIZE).slice(1001);
      const held = await run();
      expect(held.status).to.equal('held');
      expect((await tenant.runs.reject(held.run, 'it')).status).to.equal('rejected');
      const next = await run();
      expect(next.status).to.equal('succeeded');
      expect(next.streams.users).to.include({ removed: 0, held: 0 });
      expect(await active()).to.equal(SIZE);
      source.people = company(SIZE);
      await run();
      source.people = company(SIZE).slice(1001);
      expect((await run()).streams.users).to.include({ held: 1001 });
    });
  });

  describe('of twenty users', () => {
    beforeEach(() => settle(20));

    it('of nobody follow from an empty answer: it is held', async () => {
      source.people = [];
      const receipt = await run();
      expect(receipt.status).to.equal('held');
      expect(receipt.streams.users).to.include({ read: 0, removed: 0, held: 20 });
      expect(await active()).to.equal(20);
    });

    it('of more than half are held though they are fewer than the floor', async () => {
      tenant = await hub.tenant(people);
      source.people = company(3);
      for (const n of [0, 1, 2]) await tenant.users.logOn(logOnOf(n));
      await run();
      source.people = company(3).slice(2);
      expect((await run()).streams.users).to.include({ removed: 0, held: 2 });
      source.people = company(3).slice(1);
      expect((await run()).streams.users).to.include({ removed: 1, held: 0 });
    });

    for (const [how, cut] of [
      ['fails before its first page', () => (source.failAfterPages = 0)],
      ['fails half-way', () => (source.failAfterPages = 2)],
      ['fails after its last page', () => (source.failAfterPages = 4)],
      ['ends half-way without saying that it is complete', () => (source.silentAfterPages = 2)],
      ['ends after its last page without saying that it is complete', () => (source.silentAfterPages = 4)],
    ] as const) {
      it(`of nobody follow from a reading that ${how}`, async () => {
        source.pageSize = 5;
        source.people = company(20).slice(0, 18);
        cut();
        const receipt = await run();
        expect(receipt.status).to.equal('failed');
        expect(receipt.error).to.match(/\.$/);
        expect(receipt.streams.users?.removed ?? 0).to.equal(0);
        expect(await active()).to.equal(20);
        expect((await tenant.connections.get('people')).health).to.equal('failing');
        source.failAfterPages = source.silentAfterPages = undefined;
        expect((await run()).streams.users).to.include({ removed: 2 });
        expect((await tenant.connections.get('people')).health).to.equal('ok');
      });
    }

    it('of nobody follow from an error that is not ours, and it is told without its message', async () => {
      source.script = async function* (): AsyncIterable<Item> {
        yield records(company(5));
        yield page();
        throw new Error('cn=Family7,ou=people said no');
      };
      const receipt = await run();
      expect(receipt.status).to.equal('failed');
      expect(JSON.stringify(receipt)).to.not.include('Family7');
      expect(await active()).to.equal(20);
    });

    it('reported one by one are applied within the limit and held beyond it', async () => {
      source.script = async function* (): AsyncIterable<Item> {
        for (const n of [0, 1]) yield { item: 'gone', key: String(employee(n).id) };
        yield records(company(20).slice(2));
        yield complete();
      };
      const first = await run();
      expect(first.streams.users).to.include({ gone: 2, removed: 2, held: 0 });
      source.script = async function* (): AsyncIterable<Item> {
        for (const n of [2, 3, 4, 5]) yield { item: 'gone', key: String(employee(n).id) };
        yield records(company(20).slice(6));
        yield complete();
      };
      const second = await run();
      expect(second.status).to.equal('held');
      expect(second.streams.users).to.include({ gone: 4, removed: 0, held: 4 });
      expect(await active()).to.equal(18);
    });
  });
});
