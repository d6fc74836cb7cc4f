import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { docsStyle } from '../../src/api/docs/style.ts';
import { problemNames } from '../../src/api/problems.ts';
import { startApi, type TestApi, type TestTenant } from './support.ts';

describe('the interface', () => {
  let api: TestApi;
  let acme: TestTenant;
  let key: string;
  before(async function () {
    this.timeout(60_000);
    api = await startApi({
      limits: { perKey: { perSecond: 0.5, burst: 20 }, perTenant: { perSecond: 0.5, burst: 50 } },
    });
    acme = await api.tenant();
    key = await acme.key();
  });
  after(async () => {
    await api.close();
  });

  it('serves health, metrics, its description and its problems to anybody', async () => {
    expect((await api.ask('GET', '/health/live')).body).to.deep.equal({ status: 'live' });
    expect((await api.ask('GET', '/health/ready')).body).to.deep.equal({ status: 'ready', reasons: [] });
    const metrics = await api.ask('GET', '/metrics');
    expect([metrics.headers['content-type'], metrics.text]).to.deep.equal([
      'text/plain; version=0.0.4; charset=utf-8',
      '# HELP sluice_up 1 while the hub runs\nsluice_up 1\n',
    ]);
    expect((await api.ask('GET', '/openapi.json')).body.openapi).to.equal('3.1.0');
    for (const name of problemNames) {
      expect((await api.ask('GET', `/problems/${name}`)).body).to.include({ type: `/problems/${name}` });
    }
  });

  it('lets the page run nothing but its own style', async () => {
    const { headers, text } = await api.ask('GET', '/docs');
    const style = /<style>([\s\S]*?)<\/style>/.exec(text)?.[1] ?? '';
    expect(style).to.equal(docsStyle);
    const digest = createHash('sha256').update(style).digest('base64');
    expect(headers['content-security-policy'])
      .to.include("default-src 'none'")
      .and.include(`style-src 'sha256-${digest}'`);
    expect(headers['content-security-policy']).to.not.include('unsafe');
  });

  it('sends answers no cache keeps, no browser sniffs and no frame shows', async () => {
    const user = await acme.logOn('headers@acme.example');
    for (const path of [`/v1/users/${user}`, '/v1/users/nobody', '/nowhere', '/health/live']) {
      const { headers } = await api.ask('GET', path, { key });
      expect(headers['cache-control'], path).to.equal('no-store');
      expect(headers['x-content-type-options'], path).to.equal('nosniff');
      expect(headers['content-security-policy'], path).to.equal("default-src 'none';frame-ancestors 'none'");
      expect(headers, path).to.not.have.any.keys('x-powered-by', 'server', 'access-control-allow-origin');
    }
  });

  it('answers 404 to what is nowhere and 405 with the methods to what takes another', async () => {
    expect((await api.ask('GET', '/nowhere')).body).to.include({ type: '/problems/not-found', status: 404 });
    const wrong = await api.ask('PATCH', '/v1/users/x', { key });
    expect([wrong.status, wrong.headers.allow]).to.deep.equal([405, 'GET, HEAD, DELETE']);
    expect((await api.ask('POST', '/docs')).headers.allow).to.equal('GET, HEAD');
  });

  it('tells nothing of a fault but the id under which the log has it', async () => {
    api.faults.readiness = new Error('password of zoe@acme.example is hunter2');
    const muted = console.error;
    console.error = () => {};
    const reply = await api.ask('GET', '/health/ready');
    console.error = muted;
    delete api.faults.readiness;
    expect(reply.status).to.equal(500);
    const fault = api.events.find((event) => event.event === 'api-fault');
    expect(reply.body.instance).to.equal(`urn:uuid:${fault?.request}`);
    expect(fault).to.include({ route: '/health/ready' });
    expect(reply.text + JSON.stringify(api.events)).to.not.match(/zoe|hunter2/);
  });

  it('logs one event per request, with the route and never the path', async () => {
    const before = api.events.length;
    await api.ask('GET', '/v1/users/zoe%40acme.example?x=zoe', { key });
    expect(api.events.slice(before)).to.have.length(1);
    expect(api.events.at(-1)).to.include({
      event: 'api-request',
      method: 'GET',
      route: '/v1/users/{id}',
      tenant: acme.name,
      key: key.split('_')[2],
      aborted: false,
    });
    expect(JSON.stringify(api.events)).to.not.include('zoe');
  });

  it('answers 429 and when to come back to a key that asks too much, and to no other', async () => {
    const noisy = await acme.key(['users:read']);
    const statuses = [];
    for (let round = 0; round < 25; round++)
      statuses.push((await api.ask('GET', '/v1/users?limit=1', { key: noisy })).status);
    expect(statuses.filter((status) => status === 200)).to.have.length(20);
    const before = api.authentications();
    const refused = await api.ask('GET', '/v1/users', { key: noisy });
    expect(api.authentications(), 'a refused request costs no database').to.equal(before);
    expect([refused.status, refused.body.type]).to.deep.equal([429, '/problems/too-many-requests']);
    expect(Number(refused.headers['retry-after'])).to.be.within(1, 3);
    expect((await api.ask('GET', '/v1/users?limit=1', { key })).status).to.equal(200);
  });

  it('answers 429 to all keys of a tenant that asks too much, and to no other tenant', async () => {
    const other = await api.tenant();
    let refusals = 0;
    for (let keys = 0; keys < 4; keys++) {
      const one = await acme.key(['users:read']);
      for (let round = 0; round < 15; round++) {
        if ((await api.ask('GET', '/v1/users?limit=1', { key: one })).status === 429) refusals++;
      }
    }
    expect(refusals).to.be.above(0);
    expect((await api.ask('GET', '/v1/users', { key: await other.key() })).status).to.equal(200);
  });
});

describe('a slow answer', () => {
  it('is given up in time with 503, and a repetition finds what it did', async function () {
    this.timeout(60_000);
    const { onFaultPoint } = await import('../../src/base/faults.ts');
    const api = await startApi({ limits: { answerWithinMs: 400 } });
    try {
      const acme = await api.tenant();
      const key = await acme.key();
      const ask = {
        key,
        body: { email: 'slow@acme.example', given_name: 'Noor', family_name: '' },
        headers: { 'idempotency-key': 'slow' },
      };
      onFaultPoint(async (point) => {
        if (point === 'log-on.locked') await new Promise((resolve) => setTimeout(resolve, 900));
      });
      const started = performance.now();
      const late = await api.ask('POST', '/v1/logons', ask);
      expect([late.status, late.body.type, late.body.retry]).to.deep.equal([503, '/problems/timed-out', 'later']);
      expect(performance.now() - started).to.be.below(800);
      onFaultPoint(undefined);
      await new Promise((resolve) => setTimeout(resolve, 900));
      const again = await api.ask('POST', '/v1/logons', ask);
      expect([again.status, again.headers['idempotency-replayed']]).to.deep.equal([201, 'true']);
    } finally {
      onFaultPoint(undefined);
      await api.close();
    }
  });
});
