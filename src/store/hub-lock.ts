import { NeedsAttention, Refused, TryLater } from '../base/errors.ts';
import { waitFor } from './embedded/wait.ts';
import { HUB_LOCK, isAway, LOCK_CLASS, openSession, type Session } from './session.ts';

export interface HubLock {
  release(): Promise<void>;
  /** Resolves when the session that holds the lock is gone: from then on another hub may be at work. */
  lost: Promise<void>;
}

/** A hub that was just killed: the server needs a moment to see its connection close. */
const PATIENCE_MS = 1_500;

/**
 * Makes the caller the hub of this database, by a session-level advisory lock; the server gives it back when the
 * session ends, however the process does. The URL must reach PostgreSQL itself, or a pooler in session mode.
 * @throws Refused 'locked' if another hub is at work
 */
export async function becomeHub(url: string, who: { pid: number; host: string }): Promise<HubLock> {
  const session = await connect(url, `sluice hub ${who.pid}@${who.host}`);
  try {
    const got = await waitFor(PATIENCE_MS, 100, async () => ((await tryLock(session)) ? true : undefined));
    if (!got) throw alreadyRuns(await holder(session));
  } catch (error) {
    await session.end();
    throw error;
  }
  return { lost: session.lost, release: () => session.end() };
}

async function tryLock(session: Session): Promise<boolean> {
  const row = await session.one<{ got: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS got', [LOCK_CLASS, HUB_LOCK]);
  return row?.got === true;
}

/** Process and host as the other hub gave them; the server shows the name only to its own role and to superusers. */
async function holder(session: Session): Promise<{ pid: string; host: string } | undefined> {
  const row = await session.one<{ name: string | null }>(
    `SELECT a.application_name AS name
       FROM pg_locks l JOIN pg_stat_activity a USING (pid)
      WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.classid = $1 AND l.objid = $2
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    [LOCK_CLASS, HUB_LOCK],
  );
  const [, pid, host] = /^sluice hub (\d+)@(.+)$/.exec(row?.name ?? '') ?? [];
  return pid && host ? { pid, host } : undefined;
}

function alreadyRuns(other: { pid: string; host: string } | undefined): Refused {
  const which = other ? ` (process ${other.pid} on ${other.host})` : '';
  return new Refused(
    'locked',
    `Another hub${which} already works on this database; stop it first, or give this one a database of its own with SLUICE_DATA or DATABASE_URL.`,
  );
}

async function connect(url: string, name: string): Promise<Session> {
  try {
    return await openSession(url, name);
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (isAway(error)) {
      throw new TryLater(
        'The database accepts no connection right now; check that its server runs, has connections to spare and is reachable at the host and port of DATABASE_URL.',
      );
    }
    throw new NeedsAttention(
      `The database refuses the hub (${typeof code === 'string' ? code : 'no code'}); check the host, user, password and database name in DATABASE_URL.`,
    );
  }
}
