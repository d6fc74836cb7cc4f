/** What a database says of its own schema: looked at by every command, so in as few questions as can be. */
import type pg from 'pg';
import { migrations } from '../../migrations/index.ts';
import { NeedsAttention } from '../base/errors.ts';
import { RUNTIME_ROLE } from './database.ts';

export const JOBS_SCHEMA = 'pgboss';
/** knex's, under its usual name. */
export const STEPS_TABLE = 'knex_migrations';
export const STEPS = `public.${STEPS_TABLE}`;
/** Where the names were kept before; taken over by the first `migrate` that finds it. */
export const FORMER_STEPS = 'public.sluice_migration';

export interface AppliedSteps {
  readonly names: ReadonlySet<string>;
  /** The former table is there, and perhaps holds some of the names. */
  readonly former: boolean;
}

/**
 * The steps that were applied, by whichever table says so.
 * @throws NeedsAttention if one is of a newer version, or if they may not be read
 */
export async function appliedSteps(client: pg.Client): Promise<AppliedSteps> {
  const { rows } = await client.query<{ now: string | null; former: string | null }>(
    'SELECT to_regclass($1) AS now, to_regclass($2) AS former',
    [STEPS, FORMER_STEPS],
  );
  const { now, former } = rows[0]!;
  const names = new Set<string>();
  if (now) for (const name of await namesIn(client, STEPS)) names.add(name);
  if (former) for (const name of await namesIn(client, FORMER_STEPS)) names.add(name);
  refuseNewer(names);
  return { names, former: former !== null };
}

async function namesIn(client: pg.Client, table: string): Promise<string[]> {
  try {
    const { rows } = await client.query<{ name: string }>(`SELECT name FROM ${table}`);
    return rows.map(({ name }) => name);
  } catch (error) {
    if ((error as { code?: string }).code !== '42501') throw error;
    // A migration that was killed has not come to its grants.
    throw new NeedsAttention(
      'The database user may not read which migrations were applied; run `sluice migrate` as the owner of the database.',
    );
  }
}

/** Of a step that this code does not know nobody can say what it changed, and what this code would break. */
function refuseNewer(applied: Iterable<string>): void {
  const known = new Set(migrations.map(({ name }) => name));
  for (const name of applied) {
    if (!known.has(name))
      throw new NeedsAttention(
        'The database was migrated by a newer version of Sluice; start that version, or restore a backup from before.',
      );
  }
}

/**
 * Whether `migrate` would find nothing to do, in one question. A kill may come between the last step and any grant,
 * and a backup may be restored without grants: so each is looked at, not only the steps.
 * @param runtimeLogin the user of DATABASE_URL; absent: the owner
 * @throws NeedsAttention if a step is of a newer version
 */
export async function nothingToDo(client: pg.Client, runtimeLogin: string | undefined): Promise<boolean> {
  try {
    const { rows } = await client.query<{ names: string[]; ready: boolean | null }>(READY, [
      RUNTIME_ROLE,
      runtimeLogin ?? null,
      STEPS,
      FORMER_STEPS,
      JOBS_SCHEMA,
    ]);
    const { names, ready } = rows[0]!;
    refuseNewer(names);
    return ready === true && migrations.every(({ name }) => names.includes(name));
  } catch (error) {
    if ((error as { code?: string }).code === '42P01') return false; // knex was never here
    throw error;
  }
}

// By oid, so that a role or schema that is not there gives null and no error. Several privileges in one call would
// mean: any of them. `WITH` and `CASE` keep PostgreSQL from asking for each function it has, thousands: 8 ms.
const READY = `
  WITH jobs AS MATERIALIZED (SELECT to_regnamespace($5)::oid AS oid)
  SELECT ARRAY(SELECT name::text FROM ${STEPS}) AS names, (
    SELECT NOT runtime.rolsuper AND NOT runtime.rolbypassrls
       AND pg_has_role(login.oid, runtime.oid, 'MEMBER')
       AND pg_has_role(current_user, runtime.oid, 'MEMBER')
       AND to_regclass($4) IS NULL
       AND has_table_privilege(runtime.oid, to_regclass($3), 'SELECT')
       AND has_schema_privilege(runtime.oid, jobs.oid, 'USAGE')
       AND NOT EXISTS (
         SELECT FROM pg_class c WHERE c.relnamespace = jobs.oid AND NOT CASE
           WHEN c.relkind = 'S' THEN has_sequence_privilege(runtime.oid, c.oid, 'USAGE')
           WHEN c.relkind IN ('r', 'p', 'v', 'm', 'f') THEN
             has_table_privilege(runtime.oid, c.oid, 'SELECT') AND has_table_privilege(runtime.oid, c.oid, 'INSERT')
             AND has_table_privilege(runtime.oid, c.oid, 'UPDATE') AND has_table_privilege(runtime.oid, c.oid, 'DELETE')
           ELSE true END)
       AND NOT EXISTS (
         SELECT FROM pg_proc f WHERE CASE
           WHEN f.pronamespace = jobs.oid THEN NOT has_function_privilege(runtime.oid, f.oid, 'EXECUTE')
           ELSE false END)
      FROM pg_roles runtime, pg_roles login, jobs
     WHERE runtime.rolname = $1 AND login.rolname = COALESCE($2, current_user)
  ) AS ready`;
