import pg from 'pg';
import { migrate } from '../../src/store/index.ts';
import { testDatabase } from './hub.ts';

let made = 0;

export interface OwnDatabase {
  readonly url: string;
  readonly migrateUrl: string;
  readonly masterKey: string;
}

/** A database beside the tests' own, migrated: for what must not meet other tests' rows or statistics. It goes with the server. */
export async function ownDatabase(): Promise<OwnDatabase> {
  const database = await blankDatabase();
  await migrate(database.migrateUrl, new URL(database.url).username);
  return database;
}

/** The same, with nothing in it. */
export async function blankDatabase(): Promise<OwnDatabase> {
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
  return { url: elsewhere(url), migrateUrl: elsewhere(migrateUrl), masterKey };
}
