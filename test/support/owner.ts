/** Looks at the database as its owner does, past the store and its walls: what it finds, the store did not say. */
import pg from 'pg';
import { testDatabase } from './hub.ts';

export async function asOwner<T>(look: (client: pg.Client) => Promise<T>): Promise<T> {
  const { migrateUrl } = await testDatabase();
  const client = new pg.Client({ connectionString: migrateUrl, application_name: 'sluice tests, owner' });
  await client.connect();
  try {
    return await look(client);
  } finally {
    await client.end();
  }
}

/** Tables of ours that hold this text in any column of any row, with how many rows do. */
export async function tablesHolding(text: string): Promise<Record<string, number>> {
  return asOwner(async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname IN ('sluice', 'registry') ORDER BY 1`,
    );
    const found: Record<string, number> = {};
    for (const { name } of rows) {
      const counted = await client.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM ${name} AS r WHERE strpos(r::text, $1) > 0`,
        [text],
      );
      const { n } = counted.rows[0]!;
      if (n > 0) found[name] = n;
    }
    return found;
  });
}

/** Deadlocks that PostgreSQL broke since it started. */
export async function deadlocks(): Promise<number> {
  return asOwner(async (client) => {
    // Counters of other sessions reach the view with a delay; those of ended ones are there.
    await client.query('SELECT pg_stat_force_next_flush()');
    const { rows } = await client.query<{ n: number }>(
      `SELECT deadlocks::int AS n FROM pg_stat_database WHERE datname = current_database()`,
    );
    return rows[0]!.n;
  });
}
