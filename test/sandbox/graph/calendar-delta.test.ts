import { expect } from 'chai';
import { at, type Client, connect, daily, follow, ids, single, window } from './support.ts';

const room = 'athens@acme.example';
const delta = (from: number, to: number) => `/users/${room}/calendarView/delta?${window(from, to)}`;

describe('calendarView/delta of the sandbox', () => {
  let client: Client;
  beforeEach(async () => {
    client = await connect();
    client.graph.putPlace({ '@odata.type': '#microsoft.graph.room', id: 'athens', emailAddress: room });
  });
  afterEach(() => client.graph.stop());

  it('tells what is in the window once, and then the changes', async () => {
    client.graph.putEvent(room, single('one', 3, 10));
    client.graph.putEvent(room, single('other', 20, 10));
    const first = await follow(client, delta(1, 8));
    expect(ids(first.items)).to.deep.equal(['one']);
    expect((await follow(client, first.deltaLink)).items).to.deep.equal([]);
    client.graph.putEvent(room, single('one', 3, 11));
    client.graph.putEvent(room, single('two', 4, 10));
    const second = await follow(client, first.deltaLink);
    expect(ids(second.items)).to.deep.equal(['one', 'two']);
    expect(second.items[0]?.start.dateTime).to.equal('2026-03-03T11:00:00.0000000');
    client.graph.removeEvent(room, 'one');
    const third = await follow(client, second.deltaLink);
    expect(third.items).to.deep.equal([{ '@removed': { reason: 'deleted' }, id: 'one' }]);
  });

  for (const option of [
    '$select=id',
    '$filter=id eq 1',
    '$expand=x',
    '$orderby=start/dateTime',
    '$search=x',
    '$top=5',
  ]) {
    it(`refuses ${option}`, async () => {
      const { status, body } = await client.get(`${delta(1, 8)}&${encodeURI(option)}`);
      expect([status, body.error.code]).to.deep.equal([400, 'ErrorInvalidUrlQuery']);
    });
  }

  it('sends subject and attendees, since nothing can be selected', async () => {
    client.graph.putEvent(room, single('one', 3, 10, { attendees: [{ type: 'required' }], body: { content: 'x' } }));
    const { items } = await follow(client, delta(1, 8));
    expect(items[0]).to.include.keys('subject', 'attendees').and.not.include.keys('body');
  });

  it('freezes the window in its links', async () => {
    const { deltaLink } = await follow(client, delta(1, 8));
    expect(deltaLink).to.match(/\/calendarView\/delta\?\$deltatoken=[\w-]+$/);
    client.graph.putEvent(room, single('in', 7, 10));
    const { items } = await follow(client, `${deltaLink}&${window(20, 28)}`);
    expect(ids(items)).to.deep.equal(['in']);
  });

  it('tells what changed outside the window as removed, though the client never knew it', async () => {
    const { deltaLink } = await follow(client, delta(1, 8));
    client.graph.putEvent(room, single('outside', 20, 10));
    client.graph.putEvent(room, daily('series', 21, 25));
    expect((await follow(client, deltaLink)).items).to.deep.equal([
      { '@removed': { reason: 'deleted' }, id: 'outside' },
      { '@removed': { reason: 'deleted' }, id: 'series' },
    ]);
    expect((await follow(client, delta(1, 8))).items).to.deep.equal([]);
  });

  it('tells an event that moved out of the window as removed', async () => {
    client.graph.putEvent(room, single('one', 3, 10));
    const { deltaLink } = await follow(client, delta(1, 8));
    client.graph.putEvent(room, single('one', 12, 10));
    expect((await follow(client, deltaLink)).items).to.deep.equal([{ '@removed': { reason: 'deleted' }, id: 'one' }]);
  });

  it('sends occurrences bare, and the master as an item with the times of its first occurrence', async () => {
    client.graph.putEvent(room, daily('series', 2, 4));
    const { items } = await follow(client, delta(1, 8));
    expect(ids(items)).to.have.members(['series', 'series.2', 'series.3', 'series.4']);
    const bare = items.find((item) => item.id === 'series.3')!;
    const own = Object.keys(bare).filter((name) => !name.startsWith('@odata.'));
    expect(own).to.have.members(['id', 'type', 'seriesMasterId', 'start', 'end']);
    const master = items.find((item) => item.type === 'seriesMaster');
    expect(master).to.include({ id: 'series', showAs: 'tentative' });
    expect(master?.start.dateTime).to.equal('2026-03-02T09:00:00.0000000');
    expect(items[0]?.type, 'no order is promised').to.equal('occurrence');
  });

  it('leaves the master out of a series that began before the window', async () => {
    client.graph.putEvent(room, daily('series', 2, 6));
    expect(ids((await follow(client, delta(4, 8))).items)).to.have.members(['series.4', 'series.5', 'series.6']);
    expect((await client.get(`/users/${room}/events/series`)).body.showAs).to.equal('tentative');
  });

  it('says nothing of a deleted occurrence: the series comes again without it', async () => {
    client.graph.putEvent(room, daily('series', 2, 4));
    const { deltaLink } = await follow(client, delta(1, 8));
    client.graph.removeEvent(room, 'series.3');
    const { items } = await follow(client, deltaLink);
    expect(ids(items)).to.have.members(['series', 'series.2', 'series.4']);
    expect(items.some((item) => '@removed' in item)).to.equal(false);
  });

  it('says nothing of the old occurrences of a series that was moved: it comes again with others', async () => {
    client.graph.putEvent(room, daily('series', 2, 4));
    const { deltaLink } = await follow(client, delta(1, 8));
    client.graph.putEvent(room, daily('series', 2, 4, { occurrences: [{ id: 'new.5', ...at(5, 11) }] }));
    expect(ids((await follow(client, deltaLink)).items)).to.have.members(['series', 'new.5']);
  });

  it('tells an exception with all it has, and the whole series with it', async () => {
    client.graph.putEvent(room, daily('series', 2, 4));
    const { deltaLink } = await follow(client, delta(1, 8));
    client.graph.putEvent(room, {
      id: 'series.3',
      type: 'exception',
      seriesMasterId: 'series',
      ...at(3, 15),
      showAs: 'busy',
    });
    const { items } = await follow(client, deltaLink);
    expect(ids(items)).to.have.members(['series', 'series.2', 'series.3', 'series.4']);
    expect(items.find((item) => item.id === 'series.3')).to.include({
      type: 'exception',
      showAs: 'busy',
      subject: 'Stand-up',
    });
  });

  it('tells a removed series by its master alone', async () => {
    client.graph.putEvent(room, daily('series', 2, 4));
    const { deltaLink } = await follow(client, delta(1, 8));
    client.graph.removeEvent(room, 'series');
    expect((await follow(client, deltaLink)).items).to.deep.equal([
      { '@removed': { reason: 'deleted' }, id: 'series' },
    ]);
  });

  it('takes the size of pages from each request, and never cuts through a series', async () => {
    client.graph.putEvent(room, single('one', 1, 10));
    client.graph.putEvent(room, daily('series', 2, 6));
    client.graph.putEvent(room, single('two', 7, 10));
    client.graph.putEvent(room, single('three', 7, 12));
    const small = await follow(client, delta(1, 8), { prefer: 'odata.maxpagesize=2' });
    expect(small.pages.map((page) => page.length)).to.deep.equal([7, 2]);
    const one = await follow(client, delta(1, 8), { prefer: 'odata.maxpagesize=1' });
    expect(one.pages.map((page) => page.length)).to.deep.equal([1, 6, 1, 1]);
    // Said once, it holds for that page alone.
    const { body, headers } = await client.get(delta(1, 8), { prefer: 'odata.maxpagesize=1' });
    expect(headers['preference-applied']).to.equal('odata.maxpagesize=1');
    const rest = await client.get(body['@odata.nextLink']);
    expect(rest.body.value).to.have.length(8);
  });

  it('takes the zone from each request', async () => {
    client.graph.putEvent(room, single('one', 1, 10));
    client.graph.putEvent(room, single('two', 2, 10));
    const prefer = { prefer: 'outlook.timezone="W. Europe Standard Time", odata.maxpagesize=1' };
    const { body } = await client.get(delta(1, 8), prefer);
    expect(body.value[0].start).to.deep.equal({
      dateTime: '2026-03-01T11:00:00.0000000',
      timeZone: 'W. Europe Standard Time',
    });
    const rest = await client.get(body['@odata.nextLink']);
    expect(rest.body.value[0].start.timeZone).to.equal('UTC');
  });

  it('has tokens without a fixed life that end when told to', async () => {
    const { deltaLink } = await follow(client, delta(1, 8));
    client.graph.expireTokens({ status: 410, code: 'SyncStateNotFound', location: true });
    const { status, body, headers } = await client.get(deltaLink);
    expect([status, body.error.code]).to.deep.equal([410, 'SyncStateNotFound']);
    expect(body.error.message).to.equal('The sync state generation is not found; generation=1;[highest=2].');
    client.graph.putEvent(room, single('one', 3, 10));
    expect(ids((await follow(client, headers.location ?? '')).items)).to.deep.equal(['one']);
  });

  it('has tokens of one mailbox alone', async () => {
    client.graph.putEvent('berlin@acme.example', single('one', 3, 10));
    const { deltaLink } = await follow(client, delta(1, 8));
    const other = deltaLink.replace('athens', 'berlin');
    expect((await client.get(other)).body.error.code).to.equal('SyncStateNotFound');
  });

  it('shows the oddities of users/delta too', async () => {
    client.graph.putEvent(room, single('one', 3, 10));
    client.graph.putEvent(room, single('one', 4, 10));
    client.graph.oddities({ emptyPages: true, duplicates: true });
    const first = await follow(client, delta(1, 8));
    expect(first.pages.map(ids)).to.deep.equal([[], ['one', 'one']]);
    expect(first.items.at(-1)?.start.dateTime).to.equal('2026-03-04T10:00:00.0000000');
    client.graph.oddities({ emptyPages: false, duplicates: false, replays: true });
    expect(ids((await follow(client, first.deltaLink)).items)).to.deep.equal(['one']);
  });

  it('tells a change late, after one that was made later; reading by id shows it at once', async () => {
    client.graph.putEvent(room, single('moved', 3, 10));
    client.graph.putEvent(room, single('removed', 3, 11));
    client.graph.putEvent(room, daily('series', 2, 4));
    const first = await follow(client, delta(1, 8));
    client.graph.oddities({ late: ['moved', 'removed', 'series', 'new'] });
    client.graph.putEvent(room, single('moved', 3, 15));
    client.graph.removeEvent(room, 'removed');
    client.graph.removeEvent(room, 'series.3');
    client.graph.putEvent(room, single('new', 3, 12));
    client.graph.putEvent(room, single('other', 3, 13));
    const second = await follow(client, first.deltaLink);
    expect(ids(second.items)).to.deep.equal(['other']);
    const meanwhile = await follow(client, delta(1, 8));
    const known = ['moved', 'removed', 'series', 'series.2', 'series.3', 'series.4', 'other'];
    expect(ids(meanwhile.items)).to.have.members(known);
    expect(meanwhile.items.find(({ id }) => id === 'moved')?.start.dateTime).to.match(/T10/);
    expect((await client.get(`/users/${room}/events/moved`)).body.start.dateTime).to.match(/T15/);
    client.graph.oddities({ late: [] });
    for (const { deltaLink } of [second, meanwhile]) {
      const third = await follow(client, deltaLink);
      expect(ids(third.items)).to.have.members(['moved', 'removed', 'series', 'series.2', 'series.4', 'new']);
      expect(third.items.find(({ id }) => id === 'removed')).to.have.property('@removed');
      expect((await follow(client, third.deltaLink)).items).to.deep.equal([]);
    }
  });

  it('is answered by the other ways to write its path', async () => {
    client.graph.putEvent(room, single('one', 3, 10));
    for (const path of [
      'calendarView/delta()',
      'calendarView/microsoft.graph.delta()',
      'calendar/calendarView/delta',
    ]) {
      expect(ids((await follow(client, `/users/${room}/${path}?${window(1, 8)}`)).items), path).to.deep.equal(['one']);
    }
  });
});
