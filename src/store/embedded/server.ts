import { randomInt } from 'node:crypto';
import { chmod, readFile, rename, writeFile } from 'node:fs/promises';
import { NeedsAttention, TryLater } from '../../base/errors.ts';
import type { Binaries } from './binaries.ts';
import { hbaFile, ifThere, logFile, type Place, pgData, portFile } from './place.ts';
import { disownStalePid, isPostmaster, readPostmasterPid } from './postmaster-pid.ts';
import { diskFull, launch } from './process.ts';
import { openLog, type Trouble, troubleIn } from './server-log.ts';
import { asArguments, HBA, SERVER_SETTINGS } from './server-settings.ts';
import { waitFor } from './wait.ts';

/** A server that accepts connections. */
export interface Running {
  pid: number;
  port: number;
}

/** How long a server that stops, or backends of a dead one, are waited for. */
const GONE_BUDGET_MS = 20_000;
/** A start after a crash replays up to a gigabyte of WAL. */
const READY_BUDGET_MS = 60_000;
const LOOK_EVERY_MS = 15;
const PORTS_TO_TRY = 20;
/** Below what Linux hands out for outgoing connections (32768 and up), so that those rarely take it. */
const LOWEST_PORT = 20_000;
const HIGHEST_PORT = 32_767;

/** The live server of this place, if it is ready. */
export async function findRunning(place: Place): Promise<Running | undefined> {
  const note = await readPostmasterPid(pgData(place));
  if (note?.status !== 'ready' || note.port === undefined) return undefined;
  return (await isPostmaster(note.pid, pgData(place))) ? { pid: note.pid, port: note.port } : undefined;
}

/**
 * The live server, waited for if it is starting; undefined if there is none, after waiting for one that is stopping.
 * @throws TryLater if it does neither in time
 */
export async function settledServer(place: Place): Promise<Running | undefined> {
  const budget = (await readPostmasterPid(pgData(place)))?.status === 'starting' ? READY_BUDGET_MS : GONE_BUDGET_MS;
  const settled = await waitFor(budget, LOOK_EVERY_MS, async () => {
    const note = await readPostmasterPid(pgData(place));
    if (!note || !(await isPostmaster(note.pid, pgData(place)))) return 'none';
    return note.status === 'ready' ? await findRunning(place) : undefined;
  });
  if (settled !== undefined) return settled === 'none' ? undefined : settled;
  throw new TryLater(
    `The embedded database in ${place.folder} has been starting or stopping for ${budget / 1000} s; wait until it is done, or end its process postgres, and try again.`,
  );
}

/**
 * Starts the server, which then outlives us: a crash of the hub must not tear transactions of others, and Ctrl-C in a
 * terminal goes to every process of the terminal's group. Only within the turn.
 */
export async function startServer(place: Place, binaries: Binaries, choosePort = randomPort): Promise<Running> {
  await writeHba(place);
  let port = (await lastPort(place)) ?? choosePort();
  let ports = 0;
  const started = await waitFor(GONE_BUDGET_MS, 200, async () => {
    for (;;) {
      // Somebody else's start may have been under way, unseen, when its starter was killed.
      const other = await settledServer(place);
      if (other) return other;
      await disownStalePid(pgData(place));
      const outcome = await tryStart(place, binaries, port);
      if (typeof outcome !== 'string') return outcome;
      if (outcome === 'still-in-use') return undefined;
      ports += 1;
      if (outcome !== 'port-taken' || ports >= PORTS_TO_TRY) throw cannotStart(place, outcome);
      port = choosePort();
    }
  });
  if (!started) {
    throw new TryLater(
      `A process of an earlier embedded database still works in ${pgData(place)} after ${GONE_BUDGET_MS / 1000} s; wait until it is done, or end its processes postgres, and try again.`,
    );
  }
  // The same port next time: addresses handed out before a crash of the server stay good.
  await writeFile(portFile(place), `${started.port}\n`);
  return started;
}

/** Stops the server as PostgreSQL's fast shutdown does (SIGINT) and waits until it is gone, for at most 20 s. */
export async function stopServer(place: Place): Promise<void> {
  const note = await readPostmasterPid(pgData(place));
  if (!note || !(await isPostmaster(note.pid, pgData(place)))) return;
  process.kill(note.pid, 'SIGINT');
  await waitFor(GONE_BUDGET_MS, LOOK_EVERY_MS, async () =>
    (await isPostmaster(note.pid, pgData(place))) ? undefined : true,
  );
}

async function tryStart(place: Place, binaries: Binaries, port: number): Promise<Running | Trouble> {
  const log = await openLog(place);
  try {
    const settings = { ...SERVER_SETTINGS, port: String(port), hba_file: hbaFile(place) };
    const args = ['-D', pgData(place), ...asArguments(settings)];
    const server = await launch(place, binaries.postgres, args, log.fd, { detached: true, stdin: 'ignore' });
    server.unref();
    const outcome = await waitFor(READY_BUDGET_MS, LOOK_EVERY_MS, async () => {
      if (server.exitCode !== null || server.signalCode !== null) return await troubleIn(place, log.from);
      const running = await findRunning(place);
      return running?.pid === server.pid ? running : undefined;
    });
    if (outcome !== undefined) return outcome;
    throw new TryLater(
      `The embedded database in ${place.folder} is still recovering after ${READY_BUDGET_MS / 1000} s; it goes on by itself, so wait a moment and try again.`,
    );
  } finally {
    await log.close();
  }
}

function cannotStart(place: Place, trouble: Trouble): NeedsAttention {
  if (trouble === 'disk-full') return diskFull(place);
  const why: Partial<Record<Trouble, string>> = {
    'port-taken': `none of ${PORTS_TO_TRY} ports tried on 127.0.0.1 was free; end what holds them`,
    'no-memory': 'the machine refuses it 128 MB of shared memory; allow this process more memory',
    'not-allowed': `a file or folder below ${place.folder} is closed to it; give it back to the user who owned it`,
  };
  return new NeedsAttention(
    `The embedded database does not start: ${why[trouble] ?? `${logFile(place)} says why; mend that`}, or set DATABASE_URL to a PostgreSQL server of your own.`,
  );
}

function randomPort(): number {
  return randomInt(LOWEST_PORT, HIGHEST_PORT + 1);
}

async function lastPort(place: Place): Promise<number | undefined> {
  const port = Number(await ifThere(() => readFile(portFile(place), 'utf8')));
  return Number.isInteger(port) && port >= 1024 && port <= 65_535 ? port : undefined;
}

async function writeHba(place: Place): Promise<void> {
  const next = `${hbaFile(place)}.new`;
  await writeFile(next, HBA);
  // It holds no secret, and as root the server's user must read it, whatever our umask.
  await chmod(next, 0o644);
  await rename(next, hbaFile(place));
}
