/** What a database is made of, one line for each thing and each right on it: two that were made alike are equal. */
import type pg from 'pg';

/** Names and numbers that PostgreSQL draws (oids, order of grants) are left out. */
export async function catalogue(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ line: string }>(`
    WITH ours AS (
      SELECT oid, nspname, nspacl FROM pg_namespace
       WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND nspname NOT LIKE 'pg_temp%'),
    things AS (
      SELECT c.*, format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN ours n ON n.oid = c.relnamespace)
    SELECT 'schema ' || nspname AS line FROM ours
    UNION ALL SELECT format('schema %s grants %s to %s', nspname, privilege_type, grantee::regrole) FROM ours, aclexplode(nspacl)
    UNION ALL SELECT format('%s %s rls %s %s, %s', relkind, name, relrowsecurity, relforcerowsecurity, obj_description(oid)) FROM things
    UNION ALL SELECT format('%s grants %s to %s', name, privilege_type, grantee::regrole) FROM things, aclexplode(relacl)
    UNION ALL SELECT format('%s.%s %s %s %s, %s', name, attname, format_type(atttypid, atttypmod), attnotnull,
                            pg_get_expr(d.adbin, d.adrelid), col_description(t.oid, attnum))
      FROM things t JOIN pg_attribute a ON a.attrelid = t.oid AND attnum > 0 AND NOT attisdropped
      LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = attnum
    UNION ALL SELECT format('%s %s', name, pg_get_indexdef(t.oid)) FROM things t WHERE relkind = 'i'
    UNION ALL SELECT format('%s %s %s', name, conname, pg_get_constraintdef(k.oid)) FROM things t JOIN pg_constraint k ON k.conrelid = t.oid
    UNION ALL SELECT format('%s %s %s using %s check %s', name, polname, polcmd, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
      FROM things t JOIN pg_policy p ON p.polrelid = t.oid
    UNION ALL SELECT pg_get_functiondef(f.oid) FROM pg_proc f JOIN ours n ON n.oid = f.pronamespace WHERE f.prokind <> 'a'
    UNION ALL SELECT format('%s grants %s to %s', f.oid::regprocedure, privilege_type, grantee::regrole)
      FROM pg_proc f JOIN ours n ON n.oid = f.pronamespace, aclexplode(f.proacl)
    ORDER BY 1`);
  return rows.map(({ line }) => line);
}
