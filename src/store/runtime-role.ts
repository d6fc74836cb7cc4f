import pg from 'pg';
import { NeedsAttention } from '../base/errors.ts';
import { RUNTIME_ROLE } from './database.ts';

/**
 * The runtime role owns nothing, bypasses nothing and cannot log in; whoever connects acts as it.
 * @param client the owner's
 * @param runtimeLogin the user of DATABASE_URL; absent: the owner
 */
export async function ensureRole(client: pg.Client, runtimeLogin: string | undefined): Promise<void> {
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
