import { expect } from 'chai';
import { newId } from '../../src/base/uuid.ts';
import { startApi, type TestApi, type TestTenant } from './support.ts';

describe('users over HTTP', () => {
  let api: TestApi;
  let acme: TestTenant;
  let key: string;
  before(async function () {
    this.timeout(60_000);
    api = await startApi();
    acme = await api.tenant({
      users: { admit: 'first-logon', sources: ['people'], leaver_grace_ms: 0, domains: ['acme.example'] },
    });
    key = await acme.key(['users:read', 'users:write', 'users:erase', 'opt-ins:write']);
  });
  after(async () => {
    await api.close();
  });

  const noor = { email: 'Noor@acme.example', given_name: 'Noor', family_name: 'de Wit' };

  it('says 201 at the first log-on and 200 afterwards, and looks the person up once', async () => {
    const first = await api.ask('POST', '/v1/logons', { key, body: noor });
    expect(first.status).to.equal(201);
    expect(first.body).to.include({
      status: 'active',
      confirmed: false,
      given_name: 'Noor',
      email: 'noor@acme.example',
    });
    expect(first.headers.location).to.equal(`/v1/users/${first.body.id}`);
    const again = await api.ask('POST', '/v1/logons', { key, body: noor });
    expect(again.status).to.equal(200);
    expect(again.body).to.deep.equal(first.body);
    expect(api.lookups).to.deep.equal([[first.body.id]]);
  });

  it('refuses a log-on from a domain the tenant does not admit', async () => {
    const reply = await api.ask('POST', '/v1/logons', { key, body: { ...noor, email: 'zoe@elsewhere.example' } });
    expect(reply.status).to.equal(403);
    expect(reply.headers['content-type']).to.equal('application/problem+json; charset=utf-8');
    expect(reply.body).to.include({ type: '/problems/not-admitted', retry: 'after-change' });
    expect(reply.text).to.not.include('zoe');
  });

  it('answers 409 when the address belongs to another identity, and takes nobody over', async () => {
    const body = { ...noor, email: 'reused@acme.example' };
    const first = await api.ask('POST', '/v1/logons', { key, body: { ...body, directory_id: `people:${newId()}` } });
    const second = await api.ask('POST', '/v1/logons', {
      key,
      body: { ...body, given_name: 'Zoe', directory_id: `people:${newId()}` },
    });
    expect([second.status, second.body.type]).to.deep.equal([409, '/problems/identity-conflict']);
    expect((await api.ask('GET', `/v1/users/${first.body.id}`, { key })).body).to.deep.equal(first.body);
  });

  it('answers a log-on by token with a problem of its own', async () => {
    const reply = await api.ask('POST', '/v1/logons', { key, body: { id_token: 'ey.ey.sig' } });
    expect([reply.status, reply.body.type]).to.deep.equal([422, '/problems/unsupported']);
  });

  it('gives an ETag that answers 304 until the user changes', async () => {
    const id = await acme.logOn('etag@acme.example');
    const path = `/v1/users/${id}`;
    const first = await api.ask('GET', path, { key });
    expect(first.headers.etag).to.equal(`"${first.body.version}"`);
    const tag = { 'if-none-match': first.headers.etag! };
    const unchanged = await api.ask('GET', path, { key, headers: tag });
    expect([unchanged.status, unchanged.text]).to.deep.equal([304, '']);
    await acme.tell('etag@acme.example', { given: 'Noortje' });
    const changed = await api.ask('GET', path, { key, headers: tag });
    expect([changed.status, changed.body.given_name, changed.body.confirmed]).to.deep.equal([200, 'Noortje', true]);
    expect(changed.body.version).to.be.above(first.body.version);
  });

  it('answers HEAD like GET, without a body', async () => {
    const id = await acme.logOn('head@acme.example');
    const get = await api.ask('GET', `/v1/users/${id}`, { key });
    const head = await api.ask('HEAD', `/v1/users/${id}`, { key });
    expect([head.status, head.text, head.headers.etag, head.headers['content-length']]).to.deep.equal([
      200,
      '',
      get.headers.etag,
      get.headers['content-length'],
    ]);
  });

  it('shows a field only to keys that are for its feature', async () => {
    const id = await acme.logOn('fields@acme.example');
    await acme.tell('fields@acme.example', {
      given: 'Noor',
      family: 'de Wit',
      phone: '+31205550123',
      title: 'Planner',
      department: 'Facilities',
    });
    await acme.store.users.optIn(id, 'hybrid-meetings', { text_version: '1', locale: 'nl' });
    const seenBy = async (features: Parameters<typeof acme.key>[1]) =>
      (await api.ask('GET', `/v1/users/${id}`, { key: await acme.key(['users:read'], features) })).body;
    const usual = { given_name: 'Noor', family_name: 'de Wit', email: 'fields@acme.example' };
    const optional = { phone: '+31205550123', job_title: 'Planner', department: 'Facilities' };
    expect(await seenBy(null)).to.deep.include({ ...usual, ...optional, opt_ins: ['hybrid-meetings'] });
    expect(await seenBy(['people-directory'])).to.deep.include({ ...usual, ...optional, opt_ins: [] });
    const lockers = await seenBy(['lockers']);
    expect(lockers).to.deep.include({ ...usual, opt_ins: [] });
    expect(lockers).to.not.have.any.keys('phone', 'job_title', 'department');
    expect(await seenBy(['hybrid-meetings'])).to.deep.include({ opt_ins: ['hybrid-meetings'] });
    expect(await seenBy([])).to.not.have.any.keys('phone', 'job_title', 'department');
  });

  it('tells a key that only writes log-ons no more than name and address', async () => {
    const writer = await acme.key(['users:write']);
    const body = { email: 'writer@acme.example', given_name: 'Noor', family_name: 'de Wit' };
    await api.ask('POST', '/v1/logons', { key, body });
    await acme.tell('writer@acme.example', { phone: '+31205550123' });
    const reply = await api.ask('POST', '/v1/logons', { key: writer, body });
    expect(reply.status).to.equal(200);
    expect(reply.body).to.not.have.any.keys('phone', 'job_title', 'department');
    expect((await api.ask('POST', '/v1/logons', { key, body })).body).to.have.property('phone', '+31205550123');
  });

  it('lists every user once, in order, page by page, while users come', async () => {
    const seen: string[] = [];
    let path = '/v1/users?limit=2';
    for (;;) {
      const { status, body } = await api.ask('GET', path, { key });
      expect(status).to.equal(200);
      seen.push(...body.items.map((user: { id: string }) => user.id));
      if (seen.length < 5) await acme.logOn(`page-${seen.length}@acme.example`);
      if (body.next === null) break;
      path = `/v1/users?limit=2&cursor=${body.next}`;
    }
    expect(seen).to.deep.equal([...new Set(seen)].sort());
    expect(seen.length).to.be.at.least(6);
  });

  it('erases a user once', async () => {
    const id = await acme.logOn('gone@acme.example');
    expect((await api.ask('DELETE', `/v1/users/${id}`, { key })).status).to.equal(204);
    expect((await api.ask('DELETE', `/v1/users/${id}`, { key })).status).to.equal(404);
    expect((await api.ask('GET', `/v1/users/${id}`, { key })).status).to.equal(404);
  });

  it('switches an opt-in on and off as often as the user likes', async () => {
    const id = await acme.logOn('opt@acme.example');
    const path = `/v1/users/${id}/opt-ins/hybrid-meetings`;
    const body = { text_version: '2026-03', locale: 'nl-NL' };
    for (let round = 0; round < 2; round++) {
      const on = await api.ask('PUT', path, { key, body });
      expect(on.body.opt_ins).to.deep.equal(['hybrid-meetings']);
      expect((await api.ask('PUT', path, { key, body })).body).to.deep.equal(on.body);
      expect((await api.ask('DELETE', path, { key })).body.opt_ins).to.deep.equal([]);
    }
  });

  it('takes no opt-in for a feature that is off, unknown, or not the key’s', async () => {
    const id = await acme.logOn('opt-no@acme.example');
    const body = { text_version: '1', locale: 'nl' };
    const off = await api.ask('PUT', `/v1/users/${id}/opt-ins/check-in`, { key, body });
    expect([off.status, off.body.type]).to.deep.equal([409, '/problems/feature-off']);
    expect((await api.ask('PUT', `/v1/users/${id}/opt-ins/photos`, { key, body })).status).to.equal(404);
    const other = await acme.key(['opt-ins:write'], ['lockers']);
    const refused = await api.ask('PUT', `/v1/users/${id}/opt-ins/hybrid-meetings`, { key: other, body });
    expect([refused.status, refused.body.type]).to.deep.equal([403, '/problems/forbidden']);
    expect((await acme.store.users.get(id))?.opt_ins).to.deep.equal([]);
  });

  it('keeps every address out of the log', () => {
    const log = JSON.stringify(api.events);
    expect(api.events.length).to.be.above(20);
    expect(log)
      .to.not.include('@')
      .and.not.match(/Noor|de Wit|sl_t/);
    expect(log).to.include('"route":"/v1/users/{id}"');
  });
});
