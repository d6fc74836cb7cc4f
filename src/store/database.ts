import knexModule, { type Knex } from 'knex';
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

/** One transaction, inside which the role and the tenant are set. */
export class Tx {
  readonly knex: Knex.Transaction;

  constructor(knex: Knex.Transaction) {
    this.knex = knex;
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

  async #send(statement: Sql): Promise<pg.QueryResult> {
    await faultPoint('statement.before');
    const result = (await this.knex.raw(statement.text, statement.values as Knex.RawBinding[])) as pg.QueryResult;
    await faultPoint('statement.after');
    return result;
  }
}

/** The connection pool of the runtime role. The only ways in are a tenant's transaction and the registry's. */
export class Database {
  readonly #knex: Knex;

  constructor(options: { url: string; applicationName: string; poolSize?: number }) {
    this.#knex = knexModule({
      client: 'pg',
      connection: {
        connectionString: options.url,
        application_name: options.applicationName,
        statement_timeout: STATEMENT_TIMEOUT_MS,
        connectionTimeoutMillis: ACQUIRE_TIMEOUT_MS,
        keepAlive: true,
      },
      pool: { min: 0, max: options.poolSize ?? 10 },
      acquireConnectionTimeout: ACQUIRE_TIMEOUT_MS,
      // knex prints warnings with statement texts: nothing of a driver goes to the console.
      log: { warn() {}, error() {}, debug() {}, deprecate() {} },
    });
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
        const result = await this.#knex.transaction(async (trx) => {
          await trx.raw(`SET LOCAL ROLE ${RUNTIME_ROLE}; ${scope}`);
          const done = await work(new Tx(trx));
          await faultPoint('commit.before');
          return done;
        });
        await faultPoint('commit.after');
        return result;
      } catch (error) {
        if (attempt < ATTEMPTS && lostToOthers(error)) {
          await new Promise((resolve) => setTimeout(resolve, 2 ** attempt * 5 * (0.5 + Math.random())));
          continue;
        }
        throw explained(error);
      }
    }
  }

  async close(): Promise<void> {
    await this.#knex.destroy();
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
  const { code, name, message } = (error ?? {}) as { code?: unknown; name?: unknown; message?: unknown };
  const ended =
    typeof message === 'string' &&
    /Connection terminated|connection timeout|timeout expired|not queryable/i.test(message);
  if ((typeof code === 'string' && AWAY.has(code)) || name === 'KnexTimeoutError' || ended) {
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
