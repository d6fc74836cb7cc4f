import { expect } from 'chai';
import type pg from 'pg';
import { migrations } from '../../migrations/index.ts';
import { calendarSource } from '../support/calendar-source.ts';
import { testClock, testHub } from '../support/hub.ts';
import { lockerSource } from '../support/locker-source.ts';
import { memorySource } from '../support/memory-source.ts';
import { blankDatabase, type OwnDatabase, ownDatabase } from '../support/own-database.ts';
import { connected } from '../support/tenant-rows.ts';
import { crowd } from './crowd.ts';
import { explained, watchPlans } from './plan-watch.ts';
import { type Indexes, indexesOf, quadratic } from './quadratic-plans.ts';
import { furnish, live } from './tenant-life.ts';

/** In no statistics. */
const NEWCOMER = '00000000-0000-4000-8000-000000000001';

describe('a tenant that came after the tables were last analysed', function () {
  this.timeout(180_000);
  let database: OwnDatabase;
  let owner: pg.Client;
  let indexes: Indexes;
  /** In each table. */
  let rows: number;

  before(async () => {
    database = await ownDatabase();
    owner = await connected(database.migrateUrl);
    rows = await crowd(owner);
    indexes = await indexesOf(owner);
  });
  after(() => owner.end());

  const planOf = (text: string) => explained((asked) => owner.query(asked), text, [NEWCOMER]);

  /** As PostgreSQL does by itself: what it knows of tenants is who was there. */
  async function withCountsByTenant(look: () => Promise<void>): Promise<void> {
    await owner.query('BEGIN');
    try {
      for (const table of ['users', 'binding']) {
        await owner.query(`ALTER TABLE sluice.${table} ALTER COLUMN tenant_id SET STATISTICS DEFAULT`);
        await owner.query(`ANALYZE sluice.${table}`);
      }
      await look();
    } finally {
      await owner.query('ROLLBACK');
    }
  }

  it('is planned for as if it had one row in two hundred, not one row', async () => {
    const every = 'SELECT FROM sluice.users WHERE tenant_id = $1';
    expect(await planOf(every)).to.include({ 'Plan Rows': rows / 200 });
    await withCountsByTenant(async () => {
      expect(await planOf(every)).to.include({ 'Plan Rows': 1 });
    });
  });

  it('is counted in no table, and neither is what it alone has', async () => {
    const { rows: counted } = await owner.query(`
      SELECT a.attrelid::regclass::text AS table, a.attname AS column FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
       WHERE c.relnamespace = 'sluice'::regnamespace AND c.relkind = 'r'
         AND a.attname IN ('tenant_id', 'connection_id', 'supplier') AND a.attstattarget IS DISTINCT FROM 0`);
    expect(counted).to.deep.equal([]);
  });

  it('was not kept from that by what an older version had counted', async () => {
    const older = await blankDatabase();
    const client = await connected(older.migrateUrl);
    try {
      const at = migrations.findIndex(({ name }) => name === '0008-newcomers');
      for (const { sql } of migrations.slice(0, at)) await client.query(sql);
      await crowd(client);
      const known = `SELECT FROM pg_stats WHERE schemaname = 'sluice' AND attname IN ('tenant_id', 'connection_id', 'supplier')`;
      expect((await client.query(known)).rowCount).to.be.above(30);
      await client.query(migrations[at]!.sql);
      expect((await client.query(known)).rowCount).to.equal(0);
    } finally {
      await client.end();
    }
  });

  it('would have every row compared with every row by a plain join, which is seen', async () => {
    const join = `SELECT b.key_digest, u.status FROM sluice.binding b
      JOIN sluice.users u ON u.tenant_id = b.tenant_id AND u.id = b.user_id WHERE b.tenant_id = $1`;
    const lookUp = `SELECT b.key_digest,
        (SELECT u.status FROM sluice.users u WHERE u.tenant_id = b.tenant_id AND u.id = b.user_id)
      FROM sluice.binding b WHERE b.tenant_id = $1`;
    await withCountsByTenant(async () => {
      expect(quadratic(await planOf(join), indexes)).to.have.length(1);
      expect(quadratic(await planOf(lookUp), indexes)).to.deep.equal([]);
    });
  });

  it('has no statement that compares every row of it with every row', async () => {
    const [source, lockers, calendars] = [memorySource({ resumable: true }), lockerSource(), calendarSource()];
    const hub = await testHub({
      connectors: [source.connector, lockers.connector, calendars.connector],
      clock: testClock(new Date('2026-03-02T09:00:00Z')),
      database,
    });
    const world = { hub, source, lockers, calendars };
    const watch = watchPlans();
    try {
      await live(world, await furnish(world));
    } finally {
      watch.stop();
    }
    expect(watch.plans.size).to.be.above(150);
    const found = [...watch.plans].flatMap(([text, plans]) => {
      const blamed = new Set(plans.flatMap((plan) => quadratic(plan, indexes)));
      return [...blamed].map((node) => `${node}: ${text}`);
    });
    if (found.length > 0) expect.fail(`${found.length} plans:\n${found.join('\n')}`);
  });
});
