import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import pg from 'pg';
import { newId } from '../../src/base/uuid.ts';
import { wireArray } from '../../src/store/wire-array.ts';
import { testDatabase } from '../support/hub.ts';

describe('arrays on the wire', () => {
  let client: pg.Client;
  before(async () => {
    client = new pg.Client({ connectionString: (await testDatabase()).migrateUrl });
    await client.connect();
  });
  after(() => client.end());

  /** PostgreSQL's own reading of the binary form, beside that of the driver's text form. */
  async function readAlike(cast: string, values: readonly unknown[]): Promise<void> {
    const wire = wireArray(values, cast);
    expect(wire).to.be.instanceOf(Buffer);
    const { rows } = await client.query(
      `SELECT $1${cast} IS NOT DISTINCT FROM $2${cast} AS alike, cardinality($1${cast}) AS size`,
      [wire, values],
    );
    expect(rows[0]).to.deep.equal({ alike: true, size: values.length });
  }

  it('are read by PostgreSQL as the same ids, bytes and numbers, nulls and none at all', async () => {
    const nullable = <T>(one: fc.Arbitrary<T>) => fc.array(fc.option(one, { nil: null }), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(
        nullable(fc.uuid()),
        nullable(fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))),
        nullable(fc.maxSafeInteger()),
        async (ids, bytes, numbers) => {
          await readAlike('::uuid[]', ids);
          await readAlike('::bytea[]', bytes);
          await readAlike('::bigint[]', numbers);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('take ten thousand values, and capital letters', async () => {
    await readAlike(
      '::uuid[]',
      Array.from({ length: 10_000 }, () => newId().toUpperCase()),
    );
    await readAlike(
      '::bytea[]',
      Array.from({ length: 10_000 }, () => randomBytes(61)),
    );
  });

  it('refuse what is no id', () => {
    const id = newId();
    for (const wrong of ['', id.slice(1), `${id}0`, `${id}00`, id.replace('7', 'g'), 'x'.repeat(36), `${id} `])
      expect(() => wireArray([wrong], '::uuid[]'), wrong).to.throw('An id is no UUID.');
  });

  it('stay text for every other type', () => {
    expect(wireArray(['a'], '::text[]')).to.equal(undefined);
    expect(wireArray(['a'], ')')).to.equal(undefined);
  });
});
