import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { onFaultPoint } from '../../src/base/faults.ts';
import { type Connector, connector, type Item, records, type SourceRecord } from '../../src/contract/index.ts';
import type { Feature } from '../../src/model/features.ts';
import type { Receipt } from '../../src/model/receipt.ts';
import { Database } from '../../src/store/database.ts';
import type { HubTenantStore, TenantConfiguration } from '../../src/store/index.ts';
import { sql } from '../../src/store/sql.ts';
import { FeedReader } from '../support/feed-reader.ts';
import { type TestHub, testClock, testDatabase, testHub } from '../support/hub.ts';
import { during, isBefore, type Moment, momentOf } from '../support/interference.ts';
import { employee, logOnOf, memorySource } from '../support/memory-source.ts';
import { deadlocks, tablesHolding } from '../support/owner.ts';
import { pageWriter } from '../support/page-writer.ts';
import { below, chance, pick } from '../support/random.ts';

const ROUNDS = 40;
const EVIDENCE = { text_version: '1', locale: 'en' };

const connection = (name: string, connector: string) => ({
  name,
  connector,
  settings: { directory: name },
  streams: {},
  paused: false,
});
const configuration = (connections: readonly string[]): Partial<TenantConfiguration> => ({
  users: { admit: 'first-logon', sources: connections, leaver_grace_ms: 0, domains: [] },
  features: ['people-directory', 'hybrid-meetings'],
  connections: connections.map((name) => connection(name, name)),
});

describe('between gate and commit', function () {
  this.timeout(120_000);
  // Resumable, so that the hub commits each page as it is told and joins none.
  const people = memorySource({ name: 'people', resumable: true });
  const second = memorySource({ name: 'second' });
  people.pageSize = 2;
  /** Runs after the directory has answered a lookup, before that is written. */
  let answered: (() => Promise<unknown>) | undefined;
  const users = people.connector.streams.users!;
  const slow: Connector = {
    ...people.connector,
    streams: {
      users: {
        ...users,
        async *lookup(context) {
          yield* users.lookup!(context);
          await answered?.();
        },
      },
    },
  };

  let hub: TestHub;
  let deadlocksBefore: number;
  before(async () => {
    hub = await testHub({ connectors: [slow, second.connector] });
    deadlocksBefore = await deadlocks();
  });
  afterEach(() => {
    answered = undefined;
    onFaultPoint(undefined);
  });

  /** A tenant whose users 1 to 3 are always in the directory. */
  async function tenantWith(connections: readonly string[] = ['people']): Promise<HubTenantStore> {
    const tenant = await hub.tenant(() => configuration(connections));
    for (const n of [1, 2, 3]) await tenant.users.logOn(logOnOf(n));
    return tenant;
  }

  /** The directory, with the person of a round on the page at which something will come between. */
  function directory(page: number, person: SourceRecord): void {
    const others = [1, 2, 3].map((n) => employee(n));
    people.people = page === 1 ? [person, ...others] : [others[0]!, others[1]!, person, others[2]!];
  }

  async function run(tenant: HubTenantStore, name = 'people'): Promise<Receipt> {
    const receipt = await hub.sync.run({ tenantId: tenant.tenantId, connection: name, trigger: 'manual' });
    expect(receipt.status, receipt.error).to.equal('succeeded');
    return receipt;
  }

  async function setFeatures(tenant: HubTenantStore, features: readonly Feature[]): Promise<void> {
    const live = (await tenant.configuration.read())!;
    await tenant.configuration.write({ ...live.configuration, features }, { expected: live.version, resume: false });
  }

  const logOn = async (tenant: HubTenantStore, n: number) => (await tenant.users.logOn(logOnOf(n))).user.id;
  const suppliers = async (tenant: HubTenantStore, id: string) =>
    (await tenant.users.account(id)).contributions.map(({ supplier }) => supplier).sort();
  const said = (round: number, moment: Moment) => `round ${round}, ${JSON.stringify(moment)}`;

  it(`an erasure leaves nothing of the person (${ROUNDS} rounds)`, async () => {
    const tenant = await tenantWith();
    for (let round = 0; round < ROUNDS; round++) {
      const moment = momentOf(round);
      const n = 100 + round;
      directory(moment.page, employee(n));
      const id = await logOn(tenant, n);
      const bound = round % 4 < 2;
      if (bound) await run(tenant);
      directory(moment.page, employee(n, { title: 'Changed since' }));
      const reader = new FeedReader(tenant);
      await reader.drain(100);
      await during(
        moment,
        () => tenant.users.erase(id),
        () => run(tenant),
      );
      expect(await tablesHolding(id), said(round, moment)).to.deep.equal({ 'sluice.feed': 1 });
      await reader.drain(100);
      expect(reader.held.has(`user ${id}`), said(round, moment)).to.equal(false);
      if (round % 8 === 0) {
        const again = await run(tenant);
        expect(again.streams.users).to.deep.include({ kept: 3, dropped: { 'not-a-user': 1 } });
      }
    }
  });

  it(`a first log-on is not missed (${ROUNDS} rounds)`, async () => {
    const tenant = await tenantWith();
    for (let round = 0; round < ROUNDS; round++) {
      const moment = momentOf(round);
      const n = 200 + round;
      directory(moment.page, employee(n));
      let id = '';
      const act = async () => {
        id = await logOn(tenant, n);
      };
      await during(moment, act, () => run(tenant));
      // Later than the page is later than the run: the first log-on asks the directory by itself.
      if (!isBefore(moment)) await hub.sync.lookup(tenant.tenantId, [id]);
      const user = await tenant.users.get(id);
      expect(user, said(round, moment)).to.deep.include({ confirmed: true, status: 'active' });
      expect(user!.fields, said(round, moment)).to.include({ job_title: `Title ${n}`, phone: '+31205550100' });
      expect((await run(tenant)).streams.users).to.include({ kept: 4, unchanged: 4 });
      await tenant.users.erase(id);
    }
  });

  it(`a feature switched off keeps nothing, and what is due arrives (${ROUNDS} rounds)`, async () => {
    const tenant = await tenantWith();
    const needing = ['phone', 'job_title', 'department'] as const;
    const id = await logOn(tenant, 300);
    for (let round = 0; round < ROUNDS; round++) {
      const moment = momentOf(round);
      directory(moment.page, employee(300, { given: `Given ${round}`, title: `Title ${round}` }));
      await during(
        moment,
        () => setFeatures(tenant, ['hybrid-meetings']),
        () => run(tenant),
      );
      const account = await tenant.users.account(id);
      expect(account.fields, said(round, moment)).to.have.property('given_name', `Given ${round}`);
      for (const { fields } of [account, ...account.contributions])
        expect(fields, said(round, moment)).to.not.have.any.keys(...needing);
      await setFeatures(tenant, ['people-directory', 'hybrid-meetings']);
      await run(tenant);
      expect((await tenant.users.get(id))!.fields, said(round, moment)).to.include({
        job_title: `Title ${round}`,
        department: 'Tests',
      });
    }
  });

  it(`an opt-out stands, and what is due arrives (${ROUNDS} rounds)`, async () => {
    const tenant = await tenantWith();
    const id = await logOn(tenant, 400);
    for (let round = 0; round < ROUNDS; round++) {
      const moment = momentOf(round);
      await tenant.users.optIn(id, 'hybrid-meetings', EVIDENCE);
      directory(moment.page, employee(400, { title: `Title ${round}` }));
      const reader = new FeedReader(tenant);
      await reader.drain(100);
      await during(
        moment,
        () => tenant.users.optOut(id, 'hybrid-meetings'),
        () => run(tenant),
      );
      const user = (await tenant.users.get(id))!;
      expect(user, said(round, moment)).to.deep.include({ opt_ins: [], confirmed: true });
      expect(user.fields).to.include({ job_title: `Title ${round}` });
      expect((await tablesHolding(id))['sluice.opt_in'], said(round, moment)).to.equal(undefined);
      await reader.drain(100);
      expect(reader.held.get(`user ${id}`), said(round, moment)).to.deep.equal(user);
    }
  });

  it(`a changed e-mail recognises nobody by the former one (${ROUNDS / 2} rounds by log-on)`, async () => {
    const tenant = await tenantWith();
    for (let round = 0; round < ROUNDS / 2; round++) {
      const moment = momentOf(round);
      const n = 500 + round;
      const subject = `https://login.example ${n}`;
      directory(moment.page, employee(n));
      const { user } = await tenant.users.logOn({ ...logOnOf(n), subject });
      const changed = () => tenant.users.logOn({ ...logOnOf(n), subject, email: `new${n}@acme.example` });
      const receipt = await during(moment, changed, () => run(tenant));
      const account = await tenant.users.account(user.id);
      const emails = account.match_values.flatMap(({ kind, value }) => (kind === 'email' ? [value] : []));
      expect(emails, said(round, moment)).to.deep.equal([account.fields.email]);
      if (isBefore(moment) || !account.confirmed) {
        expect(account.fields.email, said(round, moment)).to.equal(`new${n}@acme.example`);
        expect(await suppliers(tenant, user.id), said(round, moment)).to.deep.equal(['log-on']);
        expect(receipt.streams.users, said(round, moment)).to.deep.include({ kept: 3, dropped: { 'not-a-user': 1 } });
        // Whoever has the former address now is somebody else, and gets the entry.
        const heir = await logOn(tenant, n);
        expect(heir).to.not.equal(user.id);
        await hub.sync.lookup(tenant.tenantId, [heir]);
        expect((await tenant.users.get(heir))!.fields).to.include({ job_title: `Title ${n}` });
        await tenant.users.erase(heir);
      } else {
        // The page was first: the directory knows the user, and its word on the address counts more.
        expect(account.fields.email, said(round, moment)).to.equal(`p${n}@acme.example`);
      }
      await tenant.users.erase(user.id);
    }
  });

  it(`a changed e-mail recognises nobody by the former one (${ROUNDS / 2} rounds by another directory)`, async () => {
    const tenant = await tenantWith(['second', 'people']);
    for (let round = 0; round < ROUNDS / 2; round++) {
      const moment = momentOf(round);
      const n = 600 + round;
      const id = await logOn(tenant, n);
      second.people = [employee(n, { id: `10000000-0000-4000-8000-000000000${n}` })];
      await run(tenant, 'second');
      directory(moment.page, employee(n));
      const act = () => {
        second.people = [{ ...second.people[0]!, mail: `new${n}@acme.example` }];
        return run(tenant, 'second');
      };
      await during(moment, act, () => run(tenant));
      const account = await tenant.users.account(id);
      expect(account.fields.email, said(round, moment)).to.equal(`new${n}@acme.example`);
      const emails = account.match_values.flatMap(({ kind, value }) => (kind === 'email' ? [value] : []));
      expect(emails, said(round, moment)).to.deep.equal([`new${n}@acme.example`]);
      if (isBefore(moment))
        expect(await suppliers(tenant, id), said(round, moment)).to.deep.equal(['log-on', 'second']);
      await tenant.users.erase(id);
    }
  });

  it('a lookup brings back nobody erased while the directory answered, and nothing of a feature switched off', async () => {
    const tenant = await tenantWith();
    for (let n = 700; n < 706; n++) {
      people.people = [employee(n)];
      const id = await logOn(tenant, n);
      answered = () => tenant.users.erase(id);
      await hub.sync.lookup(tenant.tenantId, [id]);
      expect(await tablesHolding(id)).to.deep.equal({ 'sluice.feed': 1 });

      const other = await logOn(tenant, n);
      answered = () => setFeatures(tenant, []);
      await hub.sync.lookup(tenant.tenantId, [other]);
      expect((await tenant.users.get(other))!.fields).to.have.all.keys('given_name', 'family_name', 'email');
      answered = undefined;
      await setFeatures(tenant, ['people-directory', 'hybrid-meetings']);
      await hub.sync.lookup(tenant.tenantId, [other]);
      expect((await tenant.users.get(other))!.fields).to.include({ job_title: `Title ${n}` });
    }
  });

  it('no two of these ever stood in each other’s way for good', async () => {
    expect((await deadlocks()) - deadlocksBefore, 'deadlocks').to.equal(0);
  });
});

describe('four writers over the same people', function () {
  this.timeout(120_000);
  const PEOPLE = 24;
  const ORDER = [2, 0, 3, 1];

  const quad = connector({
    name: 'quad',
    summary: 'People whose titles a test writes.',
    version: 1,
    network: 'None.',
    permission: 'None.',
    settings: {},
    streams: {
      users: {
        key: 'id',
        match: { email: 'mail' },
        keep: { job_title: 'title', department: 'department' },
        async *read(): AsyncIterable<Item> {},
      },
    },
    check: async () => ({ findings: [] }),
  });

  it('lose no transaction, and leave what their last words say in the order of the sources', async () => {
    const seed = Number(process.env.SEED ?? 8);
    const hub = await testHub({ connectors: [quad], poolSize: 4 });
    const tenant = await hub.tenant(() => ({
      ...configuration([]),
      users: { admit: 'first-logon', sources: ORDER.map((k) => `w${k}`), leaver_grace_ms: 0, domains: [] },
      connections: [0, 1, 2, 3].map((k) => ({ ...connection(`w${k}`, 'quad'), settings: {} })),
    }));
    const ids: string[] = [];
    for (let n = 0; n < PEOPLE; n++) ids.push((await tenant.users.logOn(logOnOf(n))).user.id);
    const before = await deadlocks();

    type Words = { title: string | null; department: string | null };
    const said: Map<number, Words>[] = [];
    const names = new Map<number, string>();
    const optedIn = new Set<number>();
    const stores = await Promise.all(
      [0, 1, 2, 3].map(() => testHub({ connectors: [quad], poolSize: 2, clock: testClock() })),
    );
    const writing = stores.map(async ({ store }, k) => {
      const random = chance(seed * 10 + k);
      const own = await store.tenant(tenant.tenantId);
      const write = await pageWriter(own, quad, `w${k}`);
      const words = new Map<number, Words>();
      said[k] = words;
      for (let i = 0; i < 80; i++) {
        const die = random();
        if (die < 0.7) {
          const page = new Map<number, Words>();
          for (let r = 0; r < 8; r++) {
            const title = pick(random, [null, `T${k}-${i}`, `T${k}`]);
            page.set(below(random, PEOPLE), { title, department: pick(random, [null, 'Sales', 'Legal']) });
          }
          const rows = [...page].map(([n, one]) => ({ id: `e${n}`, mail: `p${n}@acme.example`, ...one }));
          await write('users', [records(rows)], new Date());
          for (const [n, one] of page) words.set(n, one);
          continue;
        }
        // Each person logs on through one writer only, so that their last word is known.
        const n = k + 4 * below(random, PEOPLE / 4);
        if (die < 0.9) {
          await own.users.logOn({ ...logOnOf(n), given_name: `G${i}` });
          names.set(n, `G${i}`);
        } else if (optedIn.has(n)) {
          await own.users.optOut(ids[n]!, 'hybrid-meetings');
          optedIn.delete(n);
        } else {
          await own.users.optIn(ids[n]!, 'hybrid-meetings', EVIDENCE);
          optedIn.add(n);
        }
      }
    });
    await Promise.all(writing);

    const users = await tenant.users.many(ids);
    for (let n = 0; n < PEOPLE; n++) {
      const first = ORDER.map((k) => said[k]!.get(n)).find((words) => words !== undefined);
      const user = users.get(ids[n]!)!;
      expect(user.fields, `seed ${seed}, person ${n}`).to.deep.equal({
        email: `p${n}@acme.example`,
        given_name: names.get(n) ?? `Given${n}`,
        family_name: `Family${n}`,
        ...(first?.title ? { job_title: first.title } : {}),
        ...(first?.department ? { department: first.department } : {}),
      });
      expect(user.opt_ins).to.deep.equal(optedIn.has(n) ? ['hybrid-meetings'] : []);
      expect(user.confirmed).to.equal(first !== undefined);
    }
    expect((await deadlocks()) - before, 'deadlocks').to.equal(0);
    for (const one of stores) await one.close();
  });

  it('are tried again when PostgreSQL breaks a deadlock', async () => {
    const hub = await testHub({ connectors: [quad] });
    const tenant = await hub.tenant();
    const ids = [(await tenant.users.logOn(logOnOf(1))).user.id, (await tenant.users.logOn(logOnOf(2))).user.id];
    const { url } = await testDatabase();
    const db = new Database({ url, applicationName: 'sluice tests', poolSize: 2 });
    let attempts = 0;
    const inOrder = (order: readonly string[]) =>
      db.tenant(tenant.tenantId, async (tx) => {
        attempts++;
        for (const id of order) {
          await tx.run(sql`
            UPDATE sluice.users SET version = version + 1 WHERE tenant_id = ${tenant.tenantId} AND id = ${id}`);
          await sleep(100);
        }
      });
    const before = await tenant.users.many(ids);
    await Promise.all([inOrder(ids), inOrder([...ids].reverse())]);
    expect(attempts).to.equal(3);
    const after = await tenant.users.many(ids);
    for (const id of ids) expect(after.get(id)!.version).to.equal(before.get(id)!.version + 2);
    await db.close();
  });
});
