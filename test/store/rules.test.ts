import { createHash } from 'node:crypto';
import { expect } from 'chai';
import pg from 'pg';
import { testDatabase, testHub } from '../support/hub.ts';
import { logOnOf } from '../support/memory-source.ts';

describe('the rules in memory', () => {
  it('hold every match value, however many portions they travel in', async () => {
    const values = 40_000;
    const hub = await testHub();
    const { tenantId, users, loadedRules } = await hub.tenant();
    const { user } = await users.logOn(logOnOf(1));
    const owner = new pg.Client({ connectionString: (await testDatabase()).migrateUrl });
    await owner.connect();
    await owner.query(
      `INSERT INTO sluice.match_value (tenant_id, kind, digest, user_id, value)
       SELECT $1, 'badge', sha256(n::text::bytea), $2, '' FROM generate_series(1, $3::int) AS n`,
      [tenantId, user.id, values],
    );
    await owner.end();
    const rules = await loadedRules('00000000-0000-7000-8000-000000000000');
    const digest = (n: number) => createHash('sha256').update(String(n)).digest('binary');
    for (let n = 1; n <= values; n++) expect(rules.matching('badge', digest(n))).to.deep.equal([user.id]);
    expect(rules.matching('badge', digest(values + 1))).to.deep.equal([]);
    expect(rules.matching('card', digest(1))).to.deep.equal([]);
    expect(rules.matching('email', rules.digest('email', 'p1@acme.example'))).to.deep.equal([user.id]);
  });
});
