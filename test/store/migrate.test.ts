import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect } from 'chai';
import pg from 'pg';
import { migrations } from '../../migrations/index.ts';
import { NeedsAttention } from '../../src/base/errors.ts';
import { RUNTIME_ROLE } from '../../src/store/database.ts';
import { migrate, planMigrations } from '../../src/store/index.ts';
import { blankDatabase, type OwnDatabase, ownDatabase } from '../support/own-database.ts';
import { connected } from '../support/tenant-rows.ts';
import { catalogue } from './catalogue.ts';
import { eventually } from './embedded-support.ts';

const ALL = migrations.map(({ name }) => name);
const NEWER =
  'The database was migrated by a newer version of Sluice; start that version, or restore a backup from before.';

const loginOf = ({ url }: OwnDatabase): string => new URL(url).username;
const bring = (database: OwnDatabase): Promise<string[]> => migrate(database.migrateUrl, loginOf(database));

async function asOwner<T>({ migrateUrl }: OwnDatabase, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await connected(migrateUrl);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** A database as the version before knex's migrator left it, after its first `steps`. */
async function formerDatabase(steps: number): Promise<OwnDatabase> {
  const database = await blankDatabase();
  await asOwner(database, async (client) => {
    await client.query(
      'CREATE TABLE public.sluice_migration (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())',
    );
    await client.query(`GRANT SELECT ON public.sluice_migration TO ${RUNTIME_ROLE}`);
    for (const { name, sql } of migrations.slice(0, steps)) {
      await client.query(sql);
      await client.query(`INSERT INTO public.sluice_migration VALUES ($1, '2026-01-02T03:04:05Z')`, [name]);
    }
  });
  return database;
}

const namesIn = (client: pg.Client): Promise<string[]> =>
  client
    .query<{ name: string }>('SELECT name FROM public.knex_migrations ORDER BY id')
    .then(({ rows }) => rows.map(({ name }) => name));

/** Hears of every statement that this process is about to send, over whichever connection. */
async function hearing<T>(told: (client: pg.Client, text: string) => void, work: () => Promise<T>): Promise<T> {
  const { query } = pg.Client.prototype;
  pg.Client.prototype.query = function (this: pg.Client, ...args: unknown[]) {
    const [first] = args as [string | { text: string }];
    told(this, typeof first === 'string' ? first : first.text);
    return (query as (...args: unknown[]) => unknown).apply(this, args);
  } as typeof query;
  try {
    return await work();
  } finally {
    pg.Client.prototype.query = query;
  }
}

/** Brings it to this version, but all its connections break before the n-th statement, as when the process is killed. */
async function broughtUntil(database: OwnDatabase, statement: number): Promise<'done' | 'broken'> {
  const clients = new Set<pg.Client>();
  let sent = 0;
  const heard = (client: pg.Client) => {
    clients.add(client);
    if (++sent < statement) return;
    for (const { connection } of clients as unknown as Set<{ connection: { stream: { destroy(): void } } }>)
      connection.stream.destroy();
  };
  return hearing(heard, () =>
    bring(database).then(
      () => 'done',
      () => 'broken',
    ),
  );
}

describe('the schema is brought to this version', function () {
  this.timeout(60_000);
  let fresh: OwnDatabase;
  let whole: string[];

  before(async () => {
    fresh = await blankDatabase();
    expect(await bring(fresh)).to.deep.equal(ALL);
    whole = await asOwner(fresh, catalogue);
  });

  async function isWhole(database: OwnDatabase): Promise<void> {
    await asOwner(database, async (client) => {
      const found = await catalogue(client);
      const lacks = whole.filter((line) => !found.includes(line));
      const more = found.filter((line) => !whole.includes(line));
      expect({ lacks, more }).to.deep.equal({ lacks: [], more: [] });
      expect(await namesIn(client)).to.deep.equal(ALL);
      const { rows } = await client.query('SELECT is_locked FROM public.knex_migrations_lock');
      expect(rows).to.deep.equal([{ is_locked: 0 }]);
    });
    // Nothing is left that would send every command the long way.
    const sent: string[] = [];
    expect(
      await hearing(
        (_, text) => sent.push(text),
        () => bring(database),
      ),
    ).to.deep.equal([]);
    expect(sent).to.have.length(1);
  }

  it('from nothing; afterwards it asks one question and finds nothing to do', async () => {
    expect(whole.length).to.be.above(500);
    expect(whole).to.include(`public.knex_migrations grants SELECT to ${RUNTIME_ROLE}`);
    expect(whole.filter((line) => line.includes('sluice_migration'))).to.deep.equal([]);
    await isWhole(fresh);
    // With the runtime role alone, as a hub does.
    expect(await planMigrations(fresh.url)).to.deep.equal(ALL.map((name) => ({ name, state: 'applied' })));
  });

  it('is told in order what is still to be done, before anything is there', async () => {
    const database = await blankDatabase();
    expect(await planMigrations(database.url)).to.deep.equal(ALL.map((name) => ({ name, state: 'pending' })));
    const left = await asOwner(database, catalogue);
    expect(left.filter((line) => !line.startsWith('schema public'))).to.deep.equal([]);
  });

  for (const steps of [ALL.length, 5, 0]) {
    it(`from the table of the version before, with ${steps} steps in it: none is applied twice`, async () => {
      const database = await formerDatabase(steps);
      const plan = await planMigrations(database.url);
      expect(plan.filter(({ state }) => state === 'applied').map(({ name }) => name)).to.deep.equal(
        ALL.slice(0, steps),
      );
      expect(await bring(database)).to.deep.equal(ALL.slice(steps));
      await isWhole(database);
      await asOwner(database, async (client) => {
        const { rows } = await client.query(
          'SELECT DISTINCT batch, migration_time AS at FROM public.knex_migrations WHERE name = ANY ($1)',
          [ALL.slice(0, steps)],
        );
        expect(rows).to.deep.equal(steps > 0 ? [{ batch: 1, at: new Date('2026-01-02T03:04:05Z') }] : []);
      });
    });
  }

  it('though a version before ran once more on a newer database and left its table', async () => {
    const database = await ownDatabase();
    await asOwner(database, async (client) => {
      await client.query('CREATE TABLE public.sluice_migration (name text PRIMARY KEY, applied_at timestamptz)');
      await client.query('INSERT INTO public.sluice_migration VALUES ($1, now())', [ALL[0]]);
    });
    expect(await bring(database)).to.deep.equal([]);
    await isWhole(database);
  });

  it('from five steps under knex, with all rights there, as when a new version comes', async () => {
    const database = await ownDatabase();
    await asOwner(database, async (client) => {
      await client.query('DROP SCHEMA registry, sluice CASCADE');
      for (const { sql } of migrations.slice(0, 5)) await client.query(sql);
      await client.query('DELETE FROM public.knex_migrations WHERE name <> ALL ($1)', [ALL.slice(0, 5)]);
    });
    expect(await bring(database)).to.deep.equal(ALL.slice(5));
    await isWhole(database);
  });

  it('by several at once: each step by one of them', async () => {
    const database = await blankDatabase();
    const applied = await Promise.all([1, 2, 3].map(() => bring(database)));
    expect(applied.flat().sort()).to.deep.equal(ALL);
    await isWhole(database);
  });

  describe('after a kill', () => {
    it('of a process in the midst of a step: that step is undone, and done by the next', async () => {
      const database = await formerDatabase(2);
      // In a transaction the list of sessions stands still, so another one watches.
      const blocker = await connected(database.migrateUrl);
      const watcher = await connected(database.migrateUrl);
      await blocker.query('BEGIN; LOCK TABLE sluice.opt_in'); // the third step's
      const script = join(import.meta.dirname, 'migrate-child.ts');
      const child = spawn(
        process.execPath,
        ['--disable-warning=ExperimentalWarning', script, database.migrateUrl, loginOf(database)],
        { stdio: ['ignore', 'inherit', 'inherit'] },
      );
      const exited = once(child, 'exit');
      const migrating = async (waiting: string) => {
        const { rows } = await watcher.query<{ n: number }>(
          `SELECT count(*)::int AS n FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'sluice migrate' AND ${waiting}`,
        );
        return rows[0]!.n;
      };
      try {
        await eventually(async () => (await migrating(`wait_event_type = 'Lock'`)) === 1, 20_000);
        child.kill('SIGKILL');
        await exited;
        await blocker.end();
        await eventually(async () => (await migrating('true')) === 0);
      } finally {
        child.kill('SIGKILL');
        await blocker.end();
        await watcher.end();
      }
      expect(await asOwner(database, namesIn)).to.deep.equal(ALL.slice(0, 2));
      expect(await bring(database)).to.deep.equal(ALL.slice(2));
      await isWhole(database);
    });

    it('at its first statement, then at its second, and so on: it gets to the end', async () => {
      for (const database of [await blankDatabase(), await formerDatabase(5)]) {
        let kills = 0;
        while ((await broughtUntil(database, kills + 1)) === 'broken') kills++;
        expect(kills).to.be.within(20, 100);
        await isWhole(database);
      }
    });

    it('that left knex’s own lock', async () => {
      const database = await formerDatabase(5);
      await asOwner(database, (client) =>
        client.query(`
          CREATE TABLE public.knex_migrations_lock (index serial PRIMARY KEY, is_locked integer);
          INSERT INTO public.knex_migrations_lock (is_locked) VALUES (1)`),
      );
      expect(await bring(database)).to.deep.equal(ALL.slice(5));
      await isWhole(database);
    });
  });

  describe('when only a right is missing', () => {
    let database: OwnDatabase;
    before(async () => {
      database = await ownDatabase();
    });

    for (const lost of [
      `REVOKE SELECT ON public.knex_migrations FROM ${RUNTIME_ROLE}`,
      `REVOKE USAGE ON SCHEMA pgboss FROM ${RUNTIME_ROLE}`,
      ...['SELECT', 'INSERT', 'UPDATE', 'DELETE'].map(
        (right) => `REVOKE ${right} ON pgboss.queue FROM ${RUNTIME_ROLE}`,
      ),
      'DROP SCHEMA pgboss CASCADE',
    ]) {
      it(`gets it back: ${lost}`, async () => {
        await asOwner(database, (client) => client.query(lost));
        expect(await bring(database)).to.deep.equal([]);
        await isWhole(database);
      });
    }

    it('gets back those on functions and sequences of the jobs', async () => {
      await asOwner(database, async (client) => {
        await client.query(`
          REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA pgboss FROM PUBLIC, ${RUNTIME_ROLE};
          CREATE SEQUENCE pgboss.later`);
        expect(await bring(database)).to.deep.equal([]);
        const held = await client.query(`
          SELECT has_sequence_privilege('${RUNTIME_ROLE}', 'pgboss.later', 'USAGE') AS sequence,
                 (SELECT bool_and(has_function_privilege('${RUNTIME_ROLE}', oid, 'EXECUTE'))
                    FROM pg_proc WHERE pronamespace = 'pgboss'::regnamespace) AS functions`);
        expect(held.rows).to.deep.equal([{ sequence: true, functions: true }]);
        // One at a time: each of both is a reason by itself.
        await client.query(`REVOKE USAGE ON SEQUENCE pgboss.later FROM ${RUNTIME_ROLE}`);
        await bring(database);
        const again = await client.query(
          `SELECT has_sequence_privilege('${RUNTIME_ROLE}', 'pgboss.later', 'USAGE') AS yes`,
        );
        expect(again.rows).to.deep.equal([{ yes: true }]);
        await client.query(`REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA pgboss FROM ${RUNTIME_ROLE}`);
        await bring(database);
        const called = await client.query(
          `SELECT bool_and(has_function_privilege('${RUNTIME_ROLE}', oid, 'EXECUTE')) AS yes FROM pg_proc WHERE pronamespace = 'pgboss'::regnamespace`,
        );
        expect(called.rows).to.deep.equal([{ yes: true }]);
      });
    });

    it('lets another user of DATABASE_URL act as the runtime role', async () => {
      await asOwner(database, async (client) => {
        await client.query('CREATE ROLE another_login LOGIN');
        expect(await migrate(database.migrateUrl, 'another_login')).to.deep.equal([]);
        const { rows } = await client.query(`SELECT pg_has_role('another_login', '${RUNTIME_ROLE}', 'MEMBER') AS yes`);
        expect(rows).to.deep.equal([{ yes: true }]);
        await client.query('DROP ROLE another_login');
      });
    });

    it('says so to a hub that may not read the names, in a sentence', async () => {
      await asOwner(database, (client) => client.query(`REVOKE SELECT ON public.knex_migrations FROM ${RUNTIME_ROLE}`));
      await refusal(planMigrations(database.url), 'run `sluice migrate` as the owner');
      await bring(database);
      await planMigrations(database.url);
    });
  });

  it('is refused while the runtime role could climb the walls, though all else is there', async () => {
    await asOwner(fresh, async (client) => {
      await client.query(`ALTER ROLE ${RUNTIME_ROLE} BYPASSRLS`);
      try {
        await refusal(bring(fresh), 'bypasses row-level security');
      } finally {
        await client.query(`ALTER ROLE ${RUNTIME_ROLE} NOBYPASSRLS`);
      }
    });
    await isWhole(fresh);
  });

  it('is refused, and so is a start, where a newer version has migrated: in one sentence, with nothing changed', async () => {
    const current = await ownDatabase();
    await asOwner(current, (client) =>
      client.query(`INSERT INTO public.knex_migrations (name, batch) VALUES ('9999-later', 9)`),
    );
    const former = await formerDatabase(5);
    await asOwner(former, (client) => client.query(`INSERT INTO public.sluice_migration VALUES ('9999-later')`));
    for (const database of [current, former]) {
      const before = await asOwner(database, catalogue);
      await refusal(bring(database), NEWER);
      await refusal(planMigrations(database.url), NEWER);
      expect(await asOwner(database, catalogue)).to.deep.equal(before);
    }
  });

  it('fails at a step that cannot be done without a word on the terminal or a connection left, and then goes on', async () => {
    const database = await blankDatabase();
    await asOwner(database, async (client) => {
      await client.query('CREATE SCHEMA registry');
      const printed: unknown[] = [];
      const { write } = process.stderr;
      const { write: writeOut } = process.stdout;
      const caught = (text: unknown) => printed.push(text) > 0;
      process.stderr.write = caught as typeof write;
      process.stdout.write = caught as typeof write;
      let failure: unknown;
      try {
        failure = await bring(database).catch((error: unknown) => error);
      } finally {
        process.stderr.write = write;
        process.stdout.write = writeOut;
      }
      expect(failure).to.include({ code: '42P06' });
      expect(printed).to.deep.equal([]);
      await eventually(async () => {
        const { rows } = await client.query(
          `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
        );
        return rows.length === 0;
      });
      await client.query('DROP SCHEMA registry');
    });
    expect(await bring(database)).to.deep.equal(ALL);
    await isWhole(database);
  });
});

async function refusal(work: Promise<unknown>, says: string): Promise<void> {
  const error = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).to.be.instanceOf(NeedsAttention);
  expect((error as Error).message).to.include(says);
}
