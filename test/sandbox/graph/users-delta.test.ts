import { expect } from 'chai';
import { type Client, connect, follow, ids, user } from './support.ts';

const link = '/users/delta?$select=givenName,mail,department';

describe('users/delta of the sandbox', () => {
  let now = new Date();
  let client: Client;
  const minimal = { prefer: 'return=minimal' };
  beforeEach(async () => {
    now = new Date('2026-03-01T12:00:00Z');
    client = await connect({ pageSize: 2, clock: { now: () => now } });
    for (const name of ['ann', 'bob', 'cid', 'dee', 'eve']) client.graph.putUser(user(name));
  });
  afterEach(() => client.graph.stop());

  it('tells everybody once, in pages, and then the changes alone', async () => {
    const first = await follow(client, link);
    expect(first.pages.map((page) => page.length)).to.deep.equal([2, 2, 1]);
    expect(ids(first.items)).to.deep.equal(['id-ann', 'id-bob', 'id-cid', 'id-dee', 'id-eve']);
    expect((await follow(client, first.deltaLink)).items).to.deep.equal([]);
    client.graph.putUser(user('cid', { givenName: 'Cyd' }));
    client.graph.putUser(user('fay'));
    const second = await follow(client, first.deltaLink);
    expect(ids(second.items)).to.deep.equal(['id-cid', 'id-fay']);
    expect((await follow(client, second.deltaLink)).items).to.deep.equal([]);
  });

  it('sends what was selected, the id, and everything if nothing was selected', async () => {
    const { items } = await follow(client, '/users/delta?%24select=mail');
    expect(items[0]).to.deep.equal({ id: 'id-ann', mail: 'ann@acme.example' });
    expect((await follow(client, '/users/delta')).items[0]).to.include({ surname: 'Doe', givenName: 'ann' });
  });

  it('keeps the selection in its links, which name nothing else', async () => {
    const { body } = await client.get(link);
    expect(body['@odata.nextLink']).to.match(/^https:\/\/127\.0\.0\.1:\d+\/v1\.0\/users\/delta\?\$skiptoken=[\w-]+$/);
  });

  it('surfaces nobody for a property that was not selected', async () => {
    const { deltaLink } = await follow(client, link);
    client.graph.putUser(user('ann', { surname: 'Smith' }));
    expect((await follow(client, deltaLink)).items).to.deep.equal([]);
    client.graph.putUser(user('ann', { surname: 'Smith', department: 'Sales' }));
    expect(ids((await follow(client, deltaLink)).items)).to.deep.equal(['id-ann']);
  });

  it('sends the immutable id, and surfaces somebody for it, only if it was selected', async () => {
    const id = 'QUJDREVGR0hJSktMTU5PUA==';
    const both = [await follow(client, link), await follow(client, '/users/delta?$select=mail,onPremisesImmutableId')];
    client.graph.putUser(user('ann', { onPremisesImmutableId: id }));
    const [without, selected] = await Promise.all(both.map(({ deltaLink }) => follow(client, deltaLink)));
    expect(without!.items).to.deep.equal([]);
    expect(selected!.items).to.deep.equal([{ id: 'id-ann', mail: 'ann@acme.example', onPremisesImmutableId: id }]);
  });

  it('leaves out what was never set, and sends null for what was emptied', async () => {
    const { items, deltaLink } = await follow(client, link);
    expect(items[0]).to.not.have.property('department');
    client.graph.putUser(user('ann', { department: 'Sales' }));
    client.graph.putUser(user('ann'));
    expect((await follow(client, deltaLink)).items[0]).to.have.property('department', null);
  });

  it('sends the changed properties alone if the client prefers the minimum, and says so each time', async () => {
    const { deltaLink } = await follow(client, link);
    client.graph.putUser(user('bob', { givenName: 'Rob' }));
    expect((await follow(client, deltaLink, minimal)).items).to.deep.equal([{ id: 'id-bob', givenName: 'Rob' }]);
    expect((await follow(client, deltaLink)).items).to.deep.equal([
      { id: 'id-bob', givenName: 'Rob', mail: 'bob@acme.example' },
    ]);
  });

  it('tells removed users with the reason, in the first round too', async () => {
    const { deltaLink } = await follow(client, link);
    client.graph.removeUser('id-ann', 'changed');
    client.graph.removeUser('id-bob', 'deleted');
    const removed = [
      { id: 'id-ann', '@removed': { reason: 'changed' } },
      { id: 'id-bob', '@removed': { reason: 'deleted' } },
    ];
    expect((await follow(client, deltaLink)).items).to.deep.equal(removed);
    expect((await follow(client, link)).items.slice(0, 2)).to.deep.equal(removed);
  });

  it('tells a restored user as an ordinary one', async () => {
    client.graph.removeUser('id-ann', 'changed');
    const { deltaLink } = await follow(client, link);
    client.graph.putUser(user('ann'));
    expect((await follow(client, deltaLink, minimal)).items).to.deep.equal([
      { id: 'id-ann', givenName: 'ann', mail: 'ann@acme.example' },
    ]);
  });

  it('gives a link without data for $deltatoken=latest, with the selection in it', async () => {
    const { pages, deltaLink } = await follow(client, `${link}&$deltatoken=latest`);
    expect(pages).to.deep.equal([[]]);
    client.graph.putUser(user('ann', { surname: 'Smith' }));
    client.graph.putUser(user('bob', { givenName: 'Rob' }));
    expect(ids((await follow(client, deltaLink)).items)).to.deep.equal(['id-bob']);
  });

  it('loses no change that happens between two pages', async () => {
    const changes = [
      () => client.graph.putUser(user('ann', { givenName: 'Anna' })),
      () => client.graph.putUser(user('eve', { givenName: 'Eva' })),
    ];
    const first = await follow(client, link, {}, () => changes.shift()?.());
    const second = await follow(client, first.deltaLink);
    const told = new Map([...first.items, ...second.items].map((item) => [item.id, item.givenName]));
    expect(told.get('id-ann')).to.equal('Anna');
    expect(told.get('id-eve')).to.equal('Eva');
  });

  it('takes a filter of up to 50 ids, and no other', async () => {
    const filtered = (filter: string) => `/users/delta?$filter=${encodeURIComponent(filter)}`;
    const { items, deltaLink } = await follow(client, filtered("id eq 'id-bob' or id eq 'id-dee'"));
    expect(ids(items)).to.deep.equal(['id-bob', 'id-dee']);
    client.graph.putUser(user('ann', { givenName: 'x' }));
    expect((await follow(client, deltaLink)).items).to.deep.equal([]);
    const many = (count: number) => Array.from({ length: count }, (_, index) => `id eq '${index}'`).join(' or ');
    expect((await client.get(filtered(many(50)))).status).to.equal(200);
    expect((await client.get(filtered(many(51)))).status).to.equal(400);
    expect((await client.get(filtered("mail eq 'x'"))).status).to.equal(400);
  });

  for (const option of ['$top=5', '$expand=manager', '$orderby=mail', '$search=x', '$select=givenname']) {
    it(`refuses ${option}`, async () => {
      const { status, body } = await client.get(`/users/delta?${option}`);
      expect(status).to.equal(400);
      expect(body.error.code).to.match(/^(Request_UnsupportedQuery|BadRequest)$/);
    });
  }

  for (const property of ['skills', 'birthday', 'mailboxSettings'])
    it(`refuses ${property}, which is kept outside the directory, where the list of users does too`, async () => {
      for (const path of [`/users/delta?$select=mail,${property}`, `/users?$select=${property}`]) {
        const { status, body } = await client.get(path);
        expect([status, body.error.code]).to.deep.equal([501, 'NotImplemented']);
      }
      expect((await client.get(`/users/id-ann?$select=${property}`)).status).to.equal(200);
    });

  describe('with oddities', () => {
    it('answers an empty page before each other one', async () => {
      client.graph.oddities({ emptyPages: true });
      const { pages, deltaLink } = await follow(client, link);
      expect(pages.map((page) => page.length)).to.deep.equal([0, 2, 0, 2, 0, 1]);
      client.graph.putUser(user('ann', { givenName: 'Anna' }));
      expect((await follow(client, deltaLink)).pages.map((page) => page.length)).to.deep.equal([0, 1]);
    });

    it('tells a user twice, the later one being right', async () => {
      client.graph.putUser(user('bob', { givenName: 'Rob' }));
      client.graph.removeUser('id-cid', 'changed');
      client.graph.oddities({ duplicates: true });
      const { pages, items } = await follow(client, link);
      expect(ids(items).filter((id) => id === 'id-bob').length).to.be.above(1);
      expect(pages[0]?.at(-1)?.id).to.equal(pages[1]?.[0]?.id);
      const last = new Map(items.map((item) => [item.id, item]));
      expect(last.get('id-bob')?.givenName).to.equal('Rob');
      expect(last.get('id-cid')).to.have.property('@removed');
      expect(items.some((item) => item.id === 'id-bob' && item.givenName === 'bob')).to.equal(true);
      expect([...last.keys()]).to.have.length(5);
    });

    it('tells the round before again', async () => {
      const first = await follow(client, link);
      client.graph.putUser(user('ann', { givenName: 'Anna' }));
      const second = await follow(client, first.deltaLink);
      client.graph.oddities({ replays: true });
      client.graph.putUser(user('bob', { givenName: 'Rob' }));
      const third = await follow(client, second.deltaLink);
      expect(ids(third.items)).to.deep.equal(['id-ann', 'id-bob']);
    });

    it('tells a change late, after one that was made later, and neither twice nor never', async () => {
      const first = await follow(client, link);
      client.graph.oddities({ late: ['id-ann', 'id-bob', 'id-fay'] });
      client.graph.putUser(user('ann', { givenName: 'Anna' }));
      client.graph.removeUser('id-bob', 'deleted');
      client.graph.putUser(user('fay'));
      client.graph.putUser(user('cid', { givenName: 'Cyd' }));
      const second = await follow(client, first.deltaLink);
      expect(ids(second.items)).to.deep.equal(['id-cid']);
      const meanwhile = await follow(client, link);
      expect(meanwhile.items.map(({ id, givenName }) => [id, givenName])).to.deep.equal([
        ['id-ann', 'ann'],
        ['id-bob', 'bob'],
        ['id-cid', 'Cyd'],
        ['id-dee', 'dee'],
        ['id-eve', 'eve'],
      ]);
      expect((await client.get('/users/id-ann?$select=givenName')).body.givenName, 'by id').to.equal('Anna');
      client.graph.oddities({ late: [] });
      for (const { deltaLink } of [second, meanwhile]) {
        const third = await follow(client, deltaLink);
        expect(third.items.map(({ id, givenName }) => [id, givenName])).to.deep.equal([
          ['id-ann', 'Anna'],
          ['id-bob', undefined],
          ['id-fay', 'fay'],
        ]);
        expect(third.items[1]).to.deep.equal({ id: 'id-bob', '@removed': { reason: 'deleted' } });
        expect((await follow(client, third.deltaLink)).items).to.deep.equal([]);
      }
      // Told in time again.
      client.graph.putUser(user('ann', { givenName: 'Ann' }));
      expect(ids((await follow(client, second.deltaLink)).items)).to.include('id-ann');
    });

    it('tells the changed properties alone, though nobody preferred it', async () => {
      const { deltaLink } = await follow(client, link);
      client.graph.oddities({ sparse: true });
      client.graph.putUser(user('bob', { givenName: 'Rob' }));
      expect((await follow(client, deltaLink)).items).to.deep.equal([{ id: 'id-bob', givenName: 'Rob' }]);
    });

    it('links to where a client must not go', async () => {
      client.graph.oddities({ linkOrigin: 'https://elsewhere.example' });
      const { body } = await client.get(link);
      expect(new URL(body['@odata.nextLink']).origin).to.equal('https://elsewhere.example');
    });
  });

  describe('and its tokens', () => {
    it('differ for the same state, and tell nothing', async () => {
      const [one, two] = [await client.get(link), await client.get(link)];
      expect(one.body['@odata.nextLink']).to.not.equal(two.body['@odata.nextLink']);
      const token = new URL(one.body['@odata.nextLink']).searchParams.get('$skiptoken') ?? '';
      expect(Buffer.from(token, 'base64url').toString('latin1')).to.not.include('givenName');
    });

    for (const [status, code] of [
      [400, 'syncStateNotFound'],
      [410, 'SyncStateNotFound'],
      [410, 'resyncRequired'],
    ] as const) {
      it(`end with ${status} ${code} when told to, and those given later do not`, async () => {
        const first = await follow(client, link);
        client.graph.expireTokens({ status, code });
        const { body, headers, ...answer } = await client.get(first.deltaLink);
        expect(answer.status).to.equal(status);
        expect(body.error.code).to.equal(code);
        expect(headers).to.not.have.property('location');
        const again = await follow(client, link);
        expect((await follow(client, again.deltaLink)).items).to.deep.equal([]);
      });
    }

    it('end in the middle of a round too', async () => {
      const { body } = await client.get(link);
      client.graph.expireTokens({ status: 410, code: 'SyncStateNotFound' });
      expect((await client.get(body['@odata.nextLink'])).status).to.equal(410);
    });

    it('may end with a Location that starts the same query over', async () => {
      const { deltaLink } = await follow(client, `${link}&%24deltatoken=latest`);
      client.graph.expireTokens({ status: 410, code: 'resyncRequired', location: true });
      const { headers } = await client.get(deltaLink);
      expect(headers.location).to.match(/\$select=givenName,mail,department&\$deltatoken=$/);
      const { items } = await follow(client, headers.location ?? '');
      expect(items).to.have.length(5);
      expect(items[0]).to.have.keys('id', 'givenName', 'mail');
    });

    it('may end with a Location that leads elsewhere', async () => {
      const { deltaLink } = await follow(client, link);
      client.graph.expireTokens({ status: 410, code: 'resyncRequired', location: 'https://elsewhere.example/' });
      expect((await client.get(deltaLink)).headers.location).to.equal('https://elsewhere.example/');
    });

    it('live seven days', async () => {
      const { deltaLink } = await follow(client, link);
      now = new Date(now.getTime() + 7 * 24 * 3600_000);
      await client.signIn();
      const later = await follow(client, deltaLink);
      now = new Date(now.getTime() + 7 * 24 * 3600_000 + 1);
      await client.signIn();
      const { status, body } = await client.get(later.deltaLink);
      expect([status, body.error.code]).to.deep.equal([400, 'syncStateNotFound']);
    });

    it('are refused when made up, or of something else', async () => {
      client.graph.putEvent('room@acme.example', {
        id: 'x',
        type: 'singleInstance',
        start: { dateTime: '2026-03-01T10:00:00', timeZone: 'UTC' },
        end: { dateTime: '2026-03-01T11:00:00', timeZone: 'UTC' },
      });
      expect((await client.get('/users/delta?$deltatoken=abc')).body.error.message).to.equal('Badly formed token.');
      const { deltaLink } = await follow(client, link);
      const query = new URL(deltaLink).search;
      const { body } = await client.get(`/users/room@acme.example/calendarView/delta${query}`);
      expect(body.error.code).to.equal('SyncStateNotFound');
    });
  });
});
