import { DatabaseSync } from 'node:sqlite';
import { NeedsAttention, TryLater } from '../../base/errors.ts';
import { waitFor } from './wait.ts';

const SQLITE_BUSY = 5;

/**
 * Runs `work` while no other process has its turn on the same file. Setting up, starting and stopping the server happen
 * in a turn: without it two starters could both take a stale `postmaster.pid` away, the second one a live server's.
 *
 * The lock is the kernel's, reached through SQLite because Node offers no other: a process that is killed has lost it
 * at once, which no lock file with a process id in it can promise. The file stays empty.
 *
 * @throws TryLater when the others take longer than `budget_ms`
 */
export async function withTurn<T>(file: string, budget_ms: number, work: () => Promise<T>): Promise<T> {
  const lock = await waitFor(budget_ms, 40, async () => tryLock(file));
  if (!lock) {
    throw new TryLater(
      `Another Sluice process has been starting or stopping the embedded database for ${budget_ms / 1000} s (${file}); wait a moment, or end that process, and try again.`,
    );
  }
  try {
    return await work();
  } finally {
    lock.close();
  }
}

function tryLock(file: string): DatabaseSync | undefined {
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(file, { timeout: 0 });
    // No journal: nothing is ever written, and a killed holder would leave one behind.
    lock.exec('PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock?.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return undefined;
    throw new NeedsAttention(
      `The lock file ${file} cannot be used; the user who runs Sluice must be able to write to that folder, and it must not be on a disk that is full or refuses locks.`,
    );
  }
}
