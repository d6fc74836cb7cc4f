/** All rows of one tenant, as text: what must not move did not. */
import pg from 'pg';

/** Tables with a `tenant_id`, as `schema.name`. */
export async function tenantTables(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(`
    SELECT c.table_schema || '.' || c.table_name AS name FROM information_schema.columns c
      JOIN information_schema.tables t USING (table_schema, table_name)
     WHERE c.column_name = 'tenant_id' AND c.table_schema IN ('sluice', 'registry') AND t.table_type = 'BASE TABLE' ORDER BY 1`);
  return rows.map(({ name }) => name);
}

export async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

/** By table. */
export async function rowsOf(
  client: pg.Client,
  tables: readonly string[],
  tenantId: string,
): Promise<Record<string, string[]>> {
  const rows: Record<string, string[]> = {};
  for (const table of tables) {
    const found = await client.query<{ row: string }>(
      `SELECT t::text AS row FROM ${table} t WHERE tenant_id = $1 ORDER BY 1`,
      [tenantId],
    );
    rows[table] = found.rows.map(({ row }) => row);
  }
  return rows;
}
