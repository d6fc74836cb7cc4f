import { ATTACHED_LOCK, isAway, LOCK_CLASS, openSession, type Session } from '../session.ts';
import { waitFor } from './wait.ts';

/** Says "somebody uses this server": a shared lock, held by every attachment for as long as it lives. */
export interface AttachedLock {
  /** Resolves when the lock is lost for good. */
  lost: Promise<void>;
  /** Gives it up; true if nobody else holds it, and then nobody can take it until `end`. */
  leave(): Promise<boolean>;
  end(): Promise<void>;
}

const REGAIN_BUDGET_MS = 5_000;

/**
 * Takes the lock; undefined if the server is away or about to stop. When a backend crashes PostgreSQL ends every
 * session and goes on; the lock is then taken again, else the next process to leave would stop the server under us.
 */
export async function takeAttachedLock(url: string, name: string): Promise<AttachedLock | undefined> {
  const first = await tryShared(url, name);
  if (!first) return undefined;
  let session = first;
  let left = false;
  const { promise: lost, resolve: tellLost } = Promise.withResolvers<void>();
  const keep = async () => {
    while (!left) {
      await session.lost;
      // Lost may mean deaf only: closed for good, or its lock would stay and the server never be stopped.
      await session.end();
      const next = await waitFor(REGAIN_BUDGET_MS, 100, async () => (left ? 'left' : tryShared(url, name)));
      if (next === undefined || next === 'left') break;
      session = next;
      if (left) await next.end();
    }
    tellLost();
  };
  void keep().catch(() => tellLost());
  return {
    lost,
    leave: async () => {
      left = true;
      try {
        await session.one('SELECT pg_advisory_unlock_shared($1, $2)', [LOCK_CLASS, ATTACHED_LOCK]);
        return await tryLock(session, 'pg_try_advisory_lock');
      } catch {
        return false;
      }
    },
    end: async () => {
      left = true;
      await session.end();
    },
  };
}

async function tryShared(url: string, name: string): Promise<Session | undefined> {
  let session: Session | undefined;
  try {
    session = await openSession(url, name);
    if (await tryLock(session, 'pg_try_advisory_lock_shared')) return session;
    await session.end();
    return undefined;
  } catch (error) {
    await session?.end();
    if (isAway(error)) return undefined;
    throw error;
  }
}

async function tryLock(
  session: Session,
  how: 'pg_try_advisory_lock' | 'pg_try_advisory_lock_shared',
): Promise<boolean> {
  const row = await session.one<{ got: boolean }>(`SELECT ${how}($1, $2) AS got`, [LOCK_CLASS, ATTACHED_LOCK]);
  return row?.got === true;
}
