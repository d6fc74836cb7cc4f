import type { Knex } from 'knex';
import pg from 'pg';
import { migrations } from '../../migrations/index.ts';
import { RUNTIME_ROLE } from './database.ts';
import { ensureRole } from './runtime-role.ts';
import { appliedSteps, FORMER_STEPS, JOBS_SCHEMA, nothingToDo, STEPS, STEPS_TABLE } from './schema-state.ts';

const LOCK = 0x5115ce; // any number, the same for every hub: two migrations must not run at once
const CONNECT_TIMEOUT_MS = 15_000;

export interface MigrationStep {
  readonly name: string;
  readonly state: 'applied' | 'pending';
}

/**
 * What `migrate` would do, in order.
 * @throws NeedsAttention if the database is of a newer version
 */
export async function planMigrations(url: string): Promise<MigrationStep[]> {
  return withClient(url, async (client) => {
    const { names } = await appliedSteps(client);
    return migrations.map(({ name }) => ({ name, state: names.has(name) ? 'applied' : 'pending' }));
  });
}

/**
 * Brings the schema to this version, each step in one transaction of its own. Killed at any moment, the next call goes on.
 * @param url the owner's
 * @param runtimeLogin the user of DATABASE_URL, who is allowed to act as the runtime role
 * @returns the names of the steps applied now
 * @throws NeedsAttention if the database is of a newer version, or its owner may not make the runtime role
 */
export async function migrate(url: string, runtimeLogin?: string): Promise<string[]> {
  return withClient(url, async (client) => {
    if (await nothingToDo(client, runtimeLogin)) return [];
    await client.query('SELECT pg_advisory_lock($1)', [LOCK]);
    await ensureRole(client, runtimeLogin);
    const { names, former } = await appliedSteps(client);
    const pending = migrations.filter(({ name }) => !names.has(name));
    if (former || pending.length > 0) {
      await withMigrator(url, async (migrator) => {
        await migrator.list(); // makes knex's tables
        if (former) await takeOverFormerSteps(client);
        // Nobody else migrates while we hold our own lock, so knex's can only be left by somebody who was killed.
        await migrator.forceFreeMigrationsLock();
        // One by one: `latest` takes all steps into one transaction, or writes a step's name only after its commit.
        for (const _step of pending) await migrator.up();
      });
    }
    await ensureJobsSchema(client);
    await grant(client);
    return pending.map(({ name }) => name);
  });
}

/** One message, and so one transaction. The names are those of both, should an older version have run once more. */
async function takeOverFormerSteps(client: pg.Client): Promise<void> {
  await client.query(`
    INSERT INTO ${STEPS} (name, batch, migration_time)
      SELECT name, 1, applied_at FROM ${FORMER_STEPS} WHERE name NOT IN (SELECT name FROM ${STEPS}) ORDER BY name;
    DROP TABLE ${FORMER_STEPS};`);
}

async function ensureJobsSchema(client: pg.Client): Promise<void> {
  const jobs = await client.query('SELECT to_regnamespace($1) AS there', [JOBS_SCHEMA]);
  if (jobs.rows[0]?.there) return;
  // Loaded for the one time it is needed: every command checks the schema, few make it.
  const { getConstructionPlans } = await import('pg-boss');
  await client.query(getConstructionPlans(JOBS_SCHEMA, { createSchema: true }));
}

/** `nothingToDo` asks for each of these. */
async function grant(client: pg.Client): Promise<void> {
  // A hub looks whether the schema is its own, with the runtime role alone.
  await client.query(`
    GRANT SELECT ON ${STEPS} TO ${RUNTIME_ROLE};
    GRANT USAGE ON SCHEMA ${JOBS_SCHEMA} TO ${RUNTIME_ROLE};
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${JOBS_SCHEMA} TO ${RUNTIME_ROLE};
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA ${JOBS_SCHEMA} TO ${RUNTIME_ROLE};
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ${JOBS_SCHEMA} TO ${RUNTIME_ROLE};`);
}

const migrationSource: Knex.MigrationSource<string> = {
  getMigrations: async () => migrations.map(({ name }) => name),
  getMigrationName: (name) => name,
  getMigration: async (wanted) => {
    const { sql } = migrations.find(({ name }) => name === wanted)!;
    return {
      // knex reads a bare `?` as a place for a value.
      up: (step) => step.raw(sql.replaceAll('?', '\\?')),
      // Asked for by knex, called by nobody.
      down: async () => {
        throw new Error('The schema only goes forward.');
      },
    };
  },
};

/** knex's migrator on a connection of its own. Loaded only when there is something to apply: that takes ten times as long as to look. */
async function withMigrator(url: string, work: (migrator: Knex.Migrator) => Promise<void>): Promise<void> {
  const { default: knex } = await import('knex');
  const instance = knex({
    client: 'pg',
    connection: {
      connectionString: url,
      application_name: 'sluice migrate',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    },
    pool: { min: 0, max: 1 },
    acquireConnectionTimeout: CONNECT_TIMEOUT_MS,
    migrations: { migrationSource, schemaName: 'public', tableName: STEPS_TABLE },
    // knex prints warnings with statement texts: nothing of a driver goes to the console.
    log: { warn() {}, error() {}, debug() {}, deprecate() {} },
  });
  try {
    await work(instance.migrate);
  } finally {
    await instance.destroy();
  }
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'sluice migrate',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  client.on('error', () => {}); // a lost connection also fails the statement under way
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}
