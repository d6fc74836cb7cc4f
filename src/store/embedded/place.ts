import { randomBytes } from 'node:crypto';
import { access, chmod, constants, mkdir, readFile, realpath, rename, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { NeedsAttention } from '../../base/errors.ts';
import { findServerUser, type ServerUser } from './server-user.ts';

/** Where one embedded server lives. All paths are absolute. */
export interface Place {
  /** SLUICE_DATA: as an ordinary user everything is below it, as root only the pointer and the turn's lock. */
  dataDir: string;
  /** Holds the copy of the binaries, the cluster, the server's log and its last port. */
  folder: string;
  /** Set when we are root: whom the server runs as. */
  runAs: ServerUser | undefined;
}

export const clusterFolder = (place: Place): string => join(place.folder, 'cluster');
/** PGDATA. */
export const pgData = (place: Place): string => join(place.folder, 'cluster', 'data');
export const credentialsFile = (place: Place): string => join(place.folder, 'cluster', 'credentials.json');
export const hbaFile = (place: Place): string => join(place.folder, 'pg_hba.conf');
export const logFile = (place: Place): string => join(place.folder, 'server.log');
export const portFile = (place: Place): string => join(place.folder, 'port');
export const turnFile = (dataDir: string): string => join(dataDir, 'turn.lock');

/** No other user may enter root's folders, so root's servers live here. */
const ROOTS_FOLDER = '/var/lib/sluice';
const POINTER = 'instance';
const OWN_FOLDER = 'postgres';

const isRoot = (): boolean => process.getuid?.() === 0;

/** Makes SLUICE_DATA (mode 0700) if it is not there; answers its real path, by which every process knows it. */
export async function openDataDir(dataDir: string): Promise<string> {
  await mkdir(resolve(dataDir), { recursive: true, mode: 0o700 });
  const real = await realpath(dataDir);
  await access(real, constants.R_OK | constants.W_OK | constants.X_OK);
  return real;
}

/** The place if a cluster is there already. */
export async function findPlace(dataDir: string): Promise<Place | undefined> {
  const place = await locate(dataDir);
  if (!place) return undefined;
  const data = await ifThere(() => stat(pgData(place)));
  if (!data) return undefined;
  // Decided once, by who owns the rows: a user `postgres` installed later must not change who runs the server.
  return { ...place, runAs: isRoot() ? { uid: data.uid, gid: data.gid } : undefined };
}

/** The place, made if need be, with or without a cluster in it. Only within the turn. */
export async function makePlace(dataDir: string): Promise<Place> {
  const found = await findPlace(dataDir);
  if (found) return found;
  if (!isRoot()) {
    const folder = join(dataDir, OWN_FOLDER);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return { dataDir, folder, runAs: undefined };
  }
  const runAs = await findServerUser();
  if (!runAs) {
    throw new NeedsAttention(
      'PostgreSQL does not run as root and none of the users sluice, postgres and nobody exists; create a user named sluice, run Sluice as an ordinary user, or set DATABASE_URL.',
    );
  }
  const id = (await readPointer(dataDir))?.id ?? randomBytes(8).toString('hex');
  // "making" first: a pointer without it whose folder is missing means lost data, and is refused.
  await writePointer(dataDir, `${id} making`);
  const folder = join(ROOTS_FOLDER, id);
  if (await mkdir(ROOTS_FOLDER, { recursive: true })) await chmod(ROOTS_FOLDER, 0o711);
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o711);
  return { dataDir, folder, runAs };
}

/** Called once the cluster is in place: from now on a missing folder is a loss, not a beginning. */
export async function settlePlace(place: Place): Promise<void> {
  const pointer = await readPointer(place.dataDir);
  if (pointer?.making) await writePointer(place.dataDir, pointer.id);
}

async function locate(dataDir: string): Promise<Place | undefined> {
  const pointer = await readPointer(dataDir);
  if (!isRoot()) {
    if (!pointer) return { dataDir, folder: join(dataDir, OWN_FOLDER), runAs: undefined };
    throw new NeedsAttention(
      `The embedded database of ${dataDir} was set up by root; run Sluice as root, or choose another folder with SLUICE_DATA.`,
    );
  }
  if (!pointer) {
    const theirs = await ifThere(() => stat(join(dataDir, OWN_FOLDER)));
    if (!theirs) return undefined;
    throw new NeedsAttention(
      `The embedded database of ${dataDir} was set up by the user with id ${theirs.uid}; run Sluice as that user, or choose another folder with SLUICE_DATA.`,
    );
  }
  const folder = join(ROOTS_FOLDER, pointer.id);
  const place: Place = { dataDir, folder, runAs: undefined };
  if (!pointer.making && !(await ifThere(() => stat(pgData(place))))) {
    throw new NeedsAttention(
      `${join(dataDir, POINTER)} says that the database lives in ${folder}, which is not there; restore that folder, or remove the file ${POINTER} to begin with an empty database.`,
    );
  }
  return place;
}

async function readPointer(dataDir: string): Promise<{ id: string; making: boolean } | undefined> {
  const text = await ifThere(() => readFile(join(dataDir, POINTER), 'utf8'));
  if (text === undefined) return undefined;
  const match = /^([0-9a-f]{16})( making)?\n$/.exec(text);
  if (!match?.[1]) {
    throw new NeedsAttention(`${join(dataDir, POINTER)} is damaged; restore it from a backup of ${dataDir}.`);
  }
  return { id: match[1], making: match[2] !== undefined };
}

async function writePointer(dataDir: string, text: string): Promise<void> {
  const file = join(dataDir, POINTER);
  await writeFile(`${file}.new`, `${text}\n`, { mode: 0o600, flush: true });
  await rename(`${file}.new`, file);
}

/** What `read` answers, or undefined if the file is not there. */
export async function ifThere<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
