import { expect } from 'chai';
import graph from '../../../connectors/microsoft-graph/index.ts';
import { type Item, NeedsAttention, streamOf, TryLater } from '../../../src/contract/index.ts';
import type { GraphEvent, SandboxGraph } from '../../../src/sandbox/graph/index.ts';
import { all, everythingAbout, failureOf } from '../../support/failure.ts';
import { contextFor, meeting, NOW, putRoom, ROOM, ROOM_ID, read, sandbox } from './support.ts';

const ADA = 'ada@acme.example';
const BEN = 'ben@acme.example';
const people = [
  { ref: 'ref-ada', email: 'Ada@acme.example' },
  { ref: 'ref-ben', email: BEN },
];

/** What was told of whom, in words: `08:00-08:50 busy`. */
function toldOf(items: readonly Item[]): Record<string, string[]> {
  const hours = (at: unknown) => String(at).slice(11, 16);
  return Object.fromEntries(
    items.flatMap((item) =>
      item.item === 'whole'
        ? [[item.group, item.records.map((one) => `${hours(one.start)}-${hours(one.end)} ${one.showAs}`).sort()]]
        : [],
    ),
  );
}

describe('people’s calendars from Microsoft 365', () => {
  let source: SandboxGraph;

  beforeEach(async () => {
    source = await sandbox();
    putRoom(source);
    for (const [n, mail] of [ADA, BEN, 'stranger@acme.example'].entries())
      source.putUser({ id: `00000000-0000-4000-8000-00000000000${n}`, mail, accountEnabled: true });
    source.putEvent(ADA, meeting('ada-1', '08'));
    source.putEvent(ADA, meeting('ada-2', '10', { showAs: 'tentative' }));
    source.putEvent(BEN, meeting('ben-1', '12', { showAs: 'oof' }));
    source.putEvent('stranger@acme.example', meeting('stranger-1', '08'));
  });
  afterEach(() => source.stop());

  const asked = () => source.requests().filter(({ url }) => /calendar(View|\/getSchedule)/.test(url));
  const ask = (settings: Record<string, unknown> = {}, of = people) =>
    read(source, 'user_events', { people: of, now: NOW, settings: { mailboxes: [ROOM], ...settings } });

  describe('by getSchedule', () => {
    it('tells when those asked about are busy, and of nobody else, in one request on behalf of a room', async () => {
      const items = await ask();
      expect(toldOf(items)).to.deep.equal({
        'ref-ada': ['08:00-08:50 busy', '10:00-10:50 tentative'],
        'ref-ben': ['12:00-12:50 oof'],
      });
      expect(items.at(-1)).to.deep.include({
        item: 'complete',
        within: { from: NOW, to: new Date(NOW.getTime() + 60 * 86_400_000) },
      });
      expect(asked().map(({ method, url }) => `${method} ${url}`)).to.deep.equal([
        `POST /v1.0/users/${encodeURIComponent(ROOM)}/calendar/getSchedule`,
      ]);
    });

    it('asks nothing when there is nobody to ask about', async () => {
      expect((await ask({}, [])).map(({ item }) => item)).to.deep.equal(['complete']);
      expect(asked()).to.deep.equal([]);
    });

    it('is on behalf of the next room where one is gone or closed to us, and then goes on with that one', async () => {
      const rooms = ['gone@acme.example', 'closed@acme.example', ROOM];
      source.putUser({ id: '00000000-0000-4000-8000-000000000099', mail: rooms[1]!, accountEnabled: false });
      source.putUser({ id: 'gone', userPrincipalName: rooms[0]!, accountEnabled: false });
      source.scopeMailboxes([ROOM, rooms[0]!]);
      const context = contextFor(source, 'user_events', { people, now: NOW, settings: { mailboxes: rooms } });
      const reading = async () => toldOf(await all(streamOf(graph, 'user_events')!.read(context)));
      expect(Object.keys(await reading())).to.deep.equal(['ref-ada', 'ref-ben']);
      expect(Object.keys(await reading())).to.deep.equal(['ref-ada', 'ref-ben']);
      expect(asked().map(({ url, status }) => [decodeURIComponent(url.split('/')[3]!), status])).to.deep.equal([
        [rooms[0], 404],
        [rooms[1], 403],
        [ROOM, 200],
        [ROOM, 200],
      ]);
    });

    it('is on behalf of no person whom tenant IT named among the rooms', async () => {
      source.putUser({ id: 'boss', mail: 'boss@acme.example', accountEnabled: true });
      await ask({ mailboxes: ['boss@acme.example', ROOM] });
      expect(asked().map(({ url }) => decodeURIComponent(url.split('/')[3]!))).to.deep.equal([ROOM]);
      const refusal = await failureOf(ask({ mailboxes: ['boss@acme.example'] }));
      expect(refusal.message).to.match(/Entry 1 of the setting mailboxes .* signs in/);
      expect(asked(), 'nor of the people themselves then').to.have.length(1);
    });

    it('is on behalf of the people themselves where no mailbox is named', async () => {
      source.scopeMailboxes([BEN]);
      expect(Object.keys(toldOf(await ask({ mailboxes: [] })))).to.deep.equal(['ref-ada', 'ref-ben']);
    });

    it('cannot be asked of whoever has no address of their own', async () => {
      const items = await ask({}, [people[0]!, { ref: 'ref-nobody' } as never]);
      expect(Object.keys(toldOf(items))).to.deep.equal(['ref-ada']);
      expect(items.filter(({ item }) => item === 'skip')).to.have.length(1);
    });

    it('tells what cannot be said when it is as unreadable, and not as free', async () => {
      const day = (date: string) => ({ dateTime: `${date}T00:00:00.0000000`, timeZone: 'UTC' });
      const custom = meeting('day', '', { isAllDay: true, start: day('2026-12-05'), end: day('2026-12-06') });
      source.putEvent(BEN, { ...custom, originalStartTimeZone: 'tzone://Microsoft/Custom' });
      const items = await ask({ people_calendars: 'free-busy-and-rooms' });
      const [told] = items.flatMap((item) => (item.item === 'whole' && item.group === 'ref-ben' ? [item.records] : []));
      expect(told!.map(({ id, start }) => (start === undefined ? id : 'readable')).sort()).to.deep.equal([
        'readable',
        'unreadable-1',
      ]);
    });

    it('needs no calendar of a person: the application opens the room alone', async () => {
      source.scopeMailboxes([ROOM]);
      expect(Object.keys(toldOf(await ask()))).to.deep.equal(['ref-ada', 'ref-ben']);
    });

    it('takes working elsewhere for free and out of office for busy, in either spelling of the two pages', async () => {
      source.putEvent(ADA, meeting('ada-3', '14', { showAs: 'workingElsewhere' }));
      source.putEvent(ADA, meeting('ada-4', '15', { showAs: 'free' }));
      const newer = toldOf(await ask());
      source.oddities({ olderSchedule: true });
      const older = toldOf(await ask());
      expect(older).to.deep.equal(newer);
      expect(newer['ref-ada']).to.have.length(2);
    });

    it('takes what it does not know for busy', async () => {
      source.putEvent(ADA, meeting('ada-3', '14', { showAs: 'somethingNew' }));
      expect(toldOf(await ask())['ref-ada']).to.include('14:00-14:50 somethingnew');
    });

    it('leaves the calendar of an unknown address as it was, in an answer that is 200 all the same', async () => {
      const items = await ask({}, [...people, { ref: 'ref-gone', email: 'gone@acme.example' }]);
      expect(Object.keys(toldOf(items))).to.deep.equal(['ref-ada', 'ref-ben']);
      expect(items.filter(({ item }) => item === 'skip')).to.have.length(1);
      expect(items.at(-1)?.item).to.equal('complete');
    });

    it('leaves a calendar of more than 1,000 entries as it was (error 5006)', async () => {
      for (let n = 0; n < 1_001; n++) source.putEvent(BEN, meeting(`many-${n}`, '13'));
      const items = await ask();
      expect(Object.keys(toldOf(items))).to.deep.equal(['ref-ada']);
      expect(items.filter(({ item }) => item === 'skip')).to.have.length(1);
    });

    it('asks for less than 62 days, whatever the rooms’ window is', async () => {
      const items = await ask({ window: { ahead: '730d' } });
      expect(items.at(-1)?.item).to.equal('complete');
      expect(asked().map(({ status }) => status)).to.deep.equal([200]);
    });

    it('takes a whole day, told from midnight to midnight of no zone of theirs, for the person’s own day', async () => {
      const day = (date: string) => ({ dateTime: `${date}T00:00:00.0000000`, timeZone: 'GTB Standard Time' });
      source.putEvent(BEN, meeting('day', '', { isAllDay: true, start: day('2026-12-05'), end: day('2026-12-06') }));
      const [told] = (await ask()).flatMap((item) =>
        item.item === 'whole' && item.group === 'ref-ben' ? item.records.filter((one) => one.isAllDay) : [],
      );
      expect(told).to.include({
        start: '2026-12-04T22:00:00.000Z',
        end: '2026-12-05T22:00:00.000Z',
        zone: 'Europe/Bucharest',
      });
    });

    it('understands working hours in a zone that has its maker’s name alone', async () => {
      source.oddities({ olderSchedule: true });
      const day = (date: string) => ({ dateTime: `${date}T00:00:00.0000000`, timeZone: 'UTC' });
      source.putEvent(BEN, meeting('day', '', { isAllDay: true, start: day('2026-12-05'), end: day('2026-12-06') }));
      expect(toldOf(await ask())['ref-ben']).to.include('00:00-00:00 oof'.replace('oof', 'busy'));
    });

    it('is one time where several take the same, and certain if one of them is', async () => {
      source.putEvent(ADA, meeting('again', '10'));
      source.putEvent(ADA, meeting('and-again', '10', { showAs: 'tentative' }));
      expect(toldOf(await ask())['ref-ada']).to.deep.equal(['08:00-08:50 busy', '10:00-10:50 busy']);
    });

    it('lets no subject, place or id of an event through, nor an address', async () => {
      source.putEvent(ADA, meeting('M4RKER-id', '16', { location: { displayName: 'M4RKER place' } }));
      const text = JSON.stringify(await ask());
      expect(text).to.not.match(/M4RKER|@acme/);
    });

    it('says what to do when it may not', async () => {
      source.grant(['User.Read.All', 'Place.Read.All']);
      const error = await failureOf(ask());
      expect(error).to.be.instanceOf(NeedsAttention);
      expect((error as Error).message).to.match(/none of the users who opted in.*\(403\).*Calendars of people/);
      expect(everythingAbout(error)).to.not.include('@acme');
    });

    it('waits as it is told when it is throttled', async () => {
      source.fault({ status: 429, path: /getSchedule/, retryAfter: 300 });
      const error = await failureOf(ask());
      expect(error).to.be.instanceOf(TryLater);
      expect((error as TryLater).notBefore!.getTime() - NOW.getTime()).to.be.within(300_000, 305_000);
      source.fault({ status: 429, path: /getSchedule/, retryAfter: 1 });
      expect(Object.keys(toldOf(await ask()))).to.have.length(2);
    });
  });

  describe('with our rooms', () => {
    const inRoom = (more: Partial<GraphEvent> = {}) => ({
      locations: [
        { displayName: 'M4RKER place', locationType: 'default' },
        { displayName: 'Ada', locationEmailAddress: ROOM.toUpperCase(), locationType: 'conferenceRoom' },
        { displayName: 'M4RKER', locationEmailAddress: 'M4RKER-elsewhere@other.example' },
      ],
      ...more,
    });
    const withRooms = (of = people) => ask({ people_calendars: 'free-busy-and-rooms' }, of);
    const spacesOf = (items: readonly Item[]) =>
      items.flatMap((item) => (item.item === 'whole' ? item.records.map(({ spaces }) => spaces) : []));

    it('tells in which of them, and of no other place', async () => {
      source.putEvent(ADA, meeting('ada-1', '08', inRoom()));
      const items = await withRooms();
      expect(toldOf(items)).to.deep.equal({
        'ref-ada': ['08:00-08:50 busy', '10:00-10:50 tentative'],
        'ref-ben': ['12:00-12:50 oof'],
      });
      expect(spacesOf(items)).to.have.deep.members([[ROOM_ID], [], []]);
      expect(JSON.stringify(items)).to.not.match(/M4RKER|@acme|other\.example/i);
    });

    for (const property of ['uniqueId', 'locationUri'])
      it(`knows a room by ${property} too`, async () => {
        source.putEvent(BEN, meeting('ben-1', '12', { locations: [{ displayName: 'Ada', [property]: ROOM }] }));
        expect(spacesOf(await withRooms())).to.deep.include([ROOM_ID]);
      });

    it('asks for nothing but what it looks at, page by page', async () => {
      await withRooms();
      const [first] = asked();
      expect(new URL(first!.url, 'https://graph.example').searchParams.get('$select')).to.equal(
        'id,type,start,end,isAllDay,showAs,isCancelled,responseStatus,originalStartTimeZone,locations',
      );
      expect(first!.headers.prefer).to.equal('outlook.timezone="UTC"');
      expect(
        asked()
          .map(({ url }) => decodeURIComponent(url.split('/')[3]!).toLowerCase())
          .sort(),
      ).to.deep.equal([ADA, BEN]);
    });

    it('leaves out what was cancelled or declined', async () => {
      source.putEvent(ADA, meeting('ada-1', '08', { isCancelled: true }));
      source.putEvent(ADA, meeting('ada-2', '10', { responseStatus: { response: 'declined' } }));
      expect(toldOf(await withRooms())['ref-ada']).to.deep.equal([]);
    });

    it('leaves alone the one calendar that may not be opened, and says so when none may', async () => {
      source.scopeMailboxes([ROOM, BEN]);
      const items = await withRooms();
      expect(Object.keys(toldOf(items))).to.deep.equal(['ref-ben']);
      expect(items.filter(({ item }) => item === 'skip')).to.have.length(1);
      source.scopeMailboxes([ROOM]);
      expect(await failureOf(withRooms())).to.be.instanceOf(NeedsAttention);
    });

    it('takes one that may not be opened for its own matter, once another of the run could', async () => {
      source.scopeMailboxes([ADA]);
      const settings = { mailboxes: [ROOM], people_calendars: 'free-busy-and-rooms' };
      const first = contextFor(source, 'user_events', { people: [people[0]!], now: NOW, settings });
      const read = (context: typeof first) => all(streamOf(graph, 'user_events')!.read(context));
      expect(Object.keys(toldOf(await read(first)))).to.deep.equal(['ref-ada']);
      expect((await read({ ...first, people: [people[1]!] })).map(({ item }) => item)).to.deep.equal([
        'skip',
        'complete',
      ]);
    });

    it('opens a mailbox by its id where that is known: an address may be somebody else’s by now', async () => {
      const ada = { ref: 'ref-ada', email: BEN, directoryId: '00000000-0000-4000-8000-000000000000' };
      expect(toldOf(await withRooms([ada]))['ref-ada']).to.deep.equal(['08:00-08:50 busy', '10:00-10:50 tentative']);
    });
  });

  it('is asked of as many people at once as Graph allows, and of no more', async () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, n) => ({ ref: `ref-${n}`, email: `person${n}@acme.example` }));
    const { peopleAtOnce } = graph.streams.user_events!;
    for (const { email } of many(21)) source.putEvent(email, meeting('m', '08'));
    expect(Object.keys(toldOf(await ask({}, many(peopleAtOnce!))))).to.have.length(20);
    expect(await failureOf(ask({}, many(peopleAtOnce! + 1)))).to.be.instanceOf(NeedsAttention);
  });
});
