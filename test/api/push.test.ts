import { expect } from 'chai';
import type { Subscription } from '../../src/contract/index.ts';
import { asOwner, tablesHolding } from '../support/owner.ts';
import { connection, startApi, type TestApi, type TestTenant } from './support.ts';

const EXPIRES = new Date('2099-01-01T00:00:00Z');

describe('pushes', () => {
  let api: TestApi;
  let acme: TestTenant;
  let token: string;
  let id: string;
  let made = 0;

  before(async () => {
    api = await startApi();
  });
  after(() => api.close());
  beforeEach(async () => {
    acme = await api.tenant({
      connections: [connection('m365', { connector: 'microsoft-graph' }), connection('people')],
    });
    id = (await acme.store.connections.get('m365')).id;
    token = acme.store.pushToken(id);
    api.pushed.length = 0;
  });

  /** A subscription that stands and whose partition has been read since. */
  async function subscription(partition: string, secret = 'secret'): Promise<string> {
    const one: Subscription = { id: `s-${++made}`, stream: 'events', partition, expiresAt: EXPIRES };
    const lease = await acme.store.acquire(id, { trigger: 'manual' });
    await acme.store.subscriptions.made(lease, one, { secret, address: 'https://hub.example' });
    for (const wish of await acme.store.subscriptions.wishes(id)) await acme.store.subscriptions.served(lease, wish);
    await acme.store.end(lease, { status: 'succeeded', failure: null, requests: 0, bytes: 0 });
    return one.id;
  }
  const notice = (subscriptionId: string, more: object = {}) => ({
    subscriptionId,
    clientState: 'secret',
    changeType: 'updated',
    ...more,
  });
  const push = (body: unknown, to = token) => api.ask('POST', `/push/v1/${to}`, { body });
  const wished = async () => (await acme.store.subscriptions.wishes(id)).map(({ partition }) => partition).sort();
  const jobs = () =>
    asOwner(async (client) => {
      const { rows } = await client.query<{ data: { push: boolean }; wait_s: number }>(
        `SELECT data, round(extract(epoch FROM start_after - created_on))::int AS wait_s FROM pgboss.job
          WHERE name = 'run' AND data->>'tenantId' = $1`,
        [acme.store.tenantId],
      );
      return rows;
    });

  it('answer a test of the address with the decoded token as plain text, which nothing can take for more', async () => {
    const sent = 'Validation: <script>alert(1)</script> a+b é';
    const reply = await api.ask('POST', `/push/v1/${token}?validationToken=${encodeURIComponent(sent)}&x=y`, {
      headers: { 'content-type': 'text/plain; charset=utf-8' },
    });
    expect([reply.status, reply.text]).to.deep.equal([200, sent]);
    expect(reply.headers).to.include({
      'content-type': 'text/plain; charset=utf-8',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
    expect(reply.headers['content-security-policy']).to.include("default-src 'none'");
  });

  it('refuse to send back what is no test: too long, with control characters, under a wrong token', async () => {
    const test = (text: string, to = token) =>
      api.ask('POST', `/push/v1/${to}?validationToken=${encodeURIComponent(text)}`);
    for (const text of ['x'.repeat(1_025), 'a\r\nSet-Cookie: b', 'a\u0000'])
      expect((await test(text)).status, text).to.equal(400);
    const wrong = await test('hello', `${token.slice(0, -1)}${token.endsWith('0') ? '1' : '0'}`);
    expect([wrong.status, wrong.text.includes('hello')]).to.deep.equal([404, false]);
  });

  it('under a token that opens nothing answer like an address that does not exist', async () => {
    const stranger = await api.tenant({ connections: [connection('m365', { connector: 'microsoft-graph' })] });
    const theirs = (await stranger.store.connections.get('m365')).id;
    const people = (await acme.store.connections.get('people')).id;
    const forged = [
      'x',
      '%00',
      'x'.repeat(5_000),
      token.replace(acme.name, stranger.name),
      token.replace(id, theirs),
      token.replace(/_[0-9a-f]{64}$/, `_${'0'.repeat(64)}`),
      token.replace(acme.name, 'nobody'),
      // Proven, but its connector takes nothing.
      acme.store.pushToken(people),
    ];
    const nowhere = await api.ask('POST', '/push/v2/x', { body: {} });
    for (const one of forged) {
      const reply = await push({ value: [] }, one);
      expect([reply.status, reply.text], one.slice(0, 80)).to.deep.equal([404, nowhere.text]);
    }
    expect((await api.ask('GET', `/push/v1/${token}`)).status).to.equal(405);
  });

  it('end with the connection: its old address opens nothing', async () => {
    expect((await push({ value: [] })).status).to.equal(202);
    const live = (await acme.store.configuration.read())!;
    await acme.store.configuration.write(
      { ...live.configuration, connections: [] },
      { expected: live.version, resume: true },
    );
    expect((await push({ value: [] })).status).to.equal(404);
  });

  it('have the partitions read whose subscriptions they name, several in one, by one job a little later', async () => {
    const [a, b] = [await subscription('a'), await subscription('b')];
    await subscription('c');
    expect(await wished()).to.deep.equal([]);
    const reply = await push({ value: [notice(a), notice(b), notice(a)] });
    expect([reply.status, reply.text]).to.deep.equal([202, '']);
    expect(await wished()).to.deep.equal(['a', 'b']);
    expect(await jobs()).to.deep.equal([
      { data: { tenantId: acme.store.tenantId, connection: 'm365', push: true }, wait_s: 5 },
    ]);
    expect(api.pushed).to.deep.equal([
      { event: 'push', tenant: acme.name, connection: 'm365', believed: 3, ignored: 0 },
    ]);
  });

  it('call one run for a burst, and another when that one may have begun', async () => {
    const a = await subscription('a');
    const b = await subscription('b');
    for (let n = 0; n < 20; n++) await push({ value: [notice(n % 2 ? a : b)] });
    expect(await jobs()).to.have.length(1);
    api.hub.clock.advance(2_001);
    await push({ value: [notice(a)] });
    expect(await jobs()).to.have.length(2);
    api.hub.clock.set(undefined);
  });

  it('with a wrong secret are taken, counted and believed in nothing', async () => {
    const [a, b] = [await subscription('a'), await subscription('b', 'another')];
    const wrong = [
      { clientState: 'M4RKER' },
      { clientState: '' },
      { clientState: undefined },
      { clientState: 'another' },
    ];
    const reply = await push({ value: [...wrong.map((more) => notice(a, more)), notice(b), notice('s-unknown')] });
    expect(reply.status).to.equal(202);
    expect(await wished()).to.deep.equal([]);
    expect(await jobs()).to.deep.equal([]);
    expect(api.pushed).to.deep.equal([
      { event: 'push', tenant: acme.name, connection: 'm365', believed: 0, ignored: 4 },
    ]);
  });

  it('of one connection cannot speak for another’s subscriptions, not even with their secret', async () => {
    const a = await subscription('a');
    const other = await api.tenant({ connections: [connection('m365', { connector: 'microsoft-graph' })] });
    const theirs = (await other.store.connections.get('m365')).id;
    expect((await push({ value: [notice(a)] }, other.store.pushToken(theirs))).status).to.equal(202);
    expect(await wished()).to.deep.equal([]);
  });

  it('for a subscription that nobody made are believed with no secret at all', async () => {
    await subscription('a');
    let called = 0;
    const told = [{ subscription: 's-none', secret: '', kind: 'changed' as const }];
    const outcome = await acme.store.subscriptions.notified(id, told, 0, async () => {
      called++;
    });
    expect([outcome, called]).to.deep.equal([{ believed: 0, ignored: 1 }, 0]);
  });

  it('about the subscription itself are written down as what they are', async () => {
    const [a, b, c] = [await subscription('a'), await subscription('b'), await subscription('c')];
    await push({
      value: [
        notice(a, { lifecycleEvent: 'missed' }),
        notice(b, { lifecycleEvent: 'reauthorizationRequired' }),
        notice(c, { lifecycleEvent: 'subscriptionRemoved' }),
      ],
    });
    expect(await wished()).to.deep.equal(['a', 'c']);
    const held = await acme.store.subscriptions.held(id, 'https://hub.example');
    expect(held.map(({ partition, renew, lost }) => [partition, renew, lost])).to.deep.equal([
      ['a', false, false],
      ['b', true, false],
      ['c', false, true],
    ]);
    expect(await jobs()).to.have.length(1);
  });

  it('for a paused connection are taken and forgotten', async () => {
    const a = await subscription('a');
    await acme.store.connections.setPaused('m365', true);
    expect((await push({ value: [notice(a)] })).status).to.equal(202);
    expect([await wished(), await jobs()]).to.deep.equal([[], []]);
  });

  it('are not acknowledged unless both the wish and its job are durable', async () => {
    const a = await subscription('a');
    api.faults.send = new Error('M4RKER');
    const console_ = console.error;
    console.error = () => {};
    const reply = await push({ value: [notice(a)] });
    console.error = console_;
    delete api.faults.send;
    expect(reply.status).to.equal(500);
    expect([await wished(), await jobs()]).to.deep.equal([[], []]);
    expect((await push({ value: [notice(a)] })).status).to.equal(202);
    expect([(await wished()).length, (await jobs()).length]).to.deep.equal([1, 1]);
  });

  it('refuse bodies that are too large, no JSON, too deep, compressed or of another type', async () => {
    const raw = (body: string | Buffer, headers: Record<string, string> = {}) =>
      api.ask('POST', `/push/v1/${token}`, { raw: body, headers });
    const status = async (body: string | Buffer, headers?: Record<string, string>) => (await raw(body, headers)).status;
    expect(await status(`{"value":["${'x'.repeat(256 * 1024)}"]}`)).to.equal(413);
    expect(await status('{"value":[')).to.equal(400);
    expect(await status(Buffer.from([0x7b, 0xff]))).to.equal(400);
    expect(await status(`${'['.repeat(40)}${']'.repeat(40)}`)).to.equal(400);
    expect(await status('{"__proto__":{}}')).to.equal(400);
    expect(await status('a=b', { 'content-type': 'application/x-www-form-urlencoded' })).to.equal(415);
    expect(await status('{}', { 'content-encoding': 'gzip' })).to.equal(415);
    expect(await status('{}', { 'content-type': 'text/json' })).to.equal(415);
    expect(await status('null')).to.equal(202);
    expect(await status('{"value":7}')).to.equal(202);
    const more = `{"value":[${Array(600)
      .fill(JSON.stringify(notice('s-none', { resource: 'x'.repeat(300) })))
      .join()}]}`;
    expect(more.length).to.be.within(200_000, 256 * 1024);
    expect(await status(more)).to.equal(202);
  });

  it('of ten megabytes are refused before they have been sent', async () => {
    const body = Buffer.alloc(10 * 1024 * 1024, 0x20);
    const outcome = await api.ask('POST', `/push/v1/${token}`, { raw: body }).then(
      ({ status }) => status,
      (error: { code?: string }) => error.code,
    );
    expect(outcome).to.be.oneOf([413, 'EPIPE', 'ECONNRESET']);
    expect((await push({ value: [] })).status).to.equal(202);
  });

  it('leave nothing of their content anywhere: no table, no log, no answer', async () => {
    const a = await subscription('a');
    api.events.length = 0;
    const content = {
      resource: 'Users/M4RKER-1/Events/M4RKER-2',
      tenantId: 'M4RKER-3',
      'M4RKER-4': 1,
      resourceData: {
        id: 'M4RKER-5',
        subject: 'M4RKER-6',
        organizer: { emailAddress: { address: 'M4RKER-7@x.example' } },
      },
    };
    const replies = [
      await push({ value: [notice(a, content), notice('s-M4RKER', content)] }),
      await push({ value: [notice(a, { ...content, clientState: 'M4RKER' })] }),
      await api.ask('POST', `/push/v1/${token}`, { raw: '{"M4RKER":' }),
      await push({}, `${token}M4RKER`),
    ];
    expect(replies.map(({ status }) => status)).to.deep.equal([202, 202, 400, 404]);
    const told = JSON.stringify([api.events, api.pushed, replies.map(({ text, headers }) => [text, headers])]);
    expect(told).not.to.include('M4RKER');
    expect(told).not.to.include(token);
    expect(told).to.include('/push/v1/{token}');
    expect(await tablesHolding('M4RKER')).to.deep.equal({});
    // The control, and what is kept of the secret: nothing that shows it.
    expect(Object.keys(await tablesHolding(a))).to.deep.equal(['sluice.subscription']);
    expect(await tablesHolding(token)).to.deep.equal({});
    const rows = await asOwner((client) =>
      client.query(`SELECT count(*)::int AS n FROM pgboss.job WHERE strpos(data::text, 'M4RKER') > 0`),
    );
    expect(rows.rows[0].n).to.equal(0);
  });
});

describe('limits on pushes', () => {
  it('hold for each connection by itself, and for tokens that were never right, before the database is asked', async () => {
    const api = await startApi({
      limits: { perPushedConnection: { perSecond: 0.1, burst: 3 }, strangePushes: { perSecond: 0.1, burst: 4 } },
    });
    try {
      const make = async () => {
        const tenant = await api.tenant({ connections: [connection('m365', { connector: 'microsoft-graph' })] });
        return tenant.store.pushToken((await tenant.store.connections.get('m365')).id);
      };
      const [one, two] = [await make(), await make()];
      const push = async (token: string) =>
        (await api.ask('POST', `/push/v1/${token}`, { body: { value: [] } })).status;
      const statuses: number[] = [];
      for (let n = 0; n < 5; n++) statuses.push(await push(one));
      // The first is a stranger's.
      expect(statuses).to.deep.equal([202, 202, 202, 202, 429]);
      expect(await push(two)).to.equal(202);
      const wrong = one.replace(/.$/, (digit) => (digit === '0' ? '1' : '0'));
      expect([await push(wrong), await push(wrong), await push(wrong)]).to.deep.equal([404, 404, 429]);
      // A flood of wrong tokens does not keep those out that are known.
      expect(await push(two)).to.equal(202);
    } finally {
      await api.close();
    }
  });

  it('are a time, too: what takes too long is answered so that it comes again', async () => {
    const api = await startApi({ limits: { pushAnswerWithinMs: 150 } });
    try {
      const tenant = await api.tenant({ connections: [connection('m365', { connector: 'microsoft-graph' })] });
      const id = (await tenant.store.connections.get('m365')).id;
      const token = tenant.store.pushToken(id);
      const lease = await tenant.store.acquire(id, { trigger: 'manual' });
      await tenant.store.subscriptions.made(
        lease,
        { id: 'slow', stream: 'users', partition: '', expiresAt: EXPIRES },
        { secret: 's', address: 'https://hub.example' },
      );
      const body = { value: [{ subscriptionId: 'slow', clientState: 's', changeType: 'updated' }] };
      expect((await api.ask('POST', `/push/v1/${token}`, { body })).status).to.equal(202);
      await asOwner(async (client) => {
        await client.query('BEGIN');
        await client.query(`SELECT 1 FROM sluice.subscription WHERE source_id = 'slow' FOR UPDATE`);
        const reply = await api.ask('POST', `/push/v1/${token}`, { body });
        await client.query('ROLLBACK');
        expect([reply.status, reply.body.type, reply.headers['retry-after']]).to.deep.equal([
          503,
          '/problems/timed-out',
          '5',
        ]);
      });
    } finally {
      await api.close();
    }
  });
});
