/** Everything a dump of the database would hold and more, as text: what an administrator with every right can read. */
import pg from 'pg';

/**
 * All rows of all tables and views that are not the server's own, its statistics of their columns (which keep samples
 * of the values), and the statements of its sessions.
 */
export async function dumpDatabase(ownerUrl: string): Promise<Map<string, Buffer>> {
  const client = new pg.Client({ connectionString: ownerUrl, application_name: 'sluice tests, dump' });
  await client.connect();
  try {
    await client.query('ANALYZE');
    const { rows } = await client.query<{ name: string }>(`
      SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')`);
    const dump = new Map<string, Buffer>();
    for (const name of [...rows.map((row) => row.name), 'pg_catalog.pg_stats', 'pg_catalog.pg_stat_activity']) {
      const found = await client.query<{ row: string }>(`SELECT ROW(t.*)::text AS row FROM ${name} t`);
      dump.set(name, Buffer.from(found.rows.map(({ row }) => row).join('\n')));
    }
    return dump;
  } finally {
    await client.end();
  }
}

/** Brings all that is in the server's memory into its files. */
export async function checkpoint(ownerUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: ownerUrl, application_name: 'sluice tests, checkpoint' });
  await client.connect();
  try {
    await client.query('CHECKPOINT');
  } finally {
    await client.end();
  }
}
