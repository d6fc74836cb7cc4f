import { readFile } from 'node:fs/promises';

/** Whom the server runs as when the hub is root; PostgreSQL refuses to run as root. */
export interface ServerUser {
  uid: number;
  gid: number;
}

const PREFERRED = ['sluice', 'postgres', 'nobody'];

/**
 * The first of `sluice`, `postgres` and `nobody` that exists. Read from the passwd file because initdb looks its own
 * user up there too and refuses a number without a name.
 */
export async function findServerUser(passwd = '/etc/passwd'): Promise<ServerUser | undefined> {
  const users = new Map<string, ServerUser>();
  for (const line of (await readFile(passwd, 'utf8')).split('\n')) {
    const [name = '', , uid = '', gid = ''] = line.split(':');
    if (/^\d+$/.test(uid) && /^\d+$/.test(gid) && uid !== '0') users.set(name, { uid: Number(uid), gid: Number(gid) });
  }
  return PREFERRED.map((name) => users.get(name)).find((user) => user !== undefined);
}
