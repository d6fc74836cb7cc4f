import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import pg from 'pg';
import type { HubTenantStore } from '../../src/store/index.ts';
import { type TestHub, testHub } from '../support/hub.ts';
import { assignment, locker, lockerSource } from '../support/locker-source.ts';
import { employee, logOnOf, memorySource, peopleConnection } from '../support/memory-source.ts';
import { ownDatabase } from '../support/own-database.ts';

/** Everything a booking service or the gate reads. A pass also writes its run, its place and its lease: those are its own. */
const tables: readonly string[] = [
  'users',
  'user_key',
  'contribution',
  'match_value',
  'binding',
  'feed',
  'locker',
  'locker_assignment',
  'opt_in',
  'held',
  'removal',
  'feature',
  'configuration',
];
/** Locked while they are compared, which leaves a mark in `xmax` of the same row version; people are not even locked. */
const locked = new Set(['locker', 'locker_assignment']);

interface Rows {
  /** Where each row version lies and which transaction wrote it: any write moves or adds one. */
  readonly versions: Record<string, string[]>;
  /** Rows inserted, updated and deleted since the server began, by its own statistics. */
  readonly writes: Record<string, { ins: number; upd: number; del: number }>;
  readonly head: unknown;
  readonly rules: unknown;
}

describe('a pass over an unchanged source', () => {
  const source = memorySource({ resumable: true });
  const lockers = lockerSource();
  let hub: TestHub;
  let owner: pg.Client;
  let tenant: HubTenantStore;

  before(async () => {
    // A database and a session of its own: the server's statistics of others come in when they please.
    const database = await ownDatabase();
    hub = await testHub({ connectors: [source.connector, lockers.connector], database, poolSize: 1 });
    owner = new pg.Client({ connectionString: database.migrateUrl });
    await owner.connect();
    tenant = await hub.tenant(() => ({
      features: ['people-directory', 'lockers'],
      connections: [
        peopleConnection,
        { name: 'lockers', connector: 'memory-lockers', settings: {}, streams: {}, paused: false },
      ],
    }));
    source.people = Array.from({ length: 1_000 }, (_, n) => employee(n));
    lockers.lockers = Array.from({ length: 50 }, (_, n) => locker(`L${n}`));
    // Users', strangers', and one that no list of lockers names.
    lockers.assignments = Array.from({ length: 40 }, (_, n) => assignment(`L${n}`, `p${n * 3}@acme.example`));
    lockers.assignments.push(assignment('unlisted', 'p0@acme.example'));
    for (let n = 0; n < 60; n++) await tenant.users.logOn(logOnOf(n));
    // A user of whom the directory tells less than their log-on did, and one with the same words in both.
    source.people[1] = employee(1, { given: '', title: undefined, phone: 'not a number' });
  });

  after(() => owner.end());

  const run = async (connection: string) => {
    const receipt = await hub.sync.run({ tenantId: tenant.tenantId, connection, trigger: 'manual', mode: 'full' });
    expect(receipt.status).to.equal('succeeded');
    return receipt.streams;
  };

  async function rows(): Promise<Rows> {
    await owner.query('SELECT pg_stat_clear_snapshot()');
    const versions: Record<string, string[]> = {};
    const writes: Record<string, { ins: number; upd: number; del: number }> = {};
    for (const table of tables) {
      const found = await owner.query<{ v: string }>(
        `SELECT ctid || ' ' || xmin || ' ' || ${locked.has(table) ? "''" : 'xmax'} || ' ' || md5(t::text) AS v FROM sluice.${table} t WHERE tenant_id = $1 ORDER BY 1`,
        [tenant.tenantId],
      );
      versions[table] = found.rows.map(({ v }) => v);
      const counted = await owner.query<{ ins: number; upd: number; del: number }>(
        `SELECT n_tup_ins::int AS ins, n_tup_upd::int AS upd, n_tup_del::int AS del FROM pg_stat_user_tables WHERE schemaname = 'sluice' AND relname = $1`,
        [table],
      );
      writes[table] = counted.rows[0]!;
    }
    const one = async (text: string) => (await owner.query(text, [tenant.tenantId])).rows[0];
    return {
      versions,
      writes,
      head: await one('SELECT ctid, xmin, seq FROM registry.feed_head WHERE tenant_id = $1'),
      rules: await one('SELECT xmin, version FROM registry.rules WHERE tenant_id = $1'),
    };
  }

  /** Statistics reach the server's view a moment after the transaction ended, at the latest when its session does. */
  async function settled(): Promise<Rows> {
    await hub.store.registry.ping();
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    await hub.store.registry.ping();
    return rows();
  }

  it('writes no entity, contribution, match value, binding or feed row', async function () {
    this.timeout(30_000);
    const first = await run('people');
    expect(first.users).to.include({ read: 1_000, kept: 60, created: 60 });
    const firstLockers = await run('lockers');
    expect(firstLockers.lockers).to.include({ created: 50 });
    expect(firstLockers.locker_assignments?.created).to.be.above(10);
    const before = await settled();
    expect(before.versions.users).to.have.length(60);
    expect(before.versions.locker).to.have.length(51);

    const again = await run('people');
    expect(again.users).to.include({ kept: 60, created: 0, updated: 0, unchanged: 60, removed: 0 });
    const againLockers = await run('lockers');
    expect(againLockers.lockers).to.include({ created: 0, updated: 0, unchanged: 50 });
    expect(againLockers.locker_assignments).to.include({ created: 0, updated: 0 });
    // Nor in another order, or when its pages are cut elsewhere.
    source.people.reverse();
    source.pageSize = 37;
    expect((await run('people')).users).to.include({ kept: 60, unchanged: 60 });

    const after = await settled();
    expect(tables.filter((table) => !isDeepStrictEqual(after.versions[table], before.versions[table]))).to.deep.equal(
      [],
    );
    expect(after.writes).to.deep.equal(before.writes);
    expect(after.head).to.deep.equal(before.head);
    expect(after.rules).to.deep.equal(before.rules);
  });

  it('is noticed by the same comparison when one person has changed', async function () {
    this.timeout(30_000);
    const before = await settled();
    source.people = source.people.map((one) => (one.mail === 'p7@acme.example' ? { ...one, title: 'Other' } : one));
    expect((await run('people')).users).to.include({ kept: 60, updated: 1, unchanged: 59 });
    const after = await settled();
    const moved = tables.filter((table) => !isDeepStrictEqual(after.versions[table], before.versions[table]));
    expect(moved).to.deep.equal(['users', 'contribution', 'feed']);
    expect(after.writes.contribution!.upd + after.writes.contribution!.ins).to.be.above(
      before.writes.contribution!.upd + before.writes.contribution!.ins,
    );
  });
});
