import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { NeedsAttention } from '../../base/errors.ts';
import { logFile, type Place } from './place.ts';
import { openLog, type Trouble, troubleIn } from './server-log.ts';

/** initdb takes 0.4 s on a fast disk; slow ones must sync a thousand files. */
const TOOL_BUDGET_MS = 120_000;

/** Nothing of ours is handed on: the hub's environment holds tenants' secrets, and /proc shows it to the server's user. */
const ENVIRONMENT = { LC_ALL: 'C', TZ: 'UTC' };

/** Starts one of the server's programs as the server's user; its output goes to the server's log. */
export async function launch(
  place: Place,
  program: string,
  args: readonly string[],
  log: number,
  how: { detached: boolean; stdin: 'ignore' | 'pipe' },
): Promise<ChildProcess> {
  const child = spawn(program, args, {
    stdio: [how.stdin, log, log],
    detached: how.detached,
    env: ENVIRONMENT,
    cwd: place.folder,
    ...(place.runAs ?? {}),
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => reject(cannotRun(error, program)));
  });
  return child;
}

/** Runs a program to its end. @throws NeedsAttention if it fails, with what its output shows to be the cause */
export async function runTool(place: Place, program: string, args: readonly string[], stdin?: string): Promise<void> {
  const log = await openLog(place);
  try {
    const child = await launch(place, program, args, log.fd, {
      detached: false,
      stdin: stdin === undefined ? 'ignore' : 'pipe',
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), TOOL_BUDGET_MS);
    // A program that ends before reading all of it breaks the pipe; its exit status says why.
    child.stdin?.on('error', () => undefined).end(stdin);
    const [code] = await once(child, 'exit');
    clearTimeout(timer);
    if (code !== 0) throw setUpFailed(place, await troubleIn(place, log.from));
  } finally {
    await log.close();
  }
}

function setUpFailed(place: Place, trouble: Trouble): NeedsAttention {
  if (trouble === 'disk-full') return diskFull(place);
  return new NeedsAttention(
    `The embedded database could not be set up in ${place.folder}; ${logFile(place)} says why, and DATABASE_URL can name another server instead.`,
  );
}

export function diskFull(place: Place): NeedsAttention {
  return new NeedsAttention(
    `The disk that holds ${place.folder} is full, so the embedded database cannot run; make room there and try again.`,
  );
}

function cannotRun(error: NodeJS.ErrnoException, program: string): NeedsAttention {
  if (error.code === 'EPERM') {
    return new NeedsAttention(
      'This process is root but may not change to another user, and PostgreSQL does not run as root; run Sluice as an ordinary user, or set DATABASE_URL.',
    );
  }
  return new NeedsAttention(
    `${program} does not run on this machine (${error.code ?? 'unknown'}): its disk may be mounted noexec, or its C library may be another than glibc; set DATABASE_URL to a PostgreSQL server of your own.`,
  );
}
