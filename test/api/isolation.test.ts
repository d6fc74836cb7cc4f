import { expect } from 'chai';
import { routes } from '../../src/api/routes.ts';
import { type ScopeName, scopeNames } from '../../src/api/scopes.ts';
import { newId } from '../../src/base/uuid.ts';
import { bodyOf, connection, pathOf, startApi, type TestApi, type TestTenant } from './support.ts';

describe('one tenant and another', () => {
  let api: TestApi;
  let acme: TestTenant;
  let other: TestTenant;
  let strangerKey: string;
  /** What acme has, by the parameter and the path that take it. */
  let userId: string;
  let runId: string;
  let keyId: string;

  before(async function () {
    this.timeout(60_000);
    api = await startApi();
    acme = await api.tenant({
      connections: [connection('acme-people'), connection('people')],
    });
    other = await api.tenant();
    strangerKey = await other.key();
    userId = await acme.logOn('noor@acme.example');
    await other.logOn('someone@other.example');
    runId = await acme.store.runs.open((await acme.store.connections.get('acme-people')).id, 'manual');
    keyId = (await acme.store.keys.create({ name: 'theirs', scopes: ['admin'], features: null, expires_at: null })).id;
  });
  after(async () => {
    await api.close();
  });

  const theirs = (path: string): Record<string, string> => ({
    id: path.includes('/runs/') ? runId : path.includes('/keys/') ? keyId : userId,
    name: 'acme-people',
  });
  const nobodys = (path: string): Record<string, string> => ({
    id: path.includes('/keys/') ? 'AAAAAAAAAAAA' : newId(),
    name: 'nobody-people',
  });

  it('gets the same 404 for the other’s ids as for ids of nobody, on every route and verb', async () => {
    let tried = 0;
    for (const path of new Set(routes.map((route) => route.path).filter((one) => one.includes('{')))) {
      for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
        const isRoute = routes.some(
          (route) => route.path === path && (route.method === method || (route.method === 'GET' && method === 'HEAD')),
        );
        const takesBody = isRoute && method !== 'GET' && method !== 'HEAD' && method !== 'DELETE';
        const ask = { key: strangerKey, ...(takesBody ? { body: bodyOf(path) } : {}) };
        const foreign = await api.ask(method, pathOf(path, theirs(path)), ask);
        const unknown = await api.ask(method, pathOf(path, nobodys(path)), ask);
        expect(foreign.status, `${method} ${path}`).to.equal(isRoute ? 404 : 405);
        expect([foreign.status, foreign.text]).to.deep.equal([unknown.status, unknown.text]);
        tried++;
      }
    }
    expect(tried).to.be.above(80);
  });

  it('sees nothing of the other in any list', async () => {
    for (const route of routes.filter(({ method, path }) => method === 'GET' && !path.includes('{'))) {
      const reply = await api.ask('GET', route.path, { key: strangerKey });
      expect(reply.status, route.path).to.equal(200);
      expect(reply.text, route.path).to.not.match(new RegExp([userId, runId, keyId, 'acme'].join('|')));
    }
  });

  it('starts nothing, removes nothing and decides nothing of the other', async () => {
    expect((await acme.store.users.get(userId))?.opt_ins).to.deep.equal([]);
    expect((await acme.store.runs.get(runId)).status).to.equal('running');
    expect((await acme.store.keys.list()).map(({ id }) => id)).to.include(keyId);
    expect((await acme.store.connections.get('acme-people')).paused).to.equal(false);
  });

  it('does not learn from the time an answer takes whether the other has it', async function () {
    this.timeout(60_000);
    const times: Record<'foreign' | 'unknown', number[]> = { foreign: [], unknown: [] };
    const measure = async (which: 'foreign' | 'unknown', id: string) => {
      const started = performance.now();
      await api.ask('GET', `/v1/users/${id}`, { key: strangerKey });
      times[which].push(performance.now() - started);
    };
    for (let round = 0; round < 60; round++) {
      await measure('foreign', userId);
      await measure('unknown', newId());
    }
    // The fastest of each: what else a machine does only ever adds.
    expect(Math.abs(Math.min(...times.foreign) - Math.min(...times.unknown))).to.be.below(1);
  });

  it('does not get in with a key whose tenant was rewritten', async () => {
    const forged = strangerKey.replace(`sl_${other.name}_`, `sl_${acme.name}_`);
    expect((await api.ask('GET', '/v1/users', { key: forged })).status).to.equal(401);
  });

  it('has its own answers for the same Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'the-same' };
    const body = bodyOf('/v1/logons');
    const ours = await api.ask('POST', '/v1/logons', { key: await acme.key(), body, headers });
    const theirsReply = await api.ask('POST', '/v1/logons', { key: strangerKey, body, headers });
    expect([ours.status, theirsReply.status]).to.deep.equal([201, 201]);
    expect(ours.body.id).to.not.equal(theirsReply.body.id);
  });
});

describe('scopes', () => {
  let api: TestApi;
  let acme: TestTenant;
  before(async function () {
    this.timeout(60_000);
    api = await startApi();
    acme = await api.tenant();
  });
  after(async () => {
    await api.close();
  });

  /** Written out by hand, so that a route whose scope is changed by mistake differs from it. */
  const table: Record<string, ScopeName> = {
    'POST /v1/logons': 'users:write',
    'GET /v1/users': 'users:read',
    'GET /v1/users/{id}': 'users:read',
    'DELETE /v1/users/{id}': 'users:erase',
    'PUT /v1/users/{id}/opt-ins/{feature}': 'opt-ins:write',
    'DELETE /v1/users/{id}/opt-ins/{feature}': 'opt-ins:write',
    'GET /v1/spaces': 'spaces:read',
    'GET /v1/events': 'events:read',
    'POST /v1/availability': 'events:read',
    'GET /v1/sources': 'sources:read',
    'GET /v1/changes': 'changes:read',
    'GET /admin/v1/connections': 'admin',
    'GET /admin/v1/connections/{name}': 'admin',
    'POST /admin/v1/connections/{name}/check': 'admin',
    'POST /admin/v1/connections/{name}/preview': 'admin',
    'POST /admin/v1/connections/{name}/pause': 'admin',
    'POST /admin/v1/connections/{name}/resume': 'admin',
    'POST /admin/v1/connections/{name}/runs': 'admin',
    'GET /admin/v1/runs': 'admin',
    'GET /admin/v1/runs/{id}': 'admin',
    'POST /admin/v1/runs/{id}/approve': 'admin',
    'POST /admin/v1/runs/{id}/reject': 'admin',
    'POST /admin/v1/runs/{id}/cancel': 'admin',
    'GET /admin/v1/keys': 'admin',
    'POST /admin/v1/keys': 'admin',
    'DELETE /admin/v1/keys/{id}': 'admin',
  };

  it('are declared for every route', () => {
    expect(Object.fromEntries(routes.map(({ method, path, scope }) => [`${method} ${path}`, scope]))).to.deep.equal(
      table,
    );
  });

  it('open exactly the routes of the table, for a key with one scope each', async function () {
    this.timeout(120_000);
    const opened: Record<string, string[]> = {};
    for (const scope of scopeNames) {
      const key = await acme.key([scope]);
      for (const { method, path } of routes) {
        const values = { name: 'nobody', id: path.includes('/keys/') ? 'AAAAAAAAAAAA' : newId() };
        const body = method === 'GET' || method === 'DELETE' ? undefined : bodyOf(path);
        const reply = await api.ask(method, pathOf(path, values), { key, body });
        if (reply.status === 403) expect(reply.body).to.include({ type: '/problems/forbidden' });
        else opened[`${method} ${path}`] = [...(opened[`${method} ${path}`] ?? []), scope];
      }
    }
    expect(opened).to.deep.equal(Object.fromEntries(Object.entries(table).map(([route, scope]) => [route, [scope]])));
  });

  it('open nothing to a missing, wrong, expired or revoked key', async () => {
    const { key: expired } = await acme.store.keys.create({
      name: 'x',
      scopes: scopeNames,
      features: null,
      expires_at: new Date(api.hub.clock.now().getTime() + 1_000),
    });
    const { key: revoked, id } = await acme.store.keys.create({
      name: 'x',
      scopes: scopeNames,
      features: null,
      expires_at: null,
    });
    expect((await api.ask('GET', '/v1/users', { key: expired })).status).to.equal(200);
    expect((await api.ask('GET', '/v1/users', { key: revoked })).status).to.equal(200);
    await acme.store.keys.revoke(id);
    api.hub.clock.advance(2_000);
    const wrong = revoked.slice(0, -1) + (revoked.endsWith('a') ? 'b' : 'a');
    const replies = [];
    for (const { method, path } of routes) {
      for (const key of [undefined, expired, revoked, wrong]) {
        const reply = await api.ask(method, pathOf(path), { key });
        expect(reply.status, `${method} ${path}`).to.equal(401);
        expect(reply.headers['www-authenticate']).to.match(/^Bearer/);
        replies.push(reply.text);
      }
    }
    expect(new Set(replies).size).to.equal(2);
  });
});
