import { expect } from 'chai';
import { cursorSeq } from '../../src/store/index.ts';
import { type Reply, startApi, type TestApi, type TestTenant } from './support.ts';

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('changes over HTTP', () => {
  const poolSize = 2;
  let api: TestApi;
  let acme: TestTenant;
  let key: string;
  before(async function () {
    this.timeout(60_000);
    api = await startApi({ poolSize, limits: { waitsPerKey: 20 } });
    acme = await api.tenant();
    key = await acme.key(['changes:read', 'users:read']);
  });
  after(async () => {
    await api.close();
  });

  const read = (query: string, by = key) => api.ask('GET', `/v1/changes?${query}`, { key: by });
  const kindsAndOps = (reply: Reply) => reply.body.items.map((item: { id: string; op: string }) => [item.id, item.op]);

  /** Where a reader that has everything stands. */
  async function end(by = key): Promise<string> {
    let cursor = '';
    for (;;) {
      const { body } = await read(`limit=1000${cursor && `&cursor=${cursor}`}`, by);
      cursor = body.next;
      if (!body.more) return cursor;
    }
  }

  it('gives every live user once without a cursor, then what changes', async () => {
    const ids = [];
    for (let user = 0; user < 5; user++) ids.push(await acme.logOn(`c${user}@acme.example`));
    await acme.store.users.erase(ids[0]!);
    const seen: string[] = [];
    let reply = await read('limit=2');
    seen.push(...reply.body.items.map((item: { id: string }) => item.id));
    while (reply.body.more) {
      reply = await read(`limit=2&cursor=${reply.body.next}`);
      seen.push(...reply.body.items.map((item: { id: string }) => item.id));
    }
    expect(seen).to.have.members(ids.slice(1)).and.have.length(4);
    await acme.store.users.erase(ids[1]!);
    const next = await read(`cursor=${reply.body.next}`);
    expect(next.body.items).to.have.length(1);
    expect(next.body.items[0]).to.deep.include({ kind: 'user', id: ids[1], op: 'remove', reason: 'erased' });
  });

  it('embeds each entity as its own GET would show it to this key', async () => {
    const from = await end();
    const id = await acme.logOn('embedded@acme.example');
    await acme.tell('embedded@acme.example', { phone: '+31205550123' });
    for (const features of [null, ['people-directory'], ['lockers']] as const) {
      const by = await acme.key(['changes:read', 'users:read'], features);
      const { body } = await read(`cursor=${from}&include=entities`, by);
      const own = await api.ask('GET', `/v1/users/${id}`, { key: by });
      expect(body.items.at(-1).entity).to.deep.equal(own.body);
      expect('phone' in own.body).to.equal(features === null || features[0] === 'people-directory');
    }
  });

  it('embeds nothing for what went in between', async () => {
    const id = await acme.logOn('fleeting@acme.example');
    const page = await acme.store.changes.read({ cursor: undefined, limit: 1000, kinds: ['user'] });
    expect(page.items.map((item) => item.id)).to.include(id);
    await acme.store.users.erase(id);
    const { body } = await read('limit=1000&include=entities');
    expect(body.items.filter((item: { id: string; entity: unknown }) => item.id === id && item.entity)).to.deep.equal(
      [],
    );
  });

  it('leaves out kinds outside the key’s scopes, and the cursor advances all the same', async () => {
    const blind = await acme.key(['changes:read', 'lockers:read']);
    const from = await end(blind);
    await acme.logOn('unseen@acme.example');
    const reply = await read(`cursor=${from}&kinds=user,locker`, blind);
    expect([reply.status, reply.body.items, reply.body.more]).to.deep.equal([200, [], false]);
    expect(reply.body.next).to.not.equal(from);
  });

  it('shows no lockers to a key that is not for the feature lockers', async () => {
    const { visibleKinds } = await import('../../src/api/changes/handlers.ts');
    const caller = (scopes: string[], features: ('lockers' | 'people-directory')[] | null) => ({
      tenantId: 't',
      tenant: 't',
      key: { id: 'k', name: 'k', scopes, features, expires_at: null },
    });
    expect(visibleKinds(caller(['users:read', 'lockers:read'], null))).to.deep.equal(['user', 'locker']);
    expect(visibleKinds(caller(['users:read', 'lockers:read'], ['people-directory']))).to.deep.equal(['user']);
    expect(visibleKinds(caller(['lockers:read'], ['lockers']))).to.deep.equal(['locker']);
    expect(visibleKinds(caller(['changes:read', 'admin'], null))).to.deep.equal([]);
  });

  it('answers a long-poll as soon as something changes', async () => {
    const from = await end();
    const started = performance.now();
    const waiting = read(`cursor=${from}&wait=20`);
    await sleep(150);
    const id = await acme.logOn('news@acme.example');
    const reply = await waiting;
    expect(kindsAndOps(reply)).to.deep.equal([[id, 'upsert']]);
    expect(performance.now() - started).to.be.within(100, 3_000);
  });

  it('answers a long-poll empty when its time is up', async () => {
    const from = await end();
    const started = performance.now();
    const reply = await read(`cursor=${from}&wait=1`);
    expect([reply.status, reply.body.items]).to.deep.equal([200, []]);
    expect(performance.now() - started).to.be.within(950, 2_500);
  });

  it('does not wake a reader for kinds it does not see, and counts them as passed', async () => {
    const blind = await acme.key(['changes:read', 'lockers:read']);
    const from = await end(blind);
    const waiting = read(`cursor=${from}&wait=1`, blind);
    await sleep(100);
    await acme.logOn('unseen-too@acme.example');
    const reply = await waiting;
    expect(reply.body.items).to.deep.equal([]);
    expect(cursorSeq(reply.body.next)).to.equal(cursorSeq(await end(blind)));
  });

  it('holds no database connection for 16 long-polls at once', async () => {
    const from = await end();
    const polls = Array.from({ length: 16 }, () => read(`cursor=${from}&wait=20`));
    while (api.waiting() < 16) await sleep(10);
    const started = performance.now();
    for (let round = 0; round < 10; round++) await api.ask('GET', '/v1/users?limit=1', { key });
    expect(performance.now() - started, `with a pool of ${poolSize}`).to.be.below(3_000);
    const id = await acme.logOn('all@acme.example');
    for (const reply of await Promise.all(polls)) expect(kindsAndOps(reply)).to.deep.equal([[id, 'upsert']]);
    expect(api.waiting()).to.equal(0);
  });

  it('refuses more long-polls with one key than a reader can need', async () => {
    const from = await end();
    const hangUp = new AbortController();
    const polls = Array.from({ length: 20 }, () =>
      api.ask('GET', `/v1/changes?cursor=${from}&wait=20`, { key, signal: hangUp.signal }).catch(() => undefined),
    );
    while (api.waiting() < 20) await sleep(10);
    const refused = await read(`cursor=${from}&wait=20`);
    expect([refused.status, refused.body.type]).to.deep.equal([429, '/problems/too-many-requests']);
    expect(Number(refused.headers['retry-after'])).to.be.above(0);
    hangUp.abort();
    await Promise.all(polls);
  });

  it('stops waiting for a caller who hung up', async () => {
    const from = await end();
    const hangUp = new AbortController();
    const poll = api
      .ask('GET', `/v1/changes?cursor=${from}&wait=20`, { key, signal: hangUp.signal })
      .catch(() => 'gone');
    while (api.waiting() === 0) await sleep(10);
    hangUp.abort();
    expect(await poll).to.equal('gone');
    for (let tries = 0; api.waiting() > 0 && tries < 100; tries++) await sleep(10);
    expect(api.waiting()).to.equal(0);
    expect(api.events.some((event) => event.event === 'api-request' && event.aborted)).to.equal(true);
  });

  it('answers 410 to a cursor of another epoch, and says to start again', async () => {
    const other = await api.tenant();
    await other.logOn('o@acme.example');
    const foreign = await other.store.changes.read({ cursor: undefined, limit: 1, kinds: ['user'] });
    const reply = await read(`cursor=${foreign.next}`);
    expect([reply.status, reply.body.type, reply.body.retry]).to.deep.equal([
      410,
      '/problems/cursor-too-old',
      'after-change',
    ]);
  });

  it('answers 400 to a cursor that is none', async () => {
    for (const cursor of ['x', '2999-12-31', '%00', Buffer.from('1 a b c').toString('base64url')]) {
      expect((await read(`cursor=${cursor}`)).status, cursor).to.equal(400);
    }
  });

  it('ends its long-polls when the hub stops', async () => {
    const own = await startApi();
    const tenant = await own.tenant();
    const token = await tenant.key(['changes:read', 'users:read']);
    const poll = own.ask('GET', '/v1/changes?wait=20', { key: token });
    while (own.waiting() === 0) await sleep(10);
    const started = performance.now();
    own.stop();
    expect((await poll).status).to.equal(200);
    expect(performance.now() - started).to.be.below(1_000);
    await own.close();
  });
});
