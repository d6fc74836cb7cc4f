import { Client } from 'pg';

/** One connection of its own that holds session-level locks, and tells when it, and so they, are gone. */
export interface Session {
  /** One row or none; the statements of sessions are fixed, so an error carries no data of ours. */
  one<Row extends object>(sql: string, values?: readonly unknown[]): Promise<Row | undefined>;
  /** Resolves when the connection is gone for whatever reason, `end` included. */
  lost: Promise<void>;
  end(): Promise<void>;
}

const CONNECT_BUDGET_MS = 5_000;
const ANSWER_BUDGET_MS = 10_000;
const HEARTBEAT_MS = 10_000;
const FAREWELL_BUDGET_MS = 2_000;

/** @param name shown in pg_stat_activity; cut at PostgreSQL's 63 bytes */
export async function openSession(url: string, name: string): Promise<Session> {
  const client = new Client({
    connectionString: url,
    application_name: name.replace(/[^ -~]/g, '?').slice(0, 63),
    connectionTimeoutMillis: CONNECT_BUDGET_MS,
    query_timeout: ANSWER_BUDGET_MS,
    keepAlive: true,
  });
  const { promise: lost, resolve: tellLost } = Promise.withResolvers<void>();
  // Without a listener a server that goes away would end this process.
  client.on('error', () => tellLost());
  client.on('end', () => tellLost());
  try {
    await client.connect();
    // A machine that dies with the lock must not hold it for the two hours of TCP's default.
    await client.query('SET tcp_keepalives_idle = 20; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 4');
  } catch (error) {
    void client.end().catch(() => undefined);
    throw error;
  }
  // A connection cut in the middle of the network says nothing; only a question that stays unanswered tells.
  const heartbeat = setInterval(() => void client.query('SELECT').catch(() => tellLost()), HEARTBEAT_MS);
  heartbeat.unref();
  void lost.then(() => clearInterval(heartbeat));
  return {
    lost,
    one: async (sql, values = []) => (await client.query(sql, [...values])).rows[0],
    end: async () => {
      tellLost();
      const timer = Promise.withResolvers<void>();
      const late = setTimeout(timer.resolve, FAREWELL_BUDGET_MS);
      await Promise.race([client.end().catch(() => undefined), timer.promise]);
      clearTimeout(late);
    },
  };
}

/**
 * Session-level advisory locks of ours, as the two 32-bit numbers PostgreSQL knows them by. Two numbers, because
 * libraries lock by one 64-bit number and the two kinds never meet.
 */
export const LOCK_CLASS = 0x51_01_ce;
export const ATTACHED_LOCK = 1;
export const HUB_LOCK = 2;

/** The server cannot talk to us at this moment, but may in another: starting, stopping, full, gone. */
export function isAway(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (typeof code === 'string') return AWAY.has(code);
  // pg throws these without a code.
  return typeof message === 'string' && AWAY_WORDS.has(message);
}

const AWAY_WORDS = new Set([
  'Connection terminated unexpectedly',
  'Connection terminated due to connection timeout',
  'timeout expired',
  'Query read timeout',
  // The server went away between the connection and its first statement.
  'Client has encountered a connection error and is not queryable',
  'Client was closed and is not queryable',
]);
const AWAY = new Set(['57P01', '57P02', '57P03', '53300', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT']);
