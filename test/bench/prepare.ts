import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectors } from '../../connectors/index.ts';
import { newMasterKeyText, parseMasterKey } from '../../src/crypto/keys.ts';
import { attachEmbedded, type EmbeddedAttachment } from '../../src/store/embedded/index.ts';
import { migrate, openStore } from '../../src/store/index.ts';
import { testConfiguration } from '../support/hub.ts';
import { removeData } from '../support/remove-data.ts';
import { person, type Slapd, startSlapd } from '../support/slapd.ts';

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
  const dataDir = join(folder, 'data');
  const database = await attachEmbedded({ dataDir, purpose: 'bench' });
  await migrate(database.migrateUrl, new URL(database.url).username);
  const key = newMasterKeyText();
  await writeFile(join(dataDir, 'key'), key, { mode: 0o600 });
  const tenants = Array.from({ length: rounds }, (_, round) => `bench-${round + 1}`);
  for (const tenant of tenants) await logOnUsers(tenant, database.url, key, slapd, entries);
  const address = `127.0.0.1/32:${slapd.port}`;
  return {
    entries,
    users: Math.ceil(entries / USERS_SHARE),
    tenants,
    folder,
    slapd,
    database,
    env: {
      ...process.env,
      SLUICE_DATA: dataDir,
      SLUICE_ALLOW_ADDRESSES: address,
      SLUICE_ALLOW_CLEARTEXT: address,
      SLUICE_LIFELINE: '',
    },
    async stop() {
      await slapd.stop();
      await database.release();
      await removeData(dataDir);
    },
  };
}

async function logOnUsers(name: string, url: string, key: string, slapd: Slapd, entries: number): Promise<void> {
  const store = openStore({
    url,
    master: parseMasterKey(key),
    applicationName: 'bench',
    secretSettings: () => new Set(['bind_password']),
  });
  const { id } = await store.registry.ensureTenant(name);
  const tenant = await store.tenant(id);
  const ldap = connectors.find(({ name }) => name === 'ldap')!;
  const defaults = Object.fromEntries(
    Object.entries(ldap.settings).flatMap(([name, setting]) => ('default' in setting ? [[name, setting.default]] : [])),
  );
  await tenant.configuration.write(
    testConfiguration(name, {
      connections: [
        {
          name: 'people',
          connector: 'ldap',
          settings: {
            ...defaults,
            url: slapd.url,
            bind_dn: slapd.readerDn,
            bind_password: slapd.password,
            base_dn: slapd.baseDn,
          },
          streams: {},
          paused: false,
        },
      ],
    }),
    { expected: null, resume: true },
  );
  for (let n = 0; n < entries; n += USERS_SHARE) {
    await tenant.users.logOn({ email: `u${pad(n)}@acme.example`, given_name: `Given${n}`, family_name: `Fämily${n}` });
  }
  await store.close();
}
