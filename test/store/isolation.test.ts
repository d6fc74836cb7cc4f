import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type pg from 'pg';
import { RUNTIME_ROLE } from '../../src/store/database.ts';
import { calendarSource } from '../support/calendar-source.ts';
import { type TestDatabase, testClock, testDatabase, testHub } from '../support/hub.ts';
import { lockerSource } from '../support/locker-source.ts';
import { memorySource } from '../support/memory-source.ts';
import { ownDatabase } from '../support/own-database.ts';
import { connected, rowsOf, tenantTables } from '../support/tenant-rows.ts';
import { type Sent, statementsIn, unpredicatedTables, watchStatements } from './statement-watch.ts';
import { furnish, live, type World } from './tenant-life.ts';

const START = new Date('2026-03-02T09:00:00Z');
const storeFolder = join(import.meta.dirname, '../../src/store');

async function world(database?: { url: string; masterKey: string }): Promise<World> {
  const source = memorySource({ resumable: true });
  const lockers = lockerSource();
  const calendars = calendarSource();
  const hub = await testHub({
    connectors: [source.connector, lockers.connector, calendars.connector],
    clock: testClock(START),
    ...(database ? { database } : {}),
  });
  return { hub, source, lockers, calendars };
}

/** The scenario with another tenant beside it who has the same people and lockers; that one's rows must not move. */
async function liveBesideAnother(
  database: { url: string; migrateUrl: string; masterKey: string },
  unpredicated: boolean,
) {
  const owner = await connected(database.migrateUrl);
  try {
    const tables = await tenantTables(owner);
    const place = await world(database);
    const other = await furnish(place);
    const before = await rowsOf(owner, tables, other.tenant.tenantId);
    place.hub.clock.set(START);
    const watch = watchStatements({ unpredicated });
    try {
      await live(place, await furnish(place));
    } finally {
      watch.stop();
    }
    return { watch, before, after: await rowsOf(owner, tables, other.tenant.tenantId) };
  } finally {
    await owner.end();
  }
}

describe('the walls between tenants', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let owner: pg.Client;
  let runtime: pg.Client;
  let tables: string[];

  before(async () => {
    database = await testDatabase();
    owner = await connected(database.migrateUrl);
    runtime = await connected(database.url);
    tables = await tenantTables(owner);
  });
  after(async () => {
    await owner.end();
    await runtime.end();
  });

  /** As the store does every transaction, for one statement. */
  async function asTenant<T extends pg.QueryResultRow>(
    tenantId: string | undefined,
    text: string,
    values: unknown[] = [],
  ) {
    await runtime.query('BEGIN');
    try {
      await runtime.query(`SET LOCAL ROLE ${RUNTIME_ROLE}`);
      if (tenantId) await runtime.query(`SELECT set_config('sluice.tenant', $1, true)`, [tenantId]);
      return await runtime.query<T>(text, values);
    } finally {
      await runtime.query('ROLLBACK');
    }
  }

  describe('as the store lives with them', () => {
    let withRls: Sent[];
    /** All rows ever touched by each statement. */
    const met = new Map<string, number>();

    it('hold by row-level security alone: each statement without its tenant predicate answers exactly the same', async () => {
      const { watch, before, after } = await liveBesideAnother(database, true);
      expect(watch.differing).to.deep.equal([]);
      expect(watch.rewritten).to.be.above(500);
      expect(after).to.deep.equal(before);
      withRls = watch.sent;
      for (const { text, rows } of withRls) met.set(text, (met.get(text) ?? 0) + rows);
    });

    it('were tried with every statement of the store, and each met rows of its tenant', () => {
      // The registry is read across tenants by intention; only its opening of a tenant runs inside one.
      const files = readdirSync(storeFolder).filter((name) => name.endsWith('.ts') && name !== 'registry.ts');
      const written = files.flatMap((name) => statementsIn(readFileSync(join(storeFolder, name), 'utf8')));
      expect(written.length).to.be.above(90);
      expect(written.filter((text) => !met.has(text)).join('\n')).to.equal('');
      expect([...met].flatMap(([text, rows]) => (rows === 0 ? text : [])).join('\n')).to.equal('');
    });

    it('hold by the statements alone: with row-level security disabled each touches exactly as many rows', async () => {
      const apart = await ownDatabase();
      const second = await connected(apart.migrateUrl);
      for (const table of [...tables, 'registry.tenant'])
        await second.query(`ALTER TABLE ${table} DISABLE ROW LEVEL SECURITY`);
      await second.end();
      const { watch, before, after } = await liveBesideAnother(apart, false);
      expect(after).to.deep.equal(before);
      const trace = (sent: readonly Sent[]) => sent.map(({ text, rows }) => `${rows} rows: ${text}`);
      const expected = trace(withRls);
      expect(trace(watch.sent).filter((line, at) => line !== expected[at])).to.deep.equal([]);
      expect(watch.sent.length).to.equal(withRls.length);
    });

    it('are named by every statement, for every table it touches', () => {
      const bare = [...met.keys()].flatMap((text) => unpredicatedTables(text).map((table) => `${table} in: ${text}`));
      expect(bare).to.deep.equal([]);
      // The control: this is what is looked for.
      expect(unpredicatedTables('SELECT id FROM sluice.users WHERE id = ?')).to.deep.equal(['sluice.users']);
      expect(
        unpredicatedTables(
          'SELECT 1 FROM sluice.users u JOIN sluice.feed f ON f.entity_id = u.id WHERE u.tenant_id = ?',
        ),
      ).to.deep.equal(['sluice.feed']);
      expect(
        unpredicatedTables('DELETE FROM sluice.feed WHERE tenant_id = ? AND id IN (SELECT id FROM sluice.users)'),
      ).to.have.length(2);
    });
  });

  describe('as the database has them', () => {
    it('begin every primary key, unique index and foreign key with the tenant', async () => {
      const { rows: indexes } = await owner.query<{ name: string; first: string }>(`
        SELECT i.indrelid::regclass || ' ' || i.indexrelid::regclass AS name, a.attname AS first
          FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
          LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
         WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'pgboss')
           AND c.oid::regclass::text NOT IN ('knex_migrations', 'knex_migrations_lock', 'registry.tenant')`);
      expect(indexes.length).to.be.above(25);
      expect(indexes.filter(({ first }) => first !== 'tenant_id')).to.deep.equal([]);

      const { rows: references } = await owner.query<{ name: string; first: string; theirs: string; target: string }>(`
        SELECT k.conrelid::regclass || ' ' || k.conname AS name, a.attname AS first, b.attname AS theirs, k.confrelid::regclass::text AS target
          FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
          JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
          JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = k.confkey[1]
         WHERE k.contype = 'f' AND n.nspname IN ('sluice', 'registry')`);
      expect(references.length).to.be.above(20);
      expect(
        references.filter(
          ({ first, theirs, target }) =>
            first !== 'tenant_id' || theirs !== (target === 'registry.tenant' ? 'id' : 'tenant_id'),
        ),
      ).to.deep.equal([]);
    });

    it('stand on every table: enabled, forced, one policy for reading and writing', async () => {
      const { rows } = await owner.query<{ name: string; on: boolean; forced: boolean; policies: string[] }>(`
        SELECT c.oid::regclass::text AS name, c.relrowsecurity AS on, c.relforcerowsecurity AS forced,
               ARRAY(SELECT p.polcmd::text || CASE WHEN p.polpermissive THEN ' permissive ' ELSE ' restrictive ' END
                            || (p.polqual IS NOT NULL AND p.polwithcheck IS NOT NULL
                                AND pg_get_expr(p.polqual, p.polrelid) = pg_get_expr(p.polwithcheck, p.polrelid))
                       FROM pg_policy p WHERE p.polrelid = c.oid) AS policies
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p') AND n.nspname IN ('sluice', 'registry') ORDER BY 1`);
      expect(rows.map(({ name }) => name)).to.include.members(tables);
      // Nothing beside the tenants' tables but the table of their names.
      expect(rows.length).to.equal(tables.length + 1);
      for (const { name, ...walls } of rows)
        expect(walls, name).to.deep.equal({ on: true, forced: true, policies: ['* permissive true'] });
      const { rows: views } = await owner.query(`
        SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('v', 'm', 'f') AND n.nspname IN ('sluice', 'registry')`);
      expect(views, 'a view reads with the rights of its owner').to.deep.equal([]);
    });

    it('cannot be climbed by the runtime role: no superuser, no bypass, no ownership, no way to become more', async () => {
      const { rows } = await owner.query(
        `
        SELECT rolname, rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication AS strong,
               EXISTS (SELECT 1 FROM pg_class c WHERE c.relowner = r.oid) OR EXISTS (SELECT 1 FROM pg_namespace n WHERE n.nspowner = r.oid)
                 OR EXISTS (SELECT 1 FROM pg_proc f WHERE f.proowner = r.oid) AS owns,
               EXISTS (SELECT 1 FROM pg_auth_members m JOIN pg_roles up ON up.oid = m.roleid WHERE m.member = r.oid AND up.rolname <> $1) AS member
          FROM pg_roles r WHERE rolname IN ($1, $2)`,
        [RUNTIME_ROLE, new URL(database.url).username],
      );
      expect(rows).to.have.length(2);
      for (const { rolname, ...rights } of rows)
        expect(rights, rolname).to.deep.equal({ strong: false, owns: false, member: false });
      const functions = await owner.query(`
        SELECT p.oid::regprocedure::text AS name FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
         WHERE p.prosecdef AND n.nspname NOT IN ('pg_catalog', 'information_schema')`);
      expect(functions.rows, 'runs with the rights of its owner').to.deep.equal([]);
      const granted = await owner.query(
        `
        SELECT DISTINCT privilege_type AS right FROM information_schema.role_table_grants
         WHERE grantee = $1 AND table_schema IN ('sluice', 'registry') ORDER BY 1`,
        [RUNTIME_ROLE],
      );
      expect(granted.rows.map(({ right }) => right)).to.deep.equal(['DELETE', 'INSERT', 'SELECT', 'UPDATE']);
      const toAll = await owner.query(`
        SELECT table_name FROM information_schema.role_table_grants WHERE grantee = 'PUBLIC' AND table_schema IN ('sluice', 'registry')`);
      expect(toAll.rows).to.deep.equal([]);
    });

    it('say of every column what it is for', async () => {
      const { rows } = await owner.query<{ name: string }>(`
        SELECT c.oid::regclass || '.' || a.attname AS name
          FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind = 'r' AND n.nspname IN ('sluice', 'registry') AND a.attnum > 0 AND NOT a.attisdropped
           AND col_description(c.oid, a.attnum) IS NULL ORDER BY 1`);
      // Names that say it all by themselves, and columns of a table whose own comment says it.
      const plain =
        /\.(id|tenant_id|user_id|connection_id|run_id|locker_id|entity_id|row_id|stream|kind|name|status|op|feature|at|trigger|scopes|expires_at|started_at|finished_at|decided_at|requests|bytes|page|rows|partition|removed|rows_before|api_key|key_digest)$/;
      expect(rows.map(({ name }) => name).filter((name) => !plain.test(name))).to.deep.equal([]);
    });
  });

  describe('against whoever tries', () => {
    let one: Awaited<ReturnType<typeof furnish>>;
    let two: Awaited<ReturnType<typeof furnish>>;
    before(async () => {
      const place = await world();
      one = await furnish(place);
      two = await furnish(place);
    });

    it('show nothing where no tenant is set, not even on a connection that has just served one', async () => {
      const counts = async () => {
        const all: Record<string, number> = {};
        for (const table of [...tables, 'registry.tenant'])
          all[table] = (await asTenant<{ n: number }>(undefined, `SELECT count(*)::int AS n FROM ${table}`)).rows[0]!.n;
        return all;
      };
      const none = Object.fromEntries([...tables, 'registry.tenant'].map((table) => [table, 0]));
      expect(await counts()).to.deep.equal(none);
      const served = await asTenant<{ n: number }>(one.tenant.tenantId, 'SELECT count(*)::int AS n FROM sluice.users');
      expect(served.rows[0]!.n).to.equal(10);
      expect(await counts()).to.deep.equal(none);
      // And outside any transaction, as the connection stands.
      await runtime.query(`SET ROLE ${RUNTIME_ROLE}`);
      for (const table of tables)
        expect((await runtime.query(`SELECT 1 FROM ${table} LIMIT 1`)).rowCount, table).to.equal(0);
      await runtime.query('RESET ROLE');
    });

    it('show each tenant its own rows and no other’s, in every table', async () => {
      for (const { tenant } of [one, two]) {
        let seen = 0;
        for (const table of tables) {
          const { rows } = await asTenant<{ whose: string; n: number }>(
            tenant.tenantId,
            `SELECT tenant_id AS whose, count(*)::int AS n FROM ${table} GROUP BY 1`,
          );
          expect(
            rows.every(({ whose }) => whose === tenant.tenantId),
            table,
          ).to.equal(true);
          seen += rows.length;
        }
        expect(seen).to.be.above(15);
      }
    });

    it('refuse to write a row of another tenant, and change none', async () => {
      const theirs = two.tenant.tenantId;
      const writes: [string, unknown[]][] = [
        ['INSERT INTO sluice.feature (tenant_id, name) VALUES ($1, $2)', [theirs, 'occupancy']],
        ['UPDATE sluice.feature SET tenant_id = $1 WHERE name = $2', [theirs, 'lockers']],
      ];
      for (const [text, values] of writes) {
        const error = await asTenant(one.tenant.tenantId, text, values).then(
          () => undefined,
          (thrown: { code?: string }) => thrown,
        );
        expect(error?.code, text).to.equal('42501');
      }
      for (const table of tables) {
        const touched = await asTenant(
          one.tenant.tenantId,
          `UPDATE ${table} SET tenant_id = tenant_id WHERE tenant_id = $1`,
          [theirs],
        );
        const gone = await asTenant(one.tenant.tenantId, `DELETE FROM ${table} WHERE tenant_id = $1`, [theirs]);
        expect([touched.rowCount, gone.rowCount], table).to.deep.equal([0, 0]);
      }
    });

    it('refuse a row that points at another tenant’s, even where row-level security sleeps', async () => {
      // A superuser is held by no policy: what stops these is the foreign key alone.
      const ours = one.tenant.tenantId;
      const theirUser = two.ids[0]!;
      const theirConnection = (await two.tenant.connections.get('lockers')).id;
      const ourConnection = (await one.tenant.connections.get('lockers')).id;
      const { rows } = await owner.query<{ id: string }>('SELECT id FROM sluice.locker WHERE tenant_id = $1 LIMIT 1', [
        two.tenant.tenantId,
      ]);
      const theirLocker = rows[0]!.id;
      const bytes = Buffer.from('x');
      const crossing: [string, unknown[]][] = [
        [
          'INSERT INTO sluice.contribution (tenant_id, user_id, supplier, fields, digest, read_at) VALUES ($1, $2, $3, $4, $4, now())',
          [ours, theirUser, ourConnection, bytes],
        ],
        [
          'INSERT INTO sluice.binding (tenant_id, connection_id, key_digest, user_id) VALUES ($1, $2, $3, $4)',
          [ours, ourConnection, bytes, theirUser],
        ],
        [
          'INSERT INTO sluice.binding (tenant_id, connection_id, key_digest, user_id) VALUES ($1, $2, $3, $4)',
          [ours, theirConnection, bytes, one.ids[0]],
        ],
        [
          `INSERT INTO sluice.match_value (tenant_id, kind, digest, user_id, value) VALUES ($1, 'email', $2, $3, $2)`,
          [ours, bytes, theirUser],
        ],
        [
          `INSERT INTO sluice.opt_in (tenant_id, user_id, feature, text_version, locale, given_at) VALUES ($1, $2, 'check-in', '1', 'nl', now())`,
          [ours, theirUser],
        ],
        [
          `INSERT INTO sluice.locker (tenant_id, id, connection_id, source_key, version) VALUES ($1, $2, $3, 'X', 0)`,
          [ours, randomUUID(), theirConnection],
        ],
        [
          `INSERT INTO sluice.locker_assignment (tenant_id, connection_id, source_key, row_id, locker_id, user_id, shared, read_at) VALUES ($1, $2, 'X', $3, $4, $5, false, now())`,
          [ours, ourConnection, randomUUID(), theirLocker, one.ids[0]],
        ],
        [
          `INSERT INTO sluice.run (tenant_id, id, connection_id, status, trigger, started_at) VALUES ($1, $2, $3, 'failed', 'manual', now())`,
          [ours, randomUUID(), theirConnection],
        ],
        [
          `INSERT INTO sluice.held (tenant_id, connection_id, stream, row_id, run_id, reason) VALUES ($1, $2, 'users', $3, $3, 'x')`,
          [ours, theirConnection, randomUUID()],
        ],
        [
          `INSERT INTO sluice.partition (tenant_id, connection_id, stream, name, fingerprint) VALUES ($1, $2, 'users', 'x', 'x')`,
          [ours, theirConnection],
        ],
        [
          `INSERT INTO sluice.subscription (tenant_id, connection_id, source_id, stream, partition, secret_digest, address_digest, expires_at) VALUES ($1, $2, 'x', 'users', '', $3, $3, now())`,
          [ours, theirConnection, bytes],
        ],
      ];
      for (const [text, values] of crossing) {
        await owner.query('BEGIN');
        const error = await owner.query(text, values).then(
          () => undefined,
          (thrown: { code?: string }) => thrown,
        );
        await owner.query('ROLLBACK');
        expect(error?.code, text).to.equal('23503');
      }
    });
  });
});
