import { expect } from 'chai';
import { TryLater } from '../../src/base/errors.ts';
import { Database, type Tx } from '../../src/store/database.ts';
import { sql } from '../../src/store/sql.ts';
import { testDatabase } from '../support/hub.ts';
import { asOwner } from '../support/owner.ts';

const end = (pid: number) => asOwner((client) => client.query('SELECT pg_terminate_backend($1, 1000)', [pid]));

describe('a transaction', () => {
  let db: Database;
  before(async () => {
    db = new Database({ url: (await testDatabase()).url, applicationName: 'sluice tests', poolSize: 1 });
  });
  after(() => db.close());

  const one = async (tx: Tx) => (await tx.rows<{ one: number }>(sql`SELECT ${1}::int AS one`))[0]!.one;

  it('is not taken for committed after one of its statements failed, though nobody minded', async () => {
    const minding = db.registry(async (tx) => {
      await tx.run(sql`SELECT 1 / ${0}::int`).catch(() => {});
      return 'done';
    });
    const error = await minding.then(
      () => undefined,
      (reason: Error) => reason,
    );
    expect(error?.message).to.include('after one of its statements had failed');
    expect(await db.registry(one), 'the connection is as new').to.equal(1);
  });

  it('whose connection the server ends fails with a sentence, and the next one has another connection', async () => {
    const ended = db.registry(async (tx) => {
      const [row] = await tx.rows<{ pid: number }>(sql`SELECT pg_backend_pid() AS pid`);
      await end(row!.pid);
      return one(tx);
    });
    const error = await ended.then(
      () => undefined,
      (reason: Error) => reason,
    );
    expect(error).to.be.instanceOf(TryLater);
    expect(await db.registry(one)).to.equal(1);
  });

  it('begins anew where the server ended a connection that nobody used', async () => {
    const pid = await db.registry(
      async (tx) => (await tx.rows<{ pid: number }>(sql`SELECT pg_backend_pid() AS pid`))[0]!.pid,
    );
    await end(pid);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await db.registry(one)).to.equal(1);
  });

  it('that fails leaves nothing for the next one to commit', async () => {
    const failing = db.registry(async (tx) => {
      await tx.run(sql`SELECT set_config('sluice.left_behind', ${'yes'}, false)`);
      throw new Error('not this one');
    });
    await failing.catch(() => {});
    const left = await db.registry((tx) =>
      tx.rows<{ value: string | null }>(sql`SELECT nullif(current_setting('sluice.left_behind', true), '') AS value`),
    );
    expect(left).to.deep.equal([{ value: null }]);
  });

  it('waits for a connection, and none is lost to those that fail', async () => {
    const all = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) =>
        db.registry(async (tx) => {
          if (n % 2 === 0) throw new Error('not this one');
          return one(tx);
        }),
      ),
    );
    expect(all.filter(({ status }) => status === 'fulfilled')).to.have.length(10);
    expect(await db.registry(one)).to.equal(1);
  });
});
