import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { findPlace, type Place, pgData } from '../../src/store/embedded/place.ts';
import { isPostmaster, readPostmasterPid } from '../../src/store/embedded/postmaster-pid.ts';

export type Said = { is: 'hub'; url: string; started: boolean } | { is: 'refused'; sentence: string };

export interface ChildHub {
  process: ChildProcess;
  /** Its one line; undefined if it died before. */
  said: Promise<Said | undefined>;
  exited: Promise<number | null>;
}

/** Data folders of a test and the hubs in them; `clear` leaves neither process nor file behind. */
export class Ground {
  readonly #folders: string[] = [];
  readonly #children: ChildProcess[] = [];

  async dataDir(): Promise<string> {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'sluice-embedded-')));
    this.#folders.push(folder);
    return join(folder, 'data');
  }

  hub(dataDir: string, options: { ownGroup?: boolean; env?: NodeJS.ProcessEnv } = {}): ChildHub {
    const script = fileURLToPath(new URL('./embedded-child.ts', import.meta.url));
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, dataDir], {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: options.ownGroup ?? false,
      env: options.env ?? process.env,
    });
    this.#children.push(child);
    const lines = createInterface({ input: child.stdout });
    const exited = once(child, 'exit').then(([code]) => code as number | null);
    const line = once(lines, 'line').then(([text]) => JSON.parse(text as string) as Said);
    const said = Promise.race([line, once(lines, 'close').then(() => undefined)]);
    child.stdin.on('error', () => undefined);
    return { process: child, said, exited };
  }

  keep(child: ChildProcess): ChildProcess {
    this.#children.push(child);
    return child;
  }

  async clear(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    }
    for (const folder of this.#folders) {
      const place = await findPlace(join(folder, 'data')).catch(() => undefined);
      if (place && (await serverPid(place))) await killServer(place, 'SIGQUIT');
      // Root's, complete or not; the pointer is written before anything else of it.
      const pointer = await readFile(join(folder, 'data', 'instance'), 'utf8').catch(() => '');
      const id = /^[0-9a-f]{16}/.exec(pointer)?.[0];
      if (id) await rm(join('/var/lib/sluice', id), { recursive: true, force: true, maxRetries: 5 });
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    }
  }
}

export async function placeOf(dataDir: string): Promise<Place> {
  const place = await findPlace(dataDir);
  if (!place) throw new Error(`no cluster in ${dataDir}`);
  return place;
}

/** The live server's process id. */
export async function serverPid(place: Place): Promise<number | undefined> {
  const note = await readPostmasterPid(pgData(place));
  return note && (await isPostmaster(note.pid, pgData(place))) ? note.pid : undefined;
}

/** Sends the signal and waits until the server is gone. */
export async function killServer(place: Place, signal: NodeJS.Signals): Promise<number> {
  const pid = await serverPid(place);
  if (!pid) throw new Error('no server to kill');
  process.kill(pid, signal);
  await eventually(async () => (await serverPid(place)) === undefined);
  return pid;
}

export async function eventually(holds: () => Promise<boolean>, budget_ms = 10_000): Promise<void> {
  const end = performance.now() + budget_ms;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`did not come true within ${budget_ms} ms`);
    await sleep(10);
  }
}

/** Runs one statement on a connection of its own. */
export async function query<Row extends object>(url: string, sql: string): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

/** The sentence with which a promise is rejected. */
export async function sentenceOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('was not refused');
}

export const checkout = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
