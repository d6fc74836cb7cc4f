import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { NeedsAttention } from '../../base/errors.ts';
import { credentialsFile, ifThere, type Place } from './place.ts';

export const DATABASE = 'sluice';
/** Owns the database and is the server's superuser; `migrate` connects as this role. */
export const OWNER = 'sluice_owner';
/** What the running hub connects as: neither superuser nor owner of anything, so row-level security holds it. */
export const LOGIN = 'sluice_login';

/** The two roles' generated passwords, base64url. */
export interface Credentials {
  owner: string;
  login: string;
}

const PASSWORD = /^[\w-]{43}$/;

export function newCredentials(): Credentials {
  const password = () => randomBytes(32).toString('base64url');
  return { owner: password(), login: password() };
}

export async function writeCredentials(file: string, credentials: Credentials): Promise<void> {
  await writeFile(file, `${JSON.stringify(credentials)}\n`, { mode: 0o600, flag: 'wx', flush: true });
}

export async function readCredentials(place: Place): Promise<Credentials> {
  const file = credentialsFile(place);
  try {
    const { owner, login } = JSON.parse((await ifThere(() => readFile(file, 'utf8'))) ?? '') as Record<string, unknown>;
    if (typeof owner === 'string' && typeof login === 'string' && PASSWORD.test(owner) && PASSWORD.test(login))
      return { owner, login };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall) throw error;
  }
  throw new NeedsAttention(
    `The embedded database's passwords in ${file} are missing or damaged; restore that file from a backup.`,
  );
}

/** Base64url needs no escaping in a URL. */
export function urlOf(role: typeof OWNER | typeof LOGIN, credentials: Credentials, port: number): string {
  const password = role === OWNER ? credentials.owner : credentials.login;
  return `postgresql://${role}:${password}@127.0.0.1:${port}/${DATABASE}`;
}
