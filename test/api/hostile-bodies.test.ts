import http from 'node:http';
import { expect } from 'chai';
import { routes } from '../../src/api/routes.ts';
import { bodyOf, pathOf, startApi, type TestApi, type TestTenant } from './support.ts';

const marker = 'zoe-marker@acme.example';

describe('hostile requests', () => {
  let api: TestApi;
  let acme: TestTenant;
  let key: string;
  let userId: string;
  before(async function () {
    this.timeout(60_000);
    api = await startApi();
    acme = await api.tenant();
    key = await acme.key();
    userId = await acme.logOn('noor@acme.example');
    await api.ask('GET', '/v1/users', { key }); // so that the first measured request opens no connection
  });
  after(async () => {
    await api.close();
  });

  const everything = async () => {
    const users = await acme.store.users.list({ after: undefined, limit: 1000 });
    const keys = await acme.store.keys.list();
    const connections = await acme.store.connections.list();
    const runs = await acme.store.runs.list({ limit: 1000 });
    return JSON.stringify([users, keys, connections, runs, Object.keys(Object.prototype)]);
  };
  const values = { name: 'people' };
  const ids = () => ({ ...values, id: userId });

  const bodies: Record<string, string> = {
    'nested 100,000 deep': `{"email":${'['.repeat(30_000)}"${marker}"`,
    'closed and nested 30,000 deep': `${'['.repeat(30_000)}${']'.repeat(30_000)}`,
    'with a key twice': `{"email":"${marker}","email":"x"}`,
    'with 1e400': `{"email":"${marker}","given_name":1e400}`,
    'with a lone surrogate': `{"email":"${marker}","given_name":"\\ud800"}`,
    'that ends early': `{"email":"${marker}`,
    'that is no object': `"${marker}"`,
    'that is a list': `["${marker}"]`,
    'of null': 'null',
    'with __proto__': `{"__proto__":{"email":"${marker}"}}`,
    'with a NUL': `{"email":"${marker}\u0000"}`,
    'of 65 KiB': `{"email":"${marker}${'x'.repeat(66_000)}"}`,
  };

  it('get a 4xx on every route, quickly, with nothing of them in it, and change nothing', async function () {
    this.timeout(120_000);
    const before = await everything();
    const times: number[] = [];
    for (const { method, path } of routes) {
      for (const [name, raw] of Object.entries(bodies)) {
        const started = performance.now();
        const reply = await api.ask(method, pathOf(path, ids()), { key, raw });
        times.push(performance.now() - started);
        expect(reply.status, `${method} ${path}, a body ${name}`).to.be.within(400, 499);
        expect(reply.headers['content-type']).to.equal('application/problem+json; charset=utf-8');
        expect(reply.text, `${method} ${path}, a body ${name}`).to.not.include('zoe');
      }
    }
    times.sort((a, b) => a - b);
    expect(times[Math.floor(times.length * 0.98)]).to.be.below(100);
    expect(await everything()).to.equal(before);
  });

  it('of 50 MB are answered before they have arrived', async () => {
    for (const headers of [{ 'content-length': String(50 * 2 ** 20) }, { 'transfer-encoding': 'chunked' }]) {
      const started = performance.now();
      const status = await new Promise<number>((resolve, reject) => {
        const request = http.request({
          host: '127.0.0.1',
          port: api.port,
          method: 'POST',
          path: '/v1/logons',
          headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
        });
        request.on('response', (response) => {
          resolve(response.statusCode ?? 0);
          request.destroy();
        });
        request.on('error', reject);
        request.write(Buffer.alloc(100_000, '['));
      });
      expect(status).to.equal(413);
      expect(performance.now() - started).to.be.below(100);
    }
    expect((await api.ask('GET', '/health/live')).status).to.equal(200);
  });

  it('with keys beyond the declared are refused, and set nothing', async () => {
    const before = await everything();
    const extras: Record<string, unknown> = {
      tenantId: 'x',
      tenant_id: 'x',
      role: 'admin',
      id: userId,
      status: 'active',
      version: 1,
      opt_ins: ['lockers'],
      subject: 'https://idp sub',
      trigger: 'schedule',
      secret_digest: 'x',
    };
    for (const { method, path } of routes.filter(({ method }) => method === 'POST' || method === 'PUT')) {
      for (const [extra, value] of Object.entries(extras)) {
        const body = { ...(bodyOf(path) as object | undefined), [extra]: value };
        const reply = await api.ask(method, pathOf(path, ids()), { key, body });
        expect(reply.status, `${method} ${path} with ${extra}`).to.equal(400);
      }
      for (const prototypeKey of ['__proto__', 'constructor', 'prototype']) {
        const raw = JSON.stringify(bodyOf(path) ?? {})
          .replace(/^\{/, `{"${prototypeKey}":{"role":"admin"}`)
          .replace('}"', '},"');
        const reply = await api.ask(method, pathOf(path, ids()), { key, raw });
        expect(reply.status, `${method} ${path} with ${prototypeKey}`).to.equal(400);
      }
    }
    expect(await everything()).to.equal(before);
    expect(({} as Record<string, unknown>).role).to.equal(undefined);
  });

  it('with parameters beyond the declared are refused', async () => {
    for (const { method, path } of routes) {
      const body = method === 'GET' || method === 'DELETE' ? undefined : bodyOf(path);
      for (const query of ['tenant_id=x', 'scope=admin', '__proto__[role]=admin', 'limit[]=1']) {
        const reply = await api.ask(method, `${pathOf(path, ids())}?${query}`, { key, body });
        expect(reply.status, `${method} ${path}?${query}`).to.equal(400);
      }
    }
    expect(await acme.store.users.get(userId)).to.not.equal(undefined);
  });

  it('that are not plain JSON are refused by their type', async () => {
    const raw = JSON.stringify(bodyOf('/v1/logons'));
    const types = [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/json; charset=latin1',
      'multipart/form-data',
      '',
    ];
    for (const type of types) {
      const reply = await api.ask('POST', '/v1/logons', { key, raw, headers: { 'content-type': type } });
      expect(reply.status, type).to.equal(415);
    }
    const zipped = await api.ask('POST', '/v1/logons', { key, raw, headers: { 'content-encoding': 'gzip' } });
    expect(zipped.status).to.equal(415);
    const utf8 = await api.ask('POST', '/v1/logons', {
      key,
      raw,
      headers: { 'content-type': 'application/json;charset=UTF-8' },
    });
    expect(utf8.status).to.equal(201);
  });

  it('with paths that decode to nothing, climb or name prototypes find nothing', async () => {
    const paths = [
      '/v1/users/%',
      '/v1/users/%ff',
      '/v1/users/..%2f..',
      '/v1/users/__proto__',
      '/v1/users/1%20or%201=1',
      '//v1/users',
      '/V1/users',
      '/v1/users/',
      '/problems/constructor',
      '/problems/__proto__',
    ];
    for (const path of paths) {
      const reply = await api.ask('GET', path, { key });
      expect(reply.status, path).to.equal(404);
      expect(reply.text).to.include('/problems/not-found');
    }
  });

  it('never reach the log with what they say', () => {
    expect(JSON.stringify(api.events)).to.not.include('zoe').and.not.include('1=1').and.not.include('__proto__');
  });
});
