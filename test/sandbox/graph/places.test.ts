import { expect } from 'chai';
import type { GraphPlace } from '../../../src/sandbox/graph/index.ts';
import { type Client, connect, everything, ids } from './support.ts';

const room = (name: string, more: Partial<GraphPlace> = {}): GraphPlace => ({
  '@odata.type': '#microsoft.graph.room',
  id: `place-${name}`,
  emailAddress: `${name}@acme.example`,
  displayName: name,
  capacity: 8,
  ...more,
});

describe('places of the sandbox', () => {
  let client: Client;
  beforeEach(async () => {
    client = await connect({ pageSize: 2 });
    for (const name of ['athens', 'berlin', 'cairo']) client.graph.putPlace(room(name));
    client.graph.putPlace({
      ...room('north'),
      '@odata.type': '#microsoft.graph.roomList',
      rooms: ['ATHENS@acme.example', 'cairo@acme.example', 'open-space@acme.example'],
    });
    client.graph.putPlace({ ...room('open-space'), '@odata.type': '#microsoft.graph.workspace' });
  });
  afterEach(() => client.graph.stop());

  it('are listed by kind, in pages', async () => {
    expect(ids(await everything(client, '/places/microsoft.graph.room'))).to.deep.equal([
      'place-athens',
      'place-berlin',
      'place-cairo',
    ]);
    expect((await client.get('/places/microsoft.graph.room?$top=3')).body.value).to.have.length(3);
    expect(await everything(client, '/places/microsoft.graph.room?%24top=1&%24select=id')).to.have.length(3);
  });

  it('are of seven kinds, in any case of their name', async () => {
    for (const kind of ['building', 'floor', 'section', 'desk', 'workspace', 'roomlist', 'roomList']) {
      const { status } = await client.get(`/places/microsoft.graph.${kind}`);
      expect(status, kind).to.equal(200);
    }
    expect(await everything(client, '/places/microsoft.graph.roomlist')).to.have.length(1);
    expect((await client.get('/places/microsoft.graph.garage')).status).to.equal(400);
  });

  it('may have a capacity that is text', async () => {
    client.graph.putPlace(room('berlin', { capacity: '50' }));
    const found = await everything(client, '/places/microsoft.graph.room?$select=capacity');
    expect(found).to.deep.equal([
      { id: 'place-athens', capacity: 8 },
      { id: 'place-berlin', capacity: '50' },
      { id: 'place-cairo', capacity: 8 },
    ]);
  });

  it('of a room list are asked for by its e-mail address, and not by its id', async () => {
    const path = (list: string, what = 'rooms') => `/places/${list}/microsoft.graph.roomlist/${what}`;
    expect(ids(await everything(client, path('north@acme.example')))).to.deep.equal(['place-athens', 'place-cairo']);
    expect(ids(await everything(client, path('north@acme.example', 'workspaces')))).to.deep.equal(['place-open-space']);
    expect((await client.get(path('place-north'))).status).to.equal(404);
    expect((await client.get(path('athens@acme.example'))).status).to.equal(404);
  });

  it('do not tell what rooms a list has unless asked for them', async () => {
    const [list] = await everything(client, '/places/microsoft.graph.roomlist');
    expect(list).to.not.have.any.keys('rooms', '@odata.type');
  });

  it('come one by one, with their kind', async () => {
    expect((await client.get('/places/place-cairo?$select=displayName')).body).to.deep.equal({
      '@odata.type': '#microsoft.graph.room',
      id: 'place-cairo',
      displayName: 'cairo',
    });
  });

  it('have no delta', async () => {
    expect((await client.get('/places/delta')).status).to.equal(400);
  });

  it('are gone when removed', async () => {
    client.graph.removePlace('place-berlin');
    expect(await everything(client, '/places/microsoft.graph.room')).to.have.length(2);
  });
});
