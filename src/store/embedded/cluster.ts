import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { NeedsAttention } from '../../base/errors.ts';
import type { Binaries } from './binaries.ts';
import { type Credentials, DATABASE, LOGIN, newCredentials, OWNER, writeCredentials } from './credentials.ts';
import { clusterFolder, ifThere, type Place, pgData } from './place.ts';
import { runTool } from './process.ts';
import { asArguments, SERVER_SETTINGS } from './server-settings.ts';

const HALF_MADE = 'cluster.new-';

/**
 * The cluster with its database and two roles, made if need be. It is made beside its place and renamed into it once it
 * is complete and on disk, so a kill at any instant leaves either no cluster or a whole one. Only within the turn.
 */
export async function ensureCluster(place: Place, binaries: Binaries): Promise<void> {
  await removeHalfMade(place);
  const version = (await ifThere(() => readFile(join(pgData(place), 'PG_VERSION'), 'utf8')))?.trim();
  if (version === undefined) return make(place, binaries);
  if (version !== binaries.major) {
    throw new NeedsAttention(
      `The database in ${pgData(place)} was written by PostgreSQL ${version} and this Sluice brings ${binaries.major}; take a backup with the Sluice that wrote it and restore it with this one into another SLUICE_DATA.`,
    );
  }
}

/** We have the turn, so whoever began these is dead. */
async function removeHalfMade(place: Place): Promise<void> {
  for (const name of await readdir(place.folder)) {
    if (!name.startsWith(HALF_MADE)) continue;
    try {
      await rm(join(place.folder, name), { recursive: true, force: true, maxRetries: 3 });
    } catch {
      // The dead starter's initdb may still be writing into it; the next start finds it finished.
    }
  }
}

async function make(place: Place, binaries: Binaries): Promise<void> {
  const half = join(place.folder, `${HALF_MADE}${randomBytes(4).toString('hex')}`);
  const data = join(half, 'data');
  await mkdir(half);
  await mkdir(data);
  await chmod(half, place.runAs ? 0o711 : 0o700);
  await chmod(data, 0o700);
  if (place.runAs) await chown(data, place.runAs.uid, place.runAs.gid);
  const credentials = newCredentials();
  await runTool(place, binaries.initdb, [
    ...['-D', data, '-U', OWNER, '--encoding=UTF8', '--data-checksums', '--no-instructions'],
    // The server's own C.UTF-8: sorts the same on every machine, whatever locales or ICU it has.
    ...['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'],
    // Who may connect is told at every start; a server started by hand lets nobody in.
    '--auth=reject',
  ]);
  const settings = { ...SERVER_SETTINGS, exit_on_error: 'on' };
  await runTool(
    place,
    binaries.postgres,
    ['--single', '-D', data, ...asArguments(settings), 'postgres'],
    roles(credentials),
  );
  await writeCredentials(join(half, 'credentials.json'), credentials);
  await syncFolder(half);
  await rename(half, clusterFolder(place));
  await syncFolder(place.folder);
}

/** One statement a line, as the single-user server reads them. */
function roles({ owner, login }: Credentials): string {
  return [
    `ALTER ROLE ${OWNER} PASSWORD '${owner}'`,
    `CREATE ROLE ${LOGIN} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD '${login}'`,
    `CREATE DATABASE ${DATABASE} OWNER ${OWNER}`,
    'REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC',
    '',
  ].join('\n');
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
