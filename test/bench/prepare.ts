import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EmbeddedAttachment } from '../../src/store/embedded/index.ts';
import { person, type Slapd, startSlapd } from '../support/slapd.ts';
import { type Ground, openGround } from './ground.ts';
import { measure } from './measure.ts';

/** One in twenty has logged on. */
const USERS_SHARE = 20;

export interface Stage {
  readonly entries: number;
  /** Of each tenant. */
  readonly users: number;
  /** Each with the same directory and the same users, so that a first pass can be measured more than once. */
  readonly tenants: readonly string[];
  readonly folder: string;
  readonly slapd: Slapd;
  readonly database: EmbeddedAttachment;
  /** Environment of the command that is measured. */
  readonly env: NodeJS.ProcessEnv;
  stop(): Promise<void>;
}

const pad = (n: number) => String(n).padStart(6, '0');

export function entry(n: number): Parameters<typeof person>[0] {
  return {
    uid: `u${pad(n)}`,
    givenName: `Given${n}`,
    sn: `Fämily${n}`,
    mail: `u${pad(n)}@acme.example`,
    telephoneNumber: `+31 20 5${pad(n)}`,
    title: `Engineer ${n % 17}`,
    departmentNumber: String(n % 100),
    homePhone: `+31 6 ${pad(n)}`,
    description: 'Something that nobody here needs to know',
  };
}

/** A directory of `entries` people, a migrated database, and in each of some tenants one user in twenty logged on. */
export async function prepare(entries: number, rounds: number): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
  console.log(`\nPreparing ${entries.toLocaleString('en')} entries, of which 1 in ${USERS_SHARE} has logged on …`);
  const ldifFile = join(folder, 'people.ldif');
  const file = createWriteStream(ldifFile);
  for (let n = 0; n < entries; n++) if (!file.write(person(entry(n)))) await once(file, 'drain');
  file.end();
  await once(file, 'close');
  const slapd = await startSlapd({ ldifFile });
  const ground = await openGround(folder);
  const tenants = Array.from({ length: rounds }, (_, round) => `bench-${round + 1}`);
  for (const tenant of tenants) await logOnUsers(tenant, ground, slapd, entries);
  // The first command after a change compiles everything and keeps it: that is no pass, nor is its memory.
  const command = join(import.meta.dirname, '../../bin/sluice.js');
  await measure('node', [command, 'runs', tenants[0]!], ground.env(slapd.port));
  return {
    entries,
    users: Math.ceil(entries / USERS_SHARE),
    tenants,
    folder,
    slapd,
    database: ground.database,
    env: ground.env(slapd.port),
    async stop() {
      await slapd.stop();
      await ground.close();
    },
  };
}

async function logOnUsers(name: string, ground: Ground, slapd: Slapd, entries: number): Promise<void> {
  const settings = { url: slapd.url, bind_dn: slapd.readerDn, bind_password: slapd.password, base_dn: slapd.baseDn };
  const tenant = await ground.tenant(name, { name: 'people', connector: 'ldap', settings });
  for (let n = 0; n < entries; n += USERS_SHARE) {
    await tenant.users.logOn({ email: `u${pad(n)}@acme.example`, given_name: `Given${n}`, family_name: `Fämily${n}` });
  }
}
