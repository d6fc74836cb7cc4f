/**
 * The hub's own PostgreSQL, for when no DATABASE_URL is set: the real server from npm, on loopback, with generated
 * passwords. Hub and command line take the same way in: join the server that runs, else start it; the last to leave
 * stops it.
 */
import { NeedsAttention, TryLater } from '../../base/errors.ts';
import { type AttachedLock, takeAttachedLock } from './attached-lock.ts';
import { ensureBinaries, removeOtherBinaries } from './binaries.ts';
import { ensureCluster } from './cluster.ts';
import { type Credentials, LOGIN, OWNER, readCredentials, urlOf } from './credentials.ts';
import { findPlace, makePlace, openDataDir, type Place, settlePlace, turnFile } from './place.ts';
import { findRunning, type Running, settledServer, startServer, stopServer } from './server.ts';
import { boundLog, watchLog } from './server-log.ts';
import { withTurn } from './turn.ts';
import { waitFor } from './wait.ts';

export interface EmbeddedOptions {
  /** SLUICE_DATA; made (mode 0700) if it is not there. */
  dataDir: string;
  /** Who attaches, in a word or two; seen in pg_stat_activity. */
  purpose: string;
}

export interface EmbeddedAttachment {
  /** The owner's URL (superuser of the embedded server), for `migrate`. */
  migrateUrl: string;
  /** What the hub connects as: a role that is neither superuser nor owner and does not bypass row-level security. */
  url: string;
  /** True if this call started the server. */
  started: boolean;
  /** Resolves when the server is gone and stayed away for 5 s, or after `release`. Attach again to start it. */
  lost: Promise<void>;
  /** Gives the server back; the last one out stops it. Safe to call twice. */
  release(): Promise<void>;
}

/** Others make, start or stop the server in a turn; the longest is a first start on a slow disk. */
const TURN_BUDGET_MS = 60_000;
const JOIN_BUDGET_MS = 20_000;
const LEAVE_BUDGET_MS = 20_000;

/**
 * Joins the embedded server of `dataDir`, which is made and started if need be.
 * @throws NeedsAttention with what the operator must mend; TryLater when another process or a stopping server took too long
 */
export async function attachEmbedded(options: EmbeddedOptions): Promise<EmbeddedAttachment> {
  try {
    const dataDir = await openDataDir(options.dataDir);
    const joined = await joinRunning(dataDir, options.purpose);
    return joined ?? (await withTurn(turnFile(dataDir), TURN_BUDGET_MS, () => startAndJoin(dataDir, options.purpose)));
  } catch (error) {
    throw inWords(error, options.dataDir);
  }
}

async function joinRunning(dataDir: string, purpose: string): Promise<EmbeddedAttachment | undefined> {
  const place = await findPlace(dataDir);
  const running = place && (await findRunning(place));
  return running && (await join(place, running, purpose, false));
}

async function startAndJoin(dataDir: string, purpose: string): Promise<EmbeddedAttachment> {
  const place = await makePlace(dataDir);
  let started = false;
  const attachment = await waitFor(JOIN_BUDGET_MS, 100, async () => {
    let running = await settledServer(place);
    if (!running) {
      running = await start(place);
      started = true;
    }
    return join(place, running, purpose, started);
  });
  if (attachment) return attachment;
  throw new TryLater(
    `The embedded database in ${place.folder} runs but accepted no connection for ${JOIN_BUDGET_MS / 1000} s; wait a moment and try again.`,
  );
}

async function start(place: Place): Promise<Running> {
  const binaries = await ensureBinaries(place);
  await ensureCluster(place, binaries);
  await settlePlace(place);
  await removeOtherBinaries(place, binaries);
  return startServer(place, binaries);
}

/** Undefined if the server went away in the meantime or is about to be stopped by the last one to leave. */
async function join(
  place: Place,
  running: Running,
  purpose: string,
  started: boolean,
): Promise<EmbeddedAttachment | undefined> {
  const credentials = await readCredentials(place);
  // As the owner: connections are kept back for a superuser when a busy hub has taken all others.
  const lock = await takeAttachedLock(urlOf(OWNER, credentials, running.port), `sluice ${purpose}`);
  return lock && attachment(place, running, credentials, lock, started);
}

async function attachment(
  place: Place,
  running: Running,
  credentials: Credentials,
  lock: AttachedLock,
  started: boolean,
): Promise<EmbeddedAttachment> {
  await boundLog(place);
  const stopWatching = watchLog(place);
  let released: Promise<void> | undefined;
  return {
    migrateUrl: urlOf(OWNER, credentials, running.port),
    url: urlOf(LOGIN, credentials, running.port),
    started,
    lost: lock.lost,
    release: () => {
      released ??= leave(place, lock).finally(stopWatching);
      return released;
    },
  };
}

/** Within the turn, so that nobody starts the server between our finding it unused and its end. */
async function leave(place: Place, lock: AttachedLock): Promise<void> {
  try {
    await withTurn(turnFile(place.dataDir), LEAVE_BUDGET_MS, async () => {
      if (await lock.leave()) await stopServer(place);
    });
  } catch (error) {
    // Whoever holds the turn so long is attaching, and leaves after us.
    if (!(error instanceof TryLater)) throw inWords(error, place.dataDir);
  } finally {
    await lock.end();
  }
}

const CANNOT_WRITE = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ELOOP']);
const REFUSED_US = new Set(['28P01', '28000', '3D000']);

/** A sentence for what the file system or the server answered; everything else stays what it is. */
function inWords(error: unknown, dataDir: string): unknown {
  const { code, syscall, path, dest } = error as NodeJS.ErrnoException & { dest?: string };
  // Copying is the one call with two paths, and only its second is ours to mend.
  const where = dest ?? path ?? dataDir;
  if (syscall && (code === 'ENOSPC' || code === 'EDQUOT')) {
    return new NeedsAttention(`The disk that holds ${where} is full; make room there and try again.`);
  }
  if (syscall && code && CANNOT_WRITE.has(code)) {
    return new NeedsAttention(
      `${where} cannot be used for the embedded database (${code}); let the user who runs Sluice write there, or choose another folder with SLUICE_DATA.`,
    );
  }
  if (code && REFUSED_US.has(code)) {
    return new NeedsAttention(
      `The embedded database of ${dataDir} refuses its own passwords; restore credentials.json and the database from the same backup.`,
    );
  }
  return error;
}
