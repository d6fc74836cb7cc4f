import { execFile } from 'node:child_process';
import { chown, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ifThere } from './place.ts';

/** What `postmaster.pid` says; its lines are fixed in PostgreSQL's src/include/utils/pidfile.h. */
export interface PostmasterPid {
  pid: number;
  port: number | undefined;
  status: 'starting' | 'ready' | 'stopping' | 'standby' | 'unknown';
}

const LINE_PORT = 3;
const LINE_STATUS = 7;
const STATUSES = ['starting', 'ready', 'stopping', 'standby'] as const;
/** No process has this id: Linux ids stay below 2^22, those of macOS below 100,000. */
const NOBODYS_PID = 4_194_304;
/** PostgreSQL writes the file in one go; one that stays empty this long is what a crash left. */
const EMPTY_FOR_MS = 2_000;

/** The server's own note beside its data. Undefined if there is none or nothing is in it yet. */
export async function readPostmasterPid(data: string): Promise<PostmasterPid | undefined> {
  const text = await ifThere(() => readFile(join(data, 'postmaster.pid'), 'utf8'));
  const lines = (text ?? '').split('\n');
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 1) return undefined;
  const port = Number(lines[LINE_PORT]);
  const status = lines[LINE_STATUS]?.trim();
  return {
    pid,
    port: Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined,
    status: STATUSES.find((known) => known === status) ?? 'unknown',
  };
}

/**
 * Is this process the live server of this data folder? A number alone proves nothing: after a crash or a reboot it may
 * be another program's, and a zombie still has one.
 */
export async function isPostmaster(pid: number, data: string): Promise<boolean> {
  const words = process.platform === 'linux' ? await procWords(pid) : await psWords(pid);
  // Its children have rewritten theirs ("postgres: checkpointer"), so a `-D` is the parent's; a zombie has no words.
  const at = words.indexOf('-D');
  return at > 0 && words[at + 1] === data;
}

/**
 * Makes a stale note harmless without losing it. PostgreSQL refuses to start while the number in it is alive, whoever's
 * it is; yet the note also names the shared memory by which PostgreSQL sees that backends of the dead server still run,
 * so it is not removed but gets a number that nobody has. A live server's note is left alone. Only within the turn.
 */
export async function disownStalePid(data: string): Promise<void> {
  const file = join(data, 'postmaster.pid');
  const text = await ifThere(() => readFile(file, 'utf8'));
  if (text === undefined || (await isPostmaster(Number.parseInt(text, 10), data))) return;
  const was = await stat(file);
  if (!/^\d+\n/.test(text)) {
    if (Date.now() - was.mtimeMs > EMPTY_FOR_MS) await rm(file, { force: true });
    return;
  }
  const next = `${file}.stale`;
  await rm(next, { force: true });
  await writeFile(next, text.replace(/^\d+/, String(NOBODYS_PID)), { mode: 0o600, flag: 'wx' });
  await chown(next, was.uid, was.gid);
  await rename(next, file);
}

async function procWords(pid: number): Promise<string[]> {
  try {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
  } catch {
    // Gone, or going: reading the words of a process that is just ending fails with ESRCH.
    return [];
  }
}

async function psWords(pid: number): Promise<string[]> {
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)], { timeout: 5_000 });
    const [, data] = / -D (.+?) -c /.exec(stdout) ?? [];
    return data === undefined ? [] : ['postgres', '-D', data];
  } catch {
    return [];
  }
}
