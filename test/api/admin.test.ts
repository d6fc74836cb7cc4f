import { expect } from 'chai';
import { employee } from '../support/memory-source.ts';
import { connection, startApi, type TestApi, type TestTenant } from './support.ts';

describe('administration over HTTP', () => {
  let api: TestApi;
  let acme: TestTenant;
  let key: string;
  before(async function () {
    this.timeout(60_000);
    api = await startApi();
    acme = await api.tenant({
      connections: ['people', 'annex', 'lockers'].map((name) =>
        connection(name, { settings: { place: 'hunter2-marker' } }),
      ),
    });
    key = await acme.key(['admin']);
  });
  after(async () => {
    await api.close();
  });

  const ask = (method: string, path: string, body?: unknown) => api.ask(method, `/admin/v1${path}`, { key, body });

  it('lists connections by name, page by page, without their settings', async () => {
    const first = await ask('GET', '/connections?limit=2');
    expect(first.body.items.map(({ name }: { name: string }) => name)).to.deep.equal(['annex', 'lockers']);
    const second = await ask('GET', `/connections?limit=2&cursor=${first.body.next}`);
    expect(second.body.items.map(({ name }: { name: string }) => name)).to.deep.equal(['people']);
    expect(second.body.next).to.equal(null);
    expect(first.text + second.text).to.not.include('hunter2');
  });

  it('answers 304 to a list that did not change', async () => {
    const first = await ask('GET', '/connections');
    const again = await api.ask('GET', '/admin/v1/connections', {
      key,
      headers: { 'if-none-match': first.headers.etag! },
    });
    expect(again.status).to.equal(304);
  });

  it('pauses and resumes, and wants a run only for what was paused', async () => {
    expect((await ask('POST', '/connections/annex/pause')).body.paused).to.equal(true);
    expect((await ask('POST', '/connections/annex/pause', {})).body.paused).to.equal(true);
    expect((await ask('POST', '/connections/annex/resume')).body.paused).to.equal(false);
    const runs = async () => (await ask('GET', '/runs?connection=annex')).body.items.length;
    expect(await runs()).to.equal(1);
    expect((await ask('POST', '/connections/annex/resume')).status).to.equal(200);
    expect(await runs()).to.equal(1);
  });

  it('starts a run, says where its receipt is, and refuses a second', async () => {
    const started = await ask('POST', '/connections/people/runs', { mode: 'full' });
    expect(started.status).to.equal(202);
    expect(started.headers.location).to.equal(`/admin/v1/runs/${started.body.run}`);
    const receipt = await api.ask('GET', started.headers.location!, { key });
    expect(receipt.body).to.include({ run: started.body.run, connection: `${acme.name}/people`, status: 'running' });
    const second = await ask('POST', '/connections/people/runs');
    expect([second.status, second.body.type, second.body.retry]).to.deep.equal([
      409,
      '/problems/already-running',
      'later',
    ]);
    expect(second.headers).to.have.property('retry-after');
  });

  it('decides only what is held', async () => {
    const { body } = await ask('GET', '/runs?connection=people');
    const { run } = body.items[0];
    for (const decision of ['approve', 'reject']) {
      const reply = await ask('POST', `/runs/${run}/${decision}`);
      expect([reply.status, reply.body.type]).to.deep.equal([409, '/problems/not-held']);
    }
    expect((await ask('POST', `/runs/${run}/cancel`)).body.status).to.equal('cancelled');
  });

  it('checks a connection and says whether a run would work', async () => {
    const reply = await ask('POST', '/connections/people/check');
    expect(reply.body).to.deep.equal({
      passed: true,
      findings: [{ step: 'connection', outcome: 'ok', sentence: 'In memory.' }],
    });
  });

  it('previews what would come in, shows nothing of strangers, and writes nothing', async () => {
    api.source.people = [employee(1, { mail: 'known@acme.example' }), employee(2, { mail: 'zoe@acme.example' })];
    const id = await acme.logOn('known@acme.example');
    const before = await acme.store.users.get(id);
    const plain = await ask('POST', '/connections/people/preview');
    expect(plain.body.streams.users).to.include({ read: 2, kept: 1 });
    expect(plain.body.streams.users.dropped).to.deep.equal({ 'not-a-user': 1 });
    expect(plain.text)
      .to.include('Given1')
      .and.not.match(/zoe|Given2|Family2/);
    const as = await ask('POST', '/connections/people/preview', { as_user: 'zoe@acme.example', limit: 10 });
    expect(as.body.streams.users.kept).to.equal(2);
    expect(await acme.store.users.get(id)).to.deep.equal(before);
    expect(await acme.store.users.findByEmail('zoe@acme.example')).to.equal(undefined);
  });

  it('approves removals that a run holds, in the name of the key', async () => {
    const tenant = await api.tenant();
    const admin = await tenant.key(['admin']);
    const emails = Array.from({ length: 12 }, (_, n) => `held${n}@acme.example`);
    for (const email of emails) await tenant.logOn(email);
    api.source.people = emails.map((mail, n) => employee(n + 100, { mail }));
    const order = { tenantId: tenant.store.tenantId, connection: 'people', trigger: 'manual', mode: 'full' } as const;
    await api.hub.sync.run(order);
    api.source.people = api.source.people.slice(0, 2);
    const { run, status } = await api.hub.sync.run(order);
    expect(status).to.equal('held');
    const receipt = await api.ask('GET', `/admin/v1/runs/${run}`, { key: admin });
    expect(receipt.body.streams.users).to.include({ held: 10, removed: 0 });
    const approved = await api.ask('POST', `/admin/v1/runs/${run}/approve`, { key: admin });
    expect(approved.body).to.include({ status: 'succeeded', decided_by: 'test' });
    const { body } = await api.ask('GET', '/v1/changes?limit=1000&include=entities', { key: await tenant.key() });
    const left = body.items.filter(({ entity }: { entity: { status: string } }) => entity.status === 'left');
    expect(left).to.have.length(10);
    const again = await api.ask('POST', `/admin/v1/runs/${run}/reject`, { key: admin });
    expect([again.status, again.body.type]).to.deep.equal([409, '/problems/not-held']);
  });

  it('lists runs newest first, and page by page', async () => {
    const { run } = (await ask('POST', '/connections/lockers/runs')).body;
    const first = await ask('GET', '/runs?limit=1');
    expect(first.body.items[0].run).to.equal(run);
    const second = await ask('GET', `/runs?limit=1&cursor=${first.body.next}`);
    expect(second.body.items[0].run < run).to.equal(true);
  });

  it('makes a key that works until it is revoked', async () => {
    const made = await ask('POST', '/keys', {
      name: 'rooms',
      scopes: ['users:read', 'users:read'],
      features: ['room-booking'],
    });
    expect(made.status).to.equal(201);
    expect(made.body).to.deep.include({
      name: 'rooms',
      scopes: ['users:read'],
      features: ['room-booking'],
      expires_at: null,
    });
    const use = () => api.ask('GET', '/v1/users', { key: made.body.key });
    expect((await use()).status).to.equal(200);
    const listed = (await ask('GET', '/keys')).text;
    expect(listed).to.include('"rooms"').and.not.include(made.body.key.split('_')[3]);
    expect((await ask('DELETE', `/keys/${made.body.id}`)).status).to.equal(204);
    expect((await use()).status).to.equal(401);
    expect((await ask('DELETE', `/keys/${made.body.id}`)).status).to.equal(404);
  });

  it('makes no key that is expired already', async () => {
    const reply = await ask('POST', '/keys', { name: 'late', scopes: ['admin'], expires_at: '2020-01-01T00:00:00Z' });
    expect([reply.status, reply.body.errors[0].path]).to.deep.equal([400, '/expires_at']);
  });

  it('tells how fresh each source is', async () => {
    const reply = await api.ask('GET', '/v1/sources', { key: await acme.key(['sources:read']) });
    expect(reply.status).to.equal(200);
    expect(reply.body.next).to.equal(null);
  });
});
