import { expect } from 'chai';
import { askToken, type Client, clientSecret, connect, user, window } from './support.ts';

describe('faults of the sandbox', () => {
  let client: Client;
  beforeEach(async () => {
    client = await connect();
    client.graph.putUser(user('ann'));
  });
  afterEach(() => client.graph.stop());

  it('say when to come back in seconds, as a date, or not at all', async () => {
    const date = new Date('2026-03-01T12:00:00Z');
    client.graph.fault({ status: 429, retryAfter: 30 });
    client.graph.fault({ status: 503, retryAfter: date });
    client.graph.fault({ status: 504 });
    const [first, second, third] = [await client.get('/users'), await client.get('/users'), await client.get('/users')];
    expect([first.status, first.headers['retry-after']]).to.deep.equal([429, '30']);
    expect([second.status, second.headers['retry-after']]).to.deep.equal([503, 'Sun, 01 Mar 2026 12:00:00 GMT']);
    expect([third.status, third.headers['retry-after']]).to.deep.equal([504, undefined]);
    expect(first.body.error.code).to.equal('TooManyRequests');
    expect(third.body.error.innerError).to.include.keys('date', 'request-id');
    expect((await client.get('/users')).status).to.equal(200);
  });

  it('name the limit when they throttle', async () => {
    client.graph.fault({ status: 429 });
    const { headers } = await client.get('/users');
    expect(headers).to.include.keys(
      'x-ms-throttle-scope',
      'x-ms-throttle-limit-percentage',
      'x-ms-throttle-information',
    );
  });

  it('strike what they fit alone, as often as told, after as many as told', async () => {
    client.graph.fault({ status: 503, path: /\/users\/delta\b/, times: 2, after: 1 });
    const statuses: number[] = [];
    for (let time = 0; time < 4; time += 1) {
      expect((await client.get('/users')).status).to.equal(200);
      statuses.push((await client.get('/users/delta')).status);
    }
    expect(statuses).to.deep.equal([200, 503, 503, 200]);
  });

  it('strike the authority too', async () => {
    client.graph.fault({ status: 503, path: '/oauth2/', method: 'POST' });
    expect((await askToken(client.graph)).status).to.equal(503);
    expect((await askToken(client.graph)).status).to.equal(200);
  });

  it('may be the page of a gateway, which is no JSON', async () => {
    client.graph.fault({ status: 502, body: 'html' });
    const { status, headers, body } = await client.get('/users');
    expect([status, headers['content-type']]).to.deep.equal([502, 'text/html']);
    expect(body).to.match(/^<html>/);
  });

  it('may cut an answer in the middle', async () => {
    client.graph.fault({ status: 200, body: 'cut' });
    const outcome = await client.get('/users').then(
      () => 'whole',
      (error: NodeJS.ErrnoException) => error.code,
    );
    expect(outcome).to.equal('ECONNRESET');
  });

  it('come without being asked for to the fifth request at a time in one mailbox', async () => {
    client.graph.putUser(user('bob'));
    client.graph.oddities({ latency_ms: 150 });
    const view = (name: string) => client.get(`/users/${name}/calendarView?${window(1, 8)}`);
    const answers = await Promise.all([
      ...Array.from({ length: 4 }, () => view('id-ann')),
      view('ann@acme.example'),
      view('id-bob'),
    ]);
    const statuses = answers.map(({ status }) => status);
    expect(statuses.slice(0, 5).toSorted()).to.deep.equal([200, 200, 200, 200, 429]);
    expect(statuses[5]).to.equal(200);
    const refused = answers.find(({ status }) => status === 429)!;
    expect(refused.body.error.message).to.equal('Application is over its MailboxConcurrency limit.');
    expect(refused.headers).to.not.have.property('retry-after');
    expect((await view('id-ann')).status).to.equal(200);
  });

  it('are not needed for what was never there', async () => {
    expect((await client.get('/nothing')).body.error.code).to.equal('BadRequest');
    expect((await client.ask('/users', { method: 'DELETE' })).status).to.equal(405);
    expect((await client.get(`${client.graph.graphUrl}/beta/users`)).status).to.equal(400);
    expect((await client.get('/users?$top=1&$top=2')).status).to.equal(400);
    expect((await client.get('/users/%E0%A4%A')).status).to.equal(400);
  });

  describe('and the witness', () => {
    it('keeps method, path with query, headers and status, and no secrets', async () => {
      await client.get('/users?$select=id', { prefer: 'return=minimal' });
      const asked = client.graph.requests().at(-1);
      expect(asked).to.deep.include({ method: 'GET', url: '/v1.0/users?$select=id', batched: false, status: 200 });
      expect(asked?.headers).to.include({ prefer: 'return=minimal', authorization: 'Bearer ***' });
      const all = JSON.stringify(client.graph.requests());
      expect(all).to.include('/oauth2/v2.0/token').and.not.include(clientSecret);
    });
  });

  describe('and permissions', () => {
    const cases: readonly [string, string, string][] = [
      ['/users/delta', 'User.Read.All', 'User.ReadBasic.All'],
      ['/users/id-ann', 'Directory.Read.All', 'User.ReadBasic.All'],
      ['/places/microsoft.graph.room', 'Place.Read.All', 'User.Read.All'],
      [`/users/id-ann/calendarView?${window(1, 8)}`, 'Calendars.ReadBasic', 'User.Read.All'],
      [`/users/id-ann/calendarView/delta?${window(1, 8)}`, 'Calendars.ReadBasic.All', 'Place.Read.All'],
    ];
    for (const [path, enough, tooLittle] of cases) {
      it(`open ${path.split('?')[0]} for ${enough}, and not for ${tooLittle}`, async () => {
        client.graph.grant([tooLittle]);
        // A token keeps the roles it was born with.
        expect((await client.get(path)).status).to.equal(200);
        await client.signIn();
        const { status, body } = await client.get(path);
        // Of a mailbox it is Exchange that refuses, in its own words.
        const code = path.includes('calendarView') ? 'ErrorAccessDenied' : 'Authorization_RequestDenied';
        expect([status, body.error.code]).to.deep.equal([403, code]);
        client.graph.grant([enough]);
        await client.signIn();
        expect((await client.get(path)).status).to.equal(200);
      });
    }

    it('of Entra and of Exchange add up; only those of Entra stand in the token, and a policy limits them alone', async () => {
      const view = (name: string) => client.get(`/users/${name}@acme.example/calendarView?${window(1, 8)}`);
      const opened = async () => [(await view('ann')).status, (await view('bob')).status];
      client.graph.putUser(user('bob'));
      client.graph.putEvent('ann@acme.example', {
        id: 'one',
        type: 'singleInstance',
        start: { dateTime: '2026-03-03T10:00:00', timeZone: 'UTC' },
        end: { dateTime: '2026-03-03T11:00:00', timeZone: 'UTC' },
        body: { content: 'x' },
      });
      client.graph.grant([]);
      await client.signIn();
      expect(await opened()).to.deep.equal([403, 403]);
      expect((await view('ann')).body.error.message).to.equal('Access is denied. Check credentials and try again.');
      client.graph.grantInExchange(['Ann@acme.example']);
      expect(await opened(), 'in Exchange alone').to.deep.equal([200, 403]);
      expect((await view('ann')).body.value[0], 'Exchange has no ReadBasic').to.have.property('body');
      client.graph.grant(['Calendars.ReadBasic.All']);
      await client.signIn();
      expect(await opened(), 'in both').to.deep.equal([200, 200]);
      client.graph.scopeMailboxes([]);
      expect(await opened(), 'in both, limited by a policy').to.deep.equal([200, 403]);
      expect((await view('bob')).body.error.message).to.equal('Access to OData is disabled.');
    });
  });
});
