import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect } from 'chai';
import { certificates } from '../../support/certificates.ts';
import { type WebSource, webSource } from '../../support/web-source.ts';
import { type Client, connect, daily, type Item, single, user } from './support.ts';

const room = 'athens@acme.example';

describe('subscriptions of the sandbox', () => {
  let now = new Date();
  let client: Client;
  let endpoint: WebSource;
  let notices: Item[] = [];
  let arrived = () => {};
  /** What the endpoint says to a validation token; the default is right. */
  let reply = (token: string, response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'text/plain' }).end(token);
  };
  const rightReply = reply;

  const listen = (request: IncomingMessage, response: ServerResponse) => {
    const token = new URL(request.url ?? '', 'https://x').searchParams.get('validationToken');
    if (token) return reply(token, response);
    let text = '';
    request.on('data', (part) => {
      text += part;
    });
    request.on('end', () => {
      response.writeHead(202).end();
      notices.push(...JSON.parse(text).value);
      arrived();
    });
  };
  const noticesAfter = async (change: () => void) => {
    notices = [];
    const told = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    change();
    await told;
    return notices;
  };

  beforeEach(async () => {
    reply = rightReply;
    now = new Date('2026-03-01T12:00:00Z');
    endpoint = await webSource(listen);
    client = await connect({ notificationAuthority: certificates.authority, clock: { now: () => now } });
    client.graph.putEvent(room, single('one', 3, 10));
    client.graph.grant(['User.Read.All', 'Calendars.Read']);
    await client.signIn();
  });
  afterEach(async () => {
    await client.graph.stop();
    await endpoint.stop();
  });

  const minutes = (count: number) => new Date(now.getTime() + count * 60_000).toISOString();
  const subscribe = (more: object = {}) =>
    client.post('/subscriptions', {
      changeType: 'created,updated,deleted',
      notificationUrl: `${endpoint.origin}/notices`,
      resource: `users/${room}/events`,
      expirationDateTime: minutes(60),
      clientState: 'shared secret',
      ...more,
    });

  it('are made when the endpoint sends the token back, decoded, as plain text', async () => {
    const { status, body } = await subscribe();
    expect(status).to.equal(201);
    expect(body).to.include({ resource: `users/${room}/events`, clientState: 'shared secret' });
    expect(endpoint.requests[0]?.url).to.match(/^\/notices\?validationToken=Validation(%3A|:)/);
  });

  const wrong: readonly [string, typeof reply][] = [
    [
      'the token as it stood in the URL',
      (token, response) => response.writeHead(200, { 'content-type': 'text/plain' }).end(encodeURIComponent(token)),
    ],
    ['HTML', (token, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(token)],
    ['202', (token, response) => response.writeHead(202, { 'content-type': 'text/plain' }).end(token)],
    ['nothing', (_, response) => response.destroy()],
  ];
  for (const [what, answer] of wrong) {
    it(`are refused when the endpoint answers ${what}`, async () => {
      reply = answer;
      const { status, body } = await subscribe();
      expect([status, body.error.code]).to.deep.equal([400, 'ValidationError']);
    });
  }

  it('are refused twice for the same, and for ends too far or past', async () => {
    expect((await subscribe()).status).to.equal(201);
    expect((await subscribe()).status).to.equal(409);
    expect((await subscribe({ changeType: 'updated' })).status).to.equal(201);
    expect((await subscribe({ resource: 'users', expirationDateTime: minutes(41_760) })).status).to.equal(201);
    expect((await subscribe({ resource: '/users/x', expirationDateTime: minutes(41_761) })).status).to.equal(400);
    expect((await subscribe({ changeType: 'deleted', expirationDateTime: minutes(10_081) })).status).to.equal(400);
    expect((await subscribe({ changeType: 'deleted', expirationDateTime: minutes(0) })).status).to.equal(400);
  });

  it('are refused for what the application may not read, plain http, and a long clientState', async () => {
    expect((await subscribe({ notificationUrl: 'http://127.0.0.1/x' })).status).to.equal(400);
    expect((await subscribe({ clientState: 'x'.repeat(129) })).status).to.equal(400);
    expect((await subscribe({ resource: 'groups' })).status).to.equal(400);
    client.graph.scopeMailboxes(['berlin@acme.example']);
    expect((await subscribe()).body.error.code).to.equal('ErrorAccessDenied');
    client.graph.scopeMailboxes(undefined);
    // It opens the calendar, and is not enough to be told of its changes.
    client.graph.grant(['User.Read.All', 'Calendars.ReadBasic.All']);
    await client.signIn();
    expect(
      (await client.get(`/users/${room}/calendarView?startDateTime=2026-03-01&endDateTime=2026-03-02`)).status,
    ).to.equal(200);
    expect((await subscribe()).status).to.equal(403);
    expect((await subscribe({ resource: 'users', changeType: 'updated' })).status).to.equal(201);
  });

  it('hear what becomes of them at the address given for that, and are gone when that is said', async () => {
    await subscribe({ lifecycleNotificationUrl: `${endpoint.origin}/lifecycle` });
    const resource = `users/${room}/events`;
    for (const event of ['missed', 'reauthorizationRequired', 'subscriptionRemoved'] as const) {
      const [told] = await noticesAfter(() => client.graph.lifecycle(event, resource));
      expect(told).to.deep.include({ lifecycleEvent: event, clientState: 'shared secret' });
      expect(told).not.to.have.any.keys('changeType', 'resource', 'resourceData');
      expect(endpoint.requests.at(-1)?.url).to.equal('/lifecycle');
    }
    expect(client.graph.subscriptions()).to.deep.equal([]);
  });

  it('are told of created, changed and deleted events, with clientState and without content', async () => {
    await subscribe();
    const [created] = await noticesAfter(() => client.graph.putEvent(room, single('two', 4, 10)));
    expect(created).to.deep.include({ changeType: 'created', clientState: 'shared secret' });
    expect(created?.resourceData).to.have.keys('@odata.type', '@odata.id', 'id');
    expect(created?.resourceData.id).to.equal('two');
    const [changed] = await noticesAfter(() => client.graph.putEvent(room, single('two', 4, 11)));
    expect(changed?.changeType).to.equal('updated');
    const [deleted] = await noticesAfter(() => client.graph.removeEvent(room, 'two'));
    expect(deleted?.changeType).to.equal('deleted');
    expect(JSON.stringify(notices)).to.not.include('Secret plan');
  });

  it('are told of a deleted occurrence as an update of its series', async () => {
    client.graph.putEvent(room, daily('series', 1, 5));
    await subscribe();
    const [told] = await noticesAfter(() => client.graph.removeEvent(room, 'series.3'));
    expect([told?.changeType, told?.resourceData.id]).to.deep.equal(['updated', 'series']);
  });

  it('are told of users, who are updated when they come', async () => {
    await subscribe({ resource: 'users', changeType: 'updated,deleted' });
    const [came] = await noticesAfter(() => client.graph.putUser(user('ann')));
    expect([came?.changeType, came?.resourceData.id]).to.deep.equal(['updated', 'id-ann']);
    const [left] = await noticesAfter(() => client.graph.removeUser('id-ann', 'changed'));
    expect(left?.changeType).to.equal('deleted');
  });

  it('are told of their own mailbox and kind of change alone', async () => {
    await subscribe({ changeType: 'deleted' });
    const told = await noticesAfter(() => {
      client.graph.putEvent('berlin@acme.example', single('other', 4, 10));
      client.graph.removeEvent('berlin@acme.example', 'other');
      client.graph.putEvent(room, single('two', 4, 10));
      client.graph.removeEvent(room, 'two');
    });
    expect(told.map(({ changeType, resourceData }) => [changeType, resourceData.id])).to.deep.equal([
      ['deleted', 'two'],
    ]);
  });

  it('can be read, renewed and ended, and never show clientState again', async () => {
    const { id } = (await subscribe()).body;
    expect((await client.get(`/subscriptions/${id}`)).body.clientState).to.equal(null);
    const renewed = await client.ask(`/subscriptions/${id}`, {
      method: 'PATCH',
      json: { expirationDateTime: minutes(90) },
    });
    expect(renewed.body.expirationDateTime).to.equal(minutes(90));
    const later = { lifecycleNotificationUrl: `${endpoint.origin}/x` };
    expect((await client.ask(`/subscriptions/${id}`, { method: 'PATCH', json: later })).status).to.equal(400);
    expect((await client.ask(`/subscriptions/${id}`, { method: 'DELETE' })).status).to.equal(204);
    expect((await client.get(`/subscriptions/${id}`)).status).to.equal(404);
  });

  it('are gone when they run out', async () => {
    await subscribe({ expirationDateTime: minutes(30) });
    expect((await client.get('/subscriptions')).body.value).to.have.length(1);
    now = new Date(now.getTime() + 30 * 60_000);
    expect((await client.get('/subscriptions')).body.value).to.have.length(0);
  });
});
