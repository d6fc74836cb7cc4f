import { expect } from 'chai';
import type { GraphRequest } from '../../../src/sandbox/graph/index.ts';
import { type Client, connect, type Item, user, window } from './support.ts';

describe('$batch of the sandbox', () => {
  let client: Client;
  beforeEach(async () => {
    client = await connect();
    for (const name of ['ann', 'bob', 'cid']) client.graph.putUser(user(name));
  });
  afterEach(() => client.graph.stop());
  const get = (id: string, url: string, more: object = {}) => ({ id, method: 'GET', url, ...more });
  const batch = (...requests: object[]) => client.post('/$batch', { requests });
  const byId = (body: { responses: Item[] }) => new Map(body.responses.map((one) => [one.id, one]));

  it('answers each request by its id, in another order than asked', async () => {
    const { status, body } = await batch(
      get('1', '/users/id-ann'),
      get('2', '/users/id-bob'),
      get('3', '/users/id-cid'),
    );
    expect(status).to.equal(200);
    const order = body.responses.map(({ id }: Item) => id);
    expect(order).to.have.members(['1', '2', '3']);
    expect(order).to.not.deep.equal(['1', '2', '3']);
    expect(byId(body).get('2')?.body.givenName ?? byId(body).get('2')?.body.id).to.equal('bob');
  });

  it('is 200 even if everything in it fails', async () => {
    const { status, body } = await batch(get('a', '/users/nobody'), get('b', '/nothing'));
    expect(status).to.equal(200);
    expect(byId(body).get('a')).to.deep.include({ status: 404 });
    expect(byId(body).get('b')?.status).to.equal(400);
    expect(byId(body).get('a')?.body.error.code).to.equal('Request_ResourceNotFound');
  });

  it('takes 20 requests and no more', async () => {
    const many = (count: number) => Array.from({ length: count }, (_, index) => get(String(index), '/users/id-ann'));
    expect((await batch(...many(20))).body.responses).to.have.length(20);
    expect((await batch(...many(21))).status).to.equal(400);
    expect((await batch()).status).to.equal(400);
  });

  it('refuses ids that differ in case alone', async () => {
    expect((await batch(get('a', '/users/id-ann'), get('A', '/users/id-bob'))).status).to.equal(400);
    expect((await batch(get('A', '/users/id-ann'), get('a', '/users/id-bob'))).status).to.equal(400);
  });

  it('refuses urls with a host, a batch in a batch, and garbage', async () => {
    expect((await batch(get('1', `${client.graph.graphUrl}/v1.0/users`))).status).to.equal(400);
    expect(byId((await batch(get('1', '/$batch'))).body).get('1')?.status).to.equal(400);
    expect((await client.ask('/$batch', { method: 'POST', text: '{' })).status).to.equal(400);
    expect((await client.ask('/$batch', { method: 'POST', text: '[null]' })).status).to.equal(400);
    expect((await client.post('/$batch', { requests: [null] })).status).to.equal(400);
  });

  it('hands inner headers on', async () => {
    client.graph.putEvent('ann@acme.example', {
      id: 'one',
      type: 'singleInstance',
      start: { dateTime: '2026-03-03T10:00:00', timeZone: 'UTC' },
      end: { dateTime: '2026-03-03T11:00:00', timeZone: 'UTC' },
    });
    const headers = { Prefer: 'outlook.timezone="Europe/Athens"' };
    const { body } = await batch(get('1', `/users/id-ann/calendarView?${window(1, 8)}`, { headers }));
    const [answer] = body.responses;
    expect(answer.body.value[0].start.timeZone).to.equal('Europe/Athens');
    expect(answer.headers['Preference-Applied']).to.include('Europe/Athens');
  });

  it('wants a Content-Type with each inner body', async () => {
    const inner = {
      id: '1',
      method: 'POST',
      url: '/users/id-ann/calendar/getSchedule',
      body: {
        schedules: ['ann@acme.example'],
        startTime: { dateTime: '2026-03-01T00:00:00', timeZone: 'UTC' },
        endTime: { dateTime: '2026-03-02T00:00:00', timeZone: 'UTC' },
      },
    };
    expect((await batch(inner)).body.responses[0].status).to.equal(400);
    const typed = { ...inner, headers: { 'Content-Type': 'application/json' } };
    expect((await batch(typed)).body.responses[0].status).to.equal(200);
  });

  it('fails what depends on something failed', async () => {
    const { body } = await batch(
      get('1', '/users/nobody'),
      get('2', '/users/id-ann', { dependsOn: ['1'] }),
      get('3', '/users/id-bob'),
    );
    expect(byId(body).get('2')?.status).to.equal(424);
    expect(byId(body).get('3')?.status).to.equal(200);
  });

  it('lets one inner request be throttled by itself', async () => {
    client.graph.fault({ status: 429, where: 'inner', path: '/users/id-bob', retryAfter: 7 });
    const first = await batch(get('1', '/users/id-ann'), get('2', '/users/id-bob'));
    expect(first.status).to.equal(200);
    expect(byId(first.body).get('1')?.status).to.equal(200);
    expect(byId(first.body).get('2')).to.include({ status: 429 });
    expect(byId(first.body).get('2')?.headers['Retry-After']).to.equal('7');
    expect(byId((await batch(get('2', '/users/id-bob'))).body).get('2')?.status).to.equal(200);
  });

  it('needs a token, and notes inner requests as if they had come alone', async () => {
    expect((await client.post('/$batch', { requests: [] }, { authorization: 'Bearer x' })).status).to.equal(401);
    await batch(get('1', '/users/id-ann?$select=mail', { headers: { 'X-Mine': '1' } }));
    const [{ at, ...inner }] = client.graph.requests().filter(({ batched }) => batched) as [GraphRequest];
    expect(at).to.be.instanceOf(Date);
    expect(inner).to.deep.equal({
      method: 'GET',
      url: '/v1.0/users/id-ann?$select=mail',
      headers: { 'x-mine': '1' },
      batched: true,
      status: 200,
    });
  });
});
