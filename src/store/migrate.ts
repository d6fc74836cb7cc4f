import pg from 'pg';
import { migrations } from '../../migrations/index.ts';
import { NeedsAttention } from '../base/errors.ts';
import { RUNTIME_ROLE } from './database.ts';

export const JOBS_SCHEMA = 'pgboss';
const LOCK = 0x5115ce; // any number, the same for every hub: two migrations must not run at once

export interface MigrationStep {
  readonly name: string;
  readonly state: 'applied' | 'pending';
}

/** What `migrate` would do, in order. */
export async function planMigrations(url: string): Promise<MigrationStep[]> {
  return withOwner(url, async (client) => {
    const applied = await appliedNames(client);
    return migrations.map(({ name }) => ({ name, state: applied.has(name) ? 'applied' : 'pending' }));
  });
}

/**
 * Brings the schema to this version, each step in one transaction of its own.
 * @param url the owner's
 * @param runtimeLogin the user of DATABASE_URL, who is allowed to act as the runtime role
 * @returns the names of the steps applied now
 */
export async function migrate(url: string, runtimeLogin?: string): Promise<string[]> {
  return withOwner(url, async (client) => {
    await client.query('SELECT pg_advisory_lock($1)', [LOCK]);
    await ensureRole(client, runtimeLogin);
    await client.query(
      `CREATE TABLE IF NOT EXISTS public.sluice_migration (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`,
    );
    const applied = await appliedNames(client);
    const pending = migrations.filter(({ name }) => !applied.has(name));
    for (const { name, sql } of pending) {
      await client.query('BEGIN');
      await client.query(sql);
      await client.query('INSERT INTO public.sluice_migration (name) VALUES ($1)', [name]);
      await client.query('COMMIT');
    }
    const jobs = await client.query('SELECT to_regnamespace($1) AS there', [JOBS_SCHEMA]);
    if (!jobs.rows[0]?.there) {
      // Loaded for the one time it is needed: every command checks the schema, few make it.
      const { getConstructionPlans } = await import('pg-boss');
      await client.query(getConstructionPlans(JOBS_SCHEMA, { createSchema: true }));
    }
    // A hub looks whether the schema is its own, with the runtime role alone.
    await client.query(`
      GRANT SELECT ON public.sluice_migration TO ${RUNTIME_ROLE};
      GRANT USAGE ON SCHEMA ${JOBS_SCHEMA} TO ${RUNTIME_ROLE};
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${JOBS_SCHEMA} TO ${RUNTIME_ROLE};
      GRANT USAGE ON ALL SEQUENCES IN SCHEMA ${JOBS_SCHEMA} TO ${RUNTIME_ROLE};
      GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ${JOBS_SCHEMA} TO ${RUNTIME_ROLE};`);
    return pending.map(({ name }) => name);
  });
}

async function appliedNames(client: pg.Client): Promise<Set<string>> {
  const there = await client.query(`SELECT to_regclass('public.sluice_migration') AS there`);
  if (!there.rows[0]?.there) return new Set();
  const { rows } = await client.query<{ name: string }>('SELECT name FROM public.sluice_migration');
  return new Set(rows.map(({ name }) => name));
}

/** The runtime role owns nothing, bypasses nothing and cannot log in; whoever connects acts as it. */
async function ensureRole(client: pg.Client, runtimeLogin: string | undefined): Promise<void> {
  const { rows } = await client.query('SELECT rolsuper OR rolbypassrls AS strong FROM pg_roles WHERE rolname = $1', [
    RUNTIME_ROLE,
  ]);
  if (rows.length === 0) {
    try {
      await client.query(`CREATE ROLE ${RUNTIME_ROLE} NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE`);
    } catch (error) {
      const code = (error as { code?: string }).code;
      if (code === '42501') {
        throw new NeedsAttention(
          `The owner of the database may not create roles; as an administrator run: CREATE ROLE ${RUNTIME_ROLE} NOLOGIN; GRANT ${RUNTIME_ROLE} TO the users of DATABASE_URL and DATABASE_MIGRATE_URL;`,
        );
      }
      if (code !== '42710' && code !== '23505') throw error; // another hub on this server was faster
    }
  } else if (rows[0].strong) {
    throw new NeedsAttention(
      `The database role ${RUNTIME_ROLE} is a superuser or bypasses row-level security: take that away, the walls between tenants rest on it.`,
    );
  }
  const me = await client.query('SELECT current_user AS name');
  for (const login of new Set([runtimeLogin ?? me.rows[0].name, me.rows[0].name])) {
    const member = await client.query(`SELECT pg_has_role($1, $2, 'MEMBER') AS yes`, [login, RUNTIME_ROLE]);
    if (!member.rows[0].yes) await client.query(`GRANT ${RUNTIME_ROLE} TO ${pg.escapeIdentifier(login)}`);
  }
}

async function withOwner<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'sluice migrate',
    connectionTimeoutMillis: 15_000,
  });
  client.on('error', () => {}); // a lost connection also fails the statement under way
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}
