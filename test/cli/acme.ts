/** A tenant of the tests at the command line: a folder of its own, a live directory, files that can be bent. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { employeesWhoLogOn } from '../../src/sandbox/company.ts';
import { type SandboxDirectory, startSandboxDirectory } from '../../src/sandbox/directory.ts';
import { freePort } from '../support/child.ts';
import { removeData } from './support.ts';

export const PASSWORD = 'correct horse battery staple';
export const SEED = 3;
export const PEOPLE = 60;
export const LOG_ONS = 8;
export const company = { seed: SEED, people: PEOPLE, logOns: LOG_ONS };
export const users = employeesWhoLogOn(company);

export interface Acme {
  readonly folder: string;
  readonly directory: SandboxDirectory;
  /** For child processes: the hub's data, and the secret that the file refers to. */
  readonly env: NodeJS.ProcessEnv;
  /** The tenant's file, bent; its path. */
  file(name: string, bend?: (text: string) => string): Promise<string>;
  close(): Promise<void>;
}

export async function startAcme(): Promise<Acme> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-cli-'));
  const directory = await startSandboxDirectory({ ...company, password: PASSWORD });
  const allowed = '127.0.0.1/32';
  return {
    folder,
    directory,
    env: {
      SLUICE_DATA: join(folder, 'data'),
      SLUICE_ALLOW_ADDRESSES: allowed,
      SLUICE_ALLOW_CLEARTEXT: allowed,
      SLUICE_LOG: 'silent',
      ACME__LDAP_PASSWORD: PASSWORD,
    },
    async file(name, bend = (text) => text) {
      const path = join(folder, name);
      await writeFile(path, bend(configuration(directory.url)));
      return path;
    },
    async close() {
      await directory.stop();
      await removeData(join(folder, 'data'));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export const closedPort = freePort;

const configuration = (url: string) => `version: 1
tenant: acme
name: Acme B.V.
time_zone: Europe/Amsterdam
users:
  domains: [acme.example]
features:
  people-directory: on
connections:
  people:
    connector: ldap
    schedule: "0 3 1 1 *"
    settings:
      url: ${url}
      bind_dn: cn=reader,dc=acme,dc=example
      bind_password: \${env:ACME__LDAP_PASSWORD}
      base_dn: ou=people,dc=acme,dc=example
      filter: (objectClass=inetOrgPerson)
    streams:
      users:
        fields: { job_title: title, department: departmentNumber }
`;
