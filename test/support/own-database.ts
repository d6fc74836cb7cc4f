import pg from 'pg';
import { migrate } from '../../src/store/index.ts';
import { testDatabase } from './hub.ts';

let made = 0;

/** A database beside the tests' own, migrated: for what must not meet other tests' rows or statistics. It goes with the server. */
export async function ownDatabase(): Promise<{ url: string; migrateUrl: string; masterKey: string }> {
  const { url, migrateUrl, masterKey } = await testDatabase();
  const name = `own_${++made}`;
  const owner = new pg.Client({ connectionString: migrateUrl });
  await owner.connect();
  try {
    await owner.query(`CREATE DATABASE ${name}`);
  } finally {
    await owner.end();
  }
  const elsewhere = (at: string) => Object.assign(new URL(at), { pathname: `/${name}` }).href;
  await migrate(elsewhere(migrateUrl), new URL(url).username);
  return { url: elsewhere(url), migrateUrl: elsewhere(migrateUrl), masterKey };
}
