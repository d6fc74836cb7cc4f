/** Rows of other tenants in every table that grows, and statistics that know them alone. */
import type pg from 'pg';

/** Each in every table, times so many; the planner knows them by name, as it knows all large tenants of an analysed table. */
const TENANTS = [10_000, 8_000, 5_000];
/** One row for each tenant or a few by hand: never large, whoever is there. */
const SMALL = new Set(['tenant_key', 'configuration', 'feature', 'api_key', 'expiry_told']);

interface Column {
  readonly table: string;
  readonly name: string;
  readonly type: string;
  readonly nullable: boolean;
  /** The values its check allows, as the server writes it. */
  readonly allowed: string | null;
}

/** Row `n` names the same user, locker, event … in every table, and one of few connections. */
function filling({ name, type, nullable, allowed }: Column): string {
  if (name === 'tenant_id') return `md5('tenant' || t)::uuid`;
  const list = allowed?.match(/ARRAY\[.*?\]/)?.[0];
  if (list) return `(${list})[1 + n % array_length(${list}, 1)]`;
  if (name === 'connection_id' || name === 'supplier') return `md5(t || 'connection' || n % 4)::uuid`;
  if (name === 'stream') return `(ARRAY['users', 'lockers', 'spaces', 'events'])[1 + n % 4]`;
  // Many events of one calendar and of one space, many spaces in another.
  if (name === 'partition' || name === 'space' || name === 'parent') return `'${name}' || n % 200`;
  const value = byType[type]?.(name);
  if (value === undefined) throw new Error(`No value is known for a column of type ${type} yet: ${name}.`);
  return nullable && type === 'timestamp with time zone' ? `CASE WHEN n % 10 = 0 THEN ${value} END` : value;
}

const byType: Readonly<Record<string, (name: string) => string>> = {
  uuid: () => `md5(t || 'row' || n)::uuid`,
  text: (name) => `'${name}' || n`,
  bytea: () => `decode(repeat(md5(t || 'bytes' || n), 3), 'hex')`,
  bigint: () => 'n',
  integer: () => 'n',
  boolean: () => 'n % 20 = 0',
  'timestamp with time zone': () => `now() + n % 5000 * interval '1 minute'`,
  'text[]': () => `ARRAY['text' || n % 200]`,
  'uuid[]': () => `ARRAY[md5(t || 'row' || n)::uuid]`,
  jsonb: () => `'{}'`,
};

/** @returns how many rows each table then has @param owner may set session_replication_role */
export async function crowd(owner: pg.Client): Promise<number> {
  const { rows } = await owner.query<Column>(`
    SELECT c.relname AS table, a.attname AS name, format_type(a.atttypid, NULL) AS type, NOT a.attnotnull AS nullable,
           (SELECT pg_get_constraintdef(k.oid) FROM pg_constraint k
             WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.conkey = ARRAY[a.attnum]) AS allowed
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE c.relnamespace = 'sluice'::regnamespace AND c.relkind = 'r' ORDER BY c.relname, a.attnum`);
  const tables = Map.groupBy(rows, ({ table }) => table);
  // Neither references nor walls: these rows are there to be counted.
  await owner.query(`SET session_replication_role = replica`);
  for (const [table, columns] of tables) {
    // What the server analyses by itself meanwhile would tell the planner of the newcomer.
    await owner.query(`ALTER TABLE sluice.${table} SET (autovacuum_enabled = false)`);
    if (SMALL.has(table)) continue;
    for (const [t, count] of TENANTS.entries())
      await owner.query(`
        INSERT INTO sluice.${table} (${columns.map(({ name }) => name).join(', ')})
        SELECT ${columns.map(filling).join(', ')} FROM (SELECT ${t}::int AS t, n FROM generate_series(1, ${count}) AS n) AS one`);
  }
  await owner.query('ANALYZE');
  return TENANTS.reduce((sum, count) => sum + count);
}
