import pg from 'pg';
import { NeedsAttention, TryLater } from '../base/errors.ts';
import { faultPoint } from '../base/faults.ts';
import { isUuid } from '../base/uuid.ts';
import type { Sql } from './sql.ts';

// Feed numbers and counts stay far below 2^53; as text they would be compared as text.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

export const RUNTIME_ROLE = 'sluice_runtime';
const ATTEMPTS = 6;
const STATEMENT_TIMEOUT_MS = 60_000;
const ACQUIRE_TIMEOUT_MS = 15_000;
const IDLE_TIMEOUT_MS = 30_000;

/** One transaction, inside which the role and the tenant are set. */
export class Tx {
  readonly #client: pg.ClientBase;

  constructor(client: pg.ClientBase) {
    this.#client = client;
  }

  async rows<R extends object>(statement: Sql): Promise<R[]> {
    const result = await this.#send(statement);
    return result.rows as R[];
  }

  /** The number of rows touched. */
  async run(statement: Sql): Promise<number> {
    const result = await this.#send(statement);
    return result.rowCount ?? 0;
  }

  /** A statement of the queue's own, so that a job is there if and only if this transaction commits. */
  executeSql(text: string, values: unknown[] = []): Promise<pg.QueryResult> {
    return this.#client.query({ text, values });
  }

  async #send({ text, values }: Sql): Promise<pg.QueryResult> {
    await faultPoint('statement.before');
    const result = await this.#client.query({ text, values: [...values] });
    await faultPoint('statement.after');
    return result;
  }
}

/** The connection pool of the runtime role. The only ways in are a tenant's transaction and the registry's. */
export class Database {
  readonly #pool: pg.Pool;

  constructor(options: { url: string; applicationName: string; poolSize?: number }) {
    this.#pool = new pg.Pool({
      connectionString: options.url,
      application_name: options.applicationName,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      connectionTimeoutMillis: ACQUIRE_TIMEOUT_MS,
      idleTimeoutMillis: IDLE_TIMEOUT_MS,
      keepAlive: true,
      max: options.poolSize ?? 10,
    });
    // A server that goes away is told to the statement under way, or to the next; unheard it would end this process.
    this.#pool.on('error', () => {});
    this.#pool.on('connect', (client) => client.on('error', () => {}));
  }

  /** Sees and writes the rows of one tenant. Deadlocks and serialisation failures run `work` again. */
  tenant<T>(tenantId: string, work: (tx: Tx) => Promise<T>): Promise<T> {
    if (!isUuid(tenantId)) throw new Error('A tenant is named by its id.');
    return this.#transaction(`SELECT set_config('sluice.tenant', '${tenantId}', true)`, work);
  }

  /** Sees the registry across tenants, and no tenant's rows. */
  registry<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.#transaction(`SELECT set_config('sluice.registry', 'on', true)`, work);
  }

  async #transaction<T>(scope: string, work: (tx: Tx) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(scope, work);
      } catch (error) {
        if (attempt < ATTEMPTS && lostToOthers(error)) {
          await new Promise((resolve) => setTimeout(resolve, 2 ** attempt * 5 * (0.5 + Math.random())));
          continue;
        }
        throw explained(error);
      }
    }
  }

  async #attempt<T>(scope: string, work: (tx: Tx) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    let result: T;
    try {
      await client.query(`BEGIN; SET LOCAL ROLE ${RUNTIME_ROLE}; ${scope}`);
      result = await work(new Tx(client));
      await faultPoint('commit.before');
      // Of a transaction that has failed, COMMIT is answered with ROLLBACK, which is no error.
      const { command } = await client.query('COMMIT');
      if (command !== 'COMMIT') throw new Error('A transaction went on after one of its statements had failed.');
    } catch (error) {
      await rollBack(client);
      throw error;
    }
    client.release();
    await faultPoint('commit.after');
    return result;
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}

/** Back into the pool only once the server has forgotten the transaction. */
async function rollBack(client: pg.PoolClient): Promise<void> {
  try {
    await client.query('ROLLBACK');
    client.release();
  } catch {
    client.release(true);
  }
}

// 40P01 deadlock_detected, 40001 serialization_failure: nothing was written, the same work may succeed.
function lostToOthers(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === '40P01' || code === '40001';
}

const AWAY = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  '57P01',
  '57P02',
  '57P03',
  '53300',
]);

// The driver's errors quote hosts, statements and values; what is thrown on tells only what to do.
function explained(error: unknown): unknown {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  const ended =
    typeof message === 'string' &&
    /Connection terminated|connection timeout|timeout exceeded|timeout expired|not queryable/i.test(message);
  if ((typeof code === 'string' && AWAY.has(code)) || ended) {
    return new TryLater(
      'The hub’s database does not answer; check that PostgreSQL runs and that DATABASE_URL names it.',
    );
  }
  if (code === '28P01' || code === '28000') {
    return new NeedsAttention('The hub’s database refuses the sign-in; check user and password in DATABASE_URL.');
  }
  if (code === '22023' || code === '42501') {
    return new NeedsAttention(
      `The database user of DATABASE_URL may not act as ${RUNTIME_ROLE}; run \`sluice migrate\`, or as the database's owner: GRANT ${RUNTIME_ROLE} TO that user.`,
    );
  }
  if (code === '42P01' || code === '3F000') {
    return new NeedsAttention('The database has no schema of this version yet; run `sluice migrate`.');
  }
  return error;
}
