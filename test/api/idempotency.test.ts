import { expect } from 'chai';
import pg from 'pg';
import { onFaultPoint } from '../../src/base/faults.ts';
import { newId } from '../../src/base/uuid.ts';
import { testDatabase } from '../support/hub.ts';
import { startApi, type TestApi, type TestTenant } from './support.ts';

const person = (email: string) => ({ email, given_name: 'Noor', family_name: 'de Wit' });

describe('Idempotency-Key', () => {
  let api: TestApi;
  let acme: TestTenant;
  let key: string;
  before(async function () {
    this.timeout(60_000);
    api = await startApi({ limits: { firstAnswerWithinMs: 3_000 } });
    acme = await api.tenant();
    key = await acme.key();
  });
  after(async () => {
    onFaultPoint(undefined);
    await api.close();
  });

  const post = (path: string, idempotencyKey: string, body?: unknown, by = key) =>
    api.ask('POST', path, { key: by, body, headers: { 'idempotency-key': idempotencyKey } });
  const newKey = (name: string) => ({ name, scopes: ['users:read'] });

  it('makes 50 requests at once one effect with 50 equal answers', async function () {
    this.timeout(60_000);
    const replies = await Promise.all(
      Array.from({ length: 50 }, () => post('/admin/v1/keys', 'fifty', newKey('fifty'))),
    );
    expect(new Set(replies.map(({ status, text }) => `${status} ${text}`)).size).to.equal(1);
    expect(replies[0]!.status).to.equal(201);
    expect(replies.filter(({ headers }) => headers['idempotency-replayed'] === undefined)).to.have.length(1);
    expect((await acme.store.keys.list()).filter(({ name }) => name === 'fifty')).to.have.length(1);
  });

  it('gives the first answer again, Location and all, though the world moved on', async () => {
    const first = await post('/v1/logons', 'moved', person('moved@acme.example'));
    await acme.tell('moved@acme.example', { given: 'Noortje' });
    const again = await post('/v1/logons', 'moved', person('moved@acme.example'));
    expect([again.status, again.text, again.headers.location]).to.deep.equal([201, first.text, first.headers.location]);
    expect(again.headers['idempotency-replayed']).to.equal('true');
    expect((await acme.store.users.get(first.body.id))?.fields.given_name).to.equal('Noortje');
  });

  it('takes the same members in another order for the same request', async () => {
    const { email, given_name, family_name } = person('order@acme.example');
    const first = await post('/v1/logons', 'order', { email, given_name, family_name });
    const again = await post('/v1/logons', 'order', { family_name, email, given_name });
    expect([again.status, again.text]).to.deep.equal([201, first.text]);
  });

  it('refuses another body or another route, and does nothing', async () => {
    await post('/v1/logons', 'other', person('other@acme.example'));
    const body = await post('/v1/logons', 'other', person('else@acme.example'));
    expect([body.status, body.body.type]).to.deep.equal([422, '/problems/idempotency-mismatch']);
    const route = await post('/admin/v1/keys', 'other', newKey('other'));
    expect(route.status).to.equal(422);
    expect(await acme.store.users.findByEmail('else@acme.example')).to.equal(undefined);
    expect((await acme.store.keys.list()).some(({ name }) => name === 'other')).to.equal(false);
  });

  it('belongs to the API key that sent it', async () => {
    const first = await post('/admin/v1/keys', 'mine', newKey('mine'));
    const second = await post('/admin/v1/keys', 'mine', newKey('mine'), await acme.key());
    expect([first.status, second.status]).to.deep.equal([201, 201]);
    expect(second.body.key).to.not.equal(first.body.key);
  });

  it('does not remember a refusal: once the reason is gone, the same request works', async () => {
    const refused = await post('/v1/logons', 'later', { id_token: 'ey' });
    expect(refused.status).to.equal(422);
    const path = `/admin/v1/runs/${newId()}/approve`;
    expect((await post(path, 'none')).status).to.equal(404);
    expect((await post(path, 'none')).headers['idempotency-replayed']).to.equal(undefined);
    const body = person('later@acme.example');
    const same = await post('/v1/logons', 'later', body);
    expect(same.status).to.equal(201);
  });

  it('says 409 and when to come back while the first request is still under way', async () => {
    const begun = await acme.store.idempotency.begin({
      apiKey: key.split('_')[2]!,
      key: 'stuck',
      fingerprint: 'POST /v1/logons {"email":"stuck@acme.example","family_name":"de Wit","given_name":"Noor"}',
    });
    expect(begun.outcome).to.equal('new');
    const busy = await post('/v1/logons', 'stuck', person('stuck@acme.example'));
    expect([busy.status, busy.body.type, busy.body.retry]).to.deep.equal([409, '/problems/idempotency-busy', 'later']);
    expect(busy.headers['retry-after']).to.equal('1');
    // The process that began it was killed: after a while the work is anybody's again.
    api.hub.clock.advance(130_000);
    expect((await post('/v1/logons', 'stuck', person('stuck@acme.example'))).status).to.equal(201);
  });

  it('gives the same answer after the hub was started again', async () => {
    const first = await post('/admin/v1/keys', 'restart', newKey('restart'));
    const next = await startApi();
    try {
      const again = await next.ask('POST', '/admin/v1/keys', {
        key,
        body: newKey('restart'),
        headers: { 'idempotency-key': 'restart' },
      });
      expect([again.status, again.text]).to.deep.equal([201, first.text]);
    } finally {
      await next.close();
    }
  });

  it('is forgotten after a day', async () => {
    await post('/v1/logons', 'day', person('day@acme.example'));
    api.hub.clock.advance(25 * 3_600_000);
    const next = await post('/v1/logons', 'day', person('day@acme.example'));
    expect([next.status, next.headers['idempotency-replayed']]).to.deep.equal([200, undefined]);
  });

  it('leaves neither the answer nor the header readable in the database', async () => {
    const header = 'order-of-zoe@acme.example';
    const { body } = await post('/admin/v1/keys', header, newKey('dumped'));
    const client = new pg.Client({ connectionString: (await testDatabase()).migrateUrl });
    await client.connect();
    const { rows } = await client.query(
      `SELECT row_to_json(i)::text AS row, encode(body, 'escape') AS body FROM sluice.idempotency i`,
    );
    await client.end();
    expect(rows.length).to.be.above(0);
    const dump = rows.map((row) => row.row + row.body).join('\n');
    expect(dump).to.not.include('zoe').and.not.include(body.key.split('_')[3]).and.not.include('dumped');
    expect(dump, 'control: what is in clear is found').to.include(key.split('_')[2]!);
  });

  it('must be short and visible', async () => {
    for (const bad of ['with space', 'x'.repeat(256), '\u00e9']) {
      const reply = await post('/v1/logons', bad, person('bad@acme.example'));
      expect(reply.status, bad).to.equal(400);
    }
    expect(await acme.store.users.findByEmail('bad@acme.example')).to.equal(undefined);
  });

  it('is not needed: a POST without it works', async () => {
    expect((await api.ask('POST', '/v1/logons', { key, body: person('plain@acme.example') })).status).to.equal(201);
  });
});
