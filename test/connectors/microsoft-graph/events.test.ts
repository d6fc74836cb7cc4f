import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { eventRecord, inherit, lookAt } from '../../../connectors/microsoft-graph/event.ts';
import graph from '../../../connectors/microsoft-graph/index.ts';
import { Round } from '../../../connectors/microsoft-graph/round.ts';
import { type Item, NeedsAttention, type SourceRecord, StartOver, streamOf } from '../../../src/contract/index.ts';
import type { GraphEvent, SandboxGraph } from '../../../src/sandbox/graph/index.ts';
import { everythingAbout, failureOf } from '../../support/failure.ts';
import {
  contextFor,
  DAY,
  goneFrom,
  meeting,
  NOW,
  putRoom,
  ROOM,
  ROOM_ID,
  readRoom,
  sandbox,
  series,
  stateOf,
  told,
} from './support.ts';

const wholeOf = (items: readonly Item[], group: string) => {
  const found = items.filter((item) => item.item === 'whole' && item.group === group);
  expect(found, `${group} is told as a whole, once`).to.have.length(1);
  return (found[0] as { records: readonly SourceRecord[] }).records;
};

describe('microsoft-graph events', () => {
  let source: SandboxGraph;
  beforeEach(async () => {
    source = await sandbox({ pageSize: 3 });
    putRoom(source);
  });
  afterEach(() => source.stop());

  const put = (...events: GraphEvent[]) => {
    for (const event of events) source.putEvent(ROOM, event);
  };
  const first = () => readRoom(source, { now: NOW });
  const next = (items: readonly Item[], now = NOW) => readRoom(source, { now, state: stateOf(items) });
  const one = async (event: GraphEvent) => {
    put(event);
    return told(await first()).find(({ id }) => id === event.id);
  };
  const views = () => source.requests().filter(({ url }) => url.includes('/calendarView'));
  async function startsOver(reading: Promise<unknown>) {
    try {
      await reading;
    } catch (error) {
      return error instanceof StartOver;
    }
    return false;
  }

  it('are told flat: when, whose room, how taken, by whom called', async () => {
    expect(await one(meeting('e', '10'))).to.deep.equal({
      id: 'e',
      space: ROOM_ID,
      start: `${DAY}T10:00:00.000Z`,
      end: `${DAY}T10:50:00.000Z`,
      zone: 'Europe/Berlin',
      isAllDay: false,
      showAs: 'busy',
      organizer: 'ada@acme.example',
      isCancelled: false,
      response: 'accepted',
      type: 'singleInstance',
    });
  });

  it('leave subject, body, location, attendees and join link behind', async () => {
    put(
      meeting('e', '10', {
        body: { content: 'M4RKER' },
        location: { displayName: 'M4RKER' },
        attendees: [{ emailAddress: { address: 'M4RKER@acme.example' } }],
        onlineMeeting: { joinUrl: 'https://M4RKER' },
      }),
      series('s', [DAY], { bodyPreview: 'M4RKER' }),
    );
    source.grant(['Calendars.Read', 'Place.Read.All']);
    expect(JSON.stringify(await first())).not.to.include('M4RKER');
  });

  describe('the window', () => {
    it('is whole days in UTC around now, and told with the reading', async () => {
      const end = (await first()).at(-1);
      expect(end).to.deep.include({
        item: 'complete',
        within: { from: new Date('2026-11-30T00:00:00Z'), to: new Date('2027-03-02T00:00:00Z') },
      });
      const [asked] = views().map(({ url }) => new URL(url, source.graphUrl).searchParams);
      expect([...asked!.entries()]).to.deep.equal([
        ['startDateTime', '2026-11-30T00:00:00.000Z'],
        ['endDateTime', '2027-03-02T00:00:00.000Z'],
      ]);
    });

    it('is frozen in the token: moved on, it starts the reading over', async () => {
      const items = await first();
      expect(told(await next(items, new Date('2026-12-01T23:59:59Z')))).to.deep.equal([]);
      expect(await startsOver(next(items, new Date('2026-12-02T00:00:00Z')))).to.equal(true);
      for (const settings of [{ window: { ahead: '30d' } }, { window: { back: '3d' } }]) {
        const other = readRoom(source, { now: NOW, state: stateOf(items), settings });
        expect(await startsOver(other)).to.equal(true);
      }
    });

    it('lets events outside it arrive as removed: they are gone, whether or not anybody knew them', async () => {
      const items = await first();
      put(
        meeting('far', '10', {
          start: { dateTime: '2028-01-01T10:00:00', timeZone: 'UTC' },
          end: { dateTime: '2028-01-01T11:00:00', timeZone: 'UTC' },
        }),
      );
      const later = await next(items);
      expect(goneFrom(later)).to.deep.equal(['far']);
      expect(told(later)).to.deep.equal([]);
    });
  });

  it('are asked for with page size and zone in every request of a round, and with nothing that delta refuses', async () => {
    put(...Array.from({ length: 450 }, (_, n) => meeting(`e${n}`, '10')));
    expect(told(await first())).to.have.length(450);
    expect(views()).to.have.length(3);
    for (const { headers, url } of views()) {
      expect(headers.prefer).to.equal('odata.maxpagesize=200, outlook.timezone="UTC"');
      expect(url).not.to.match(/\$(select|filter|top|expand|orderby|search)/);
    }
  });

  it('cost one request when nothing is new', async () => {
    const items = await first();
    const before = views().length;
    expect((await next(items)).map(({ item }) => item)).to.deep.equal(['complete']);
    expect(views().length - before).to.equal(1);
  });

  it('start over when the token has ended, in whatever case its code is spelt', async () => {
    for (const how of [
      { status: 410, code: 'SyncStateNotFound' },
      { status: 410, code: 'syncStateNotFound', location: true },
      { status: 400, code: 'SYNCSTATENOTFOUND' },
      { status: 400, code: 'resyncRequired' },
    ] as const) {
      const items = await first();
      source.expireTokens(how);
      expect(await startsOver(next(items)), how.code).to.equal(true);
    }
  });

  it('are gone when removed', async () => {
    put(meeting('stays', '10'), meeting('goes', '12'));
    const items = await first();
    source.removeEvent(ROOM, 'goes');
    expect(goneFrom(await next(items))).to.deep.equal(['goes']);
  });

  describe('a series', () => {
    const dates = ['2026-12-02', '2026-12-09', '2026-12-16'];

    it('is its occurrences, which inherit what they are not told with; the master is never busy itself', async () => {
      put(series('s', dates, { showAs: 'tentative' }));
      const items = await first();
      const records = wholeOf(items, 's');
      expect(told(items).map(({ id }) => id)).to.deep.equal(dates.map((date) => `s-${date}`));
      for (const [at, record] of records.entries())
        expect(record).to.deep.include({
          start: `${dates[at]}T14:00:00.000Z`,
          showAs: 'tentative',
          isAllDay: false,
          isCancelled: false,
          zone: 'Europe/Berlin',
          organizer: 'ada@acme.example',
          seriesMasterId: 's',
          type: 'occurrence',
        });
    });

    it('that began before the window has its master asked for, once', async () => {
      put(series('s', ['2026-06-03', ...dates], { showAs: 'oof' }));
      const records = wholeOf(await first(), 's');
      expect(records.map(({ showAs }) => showAs)).to.deep.equal(['oof', 'oof', 'oof']);
      const asked = source.requests().filter(({ url }) => url.includes('/events/s?'));
      expect(asked).to.have.length(1);
      expect(asked[0]?.url)
        .to.match(/\$select=id,type,/)
        .and.not.to.match(/subject|body|attendees|location/);
    });

    it('whose master is not found (404) is dropped, and what was known of it is gone', async () => {
      put(series('s', ['2026-06-03', ...dates]), meeting('e', '10'));
      source.fault({ status: 404, path: '/events/s', where: 'inner', code: 'ErrorItemNotFound' });
      const items = await first();
      expect(wholeOf(items, 's')).to.deep.equal([]);
      expect(told(items).map(({ id }) => id)).to.deep.equal(['e']);
    });

    it('asks for the masters of one mailbox four at a time', async () => {
      for (let n = 0; n < 9; n++) put(series(`s${n}`, ['2026-06-03', DAY]));
      expect(told(await first())).to.have.length(9);
      expect(source.requests().filter(({ url }) => url === '/v1.0/$batch')).to.have.length(3);
    });

    it('is sent again as a whole when an occurrence is deleted, which nothing else tells', async () => {
      put(series('s', dates));
      const items = await first();
      put(series('s', [dates[0]!, dates[2]!]));
      const later = await next(items);
      expect(wholeOf(later, 's').map(({ id }) => id)).to.deep.equal(['s-2026-12-02', 's-2026-12-16']);
      expect(goneFrom(later)).to.deep.equal([]);
    });

    it('keeps its exceptions, each with what it is told with itself', async () => {
      put(series('s', dates));
      const items = await first();
      put({ ...meeting('x', '18', { showAs: 'free', seriesMasterId: 's' }), type: 'exception' });
      const records = wholeOf(await next(items), 's');
      expect(records).to.have.length(4);
      expect(records.find(({ id }) => id === 'x')).to.deep.include({ showAs: 'free', start: `${DAY}T18:00:00.000Z` });
    });

    it('that is removed takes all its occurrences along', async () => {
      put(series('s', dates));
      const items = await first();
      source.removeEvent(ROOM, 's');
      const later = await next(items);
      expect(wholeOf(later, 's')).to.deep.equal([]);
    });

    it('that left the window takes all its occurrences along', async () => {
      put(series('s', dates));
      const items = await first();
      put(series('s', ['2028-01-05', '2028-01-12']));
      const later = await next(items);
      expect(told(later)).to.deep.equal([]);
      expect(wholeOf(later, 's')).to.deep.equal([]);
    });

    it('told twice in a round, before and after an occurrence was deleted, is looked up in the calendar', async () => {
      put(series('s', dates), meeting('e', '10'));
      const items = await first();
      put(series('s', ['2026-12-03', dates[0]!]));
      source.oddities({ duplicates: true });
      const later = await next(items);
      expect(wholeOf(later, 's').map(({ id }) => id)).to.have.members(['s-2026-12-02', 's-2026-12-03']);
      expect(views().at(-1)?.url).to.match(/calendarView\?startDateTime.*\$select=id,type,/);
    });

    it('is complete over as many pages as it may come in, with pages that are empty', async () => {
      source.oddities({ emptyPages: true });
      put(...Array.from({ length: 250 }, (_, n) => meeting(`e${n}`, '10')), series('s', dates));
      const items = await first();
      expect(told(items)).to.have.length(253);
      expect(wholeOf(items, 's')).to.have.length(3);
    });
  });

  it('are read from the sample as it says', () => {
    const name = 'occurrences-told-with-nothing-but-when.json';
    const file = new URL(`../../../connectors/microsoft-graph/sample/${name}`, import.meta.url);
    const round = new Round();
    for (const event of JSON.parse(readFileSync(file, 'utf8')).value) round.take(event);
    expect([...round.removed]).to.deep.equal(['AAMkAD-outside-the-window']);
    const { master, members } = round.series.get('AAMkAD-master')!;
    expect(inherit([...members.values()][0]!, master)).to.deep.include({
      id: 'AAMkAD-occurrence-1',
      type: 'occurrence',
      showAs: 'busy',
      zone: 'W. Europe Standard Time',
      organizer: 'ada@acme.example',
    });
  });

  describe('cancelled, declined and odd ones', () => {
    const { inScope } = streamOf(graph, 'events')!;

    it('free the room when cancelled or declined, and take it otherwise', async () => {
      const cancelled = await one(meeting('c', '10', { isCancelled: true }));
      const declined = await one(meeting('d', '11', { responseStatus: { response: 'declined' } }));
      const silent = await one(meeting('n', '12', { responseStatus: { response: 'notResponded' } }));
      expect([cancelled, declined, silent].map((record) => inScope!(record!))).to.deep.equal([false, false, true]);
    });

    it('free the room when a whole series is cancelled', async () => {
      put(series('s', [DAY], { isCancelled: true }));
      expect(told(await first()).map((record) => inScope!(record))).to.deep.equal([false]);
    });

    it('are told with what Graph says of them, known to us or not', async () => {
      for (const showAs of ['free', 'tentative', 'busy', 'oof', 'workingElsewhere', 'unknown', 'somethingNew'])
        expect(await one(meeting('e', '10', { showAs }))).to.deep.include({ showAs });
    });

    it('are single ones if their type is one that nobody knows', () => {
      const round = new Round();
      round.take({ ...meeting('e', '10'), type: 'somethingNew' });
      round.take({ ...meeting('o', '10'), type: 'somethingNew', seriesMasterId: 's' });
      round.take({ type: 'singleInstance' });
      expect([...round.singles.keys()]).to.deep.equal(['e']);
      expect([...round.series.get('s')!.members.keys()]).to.deep.equal(['o']);
      expect(round.unreadable).to.equal(1);
    });

    it('of a series that is told on one page are all of it; on a second page it is told anew, maybe with other dates', () => {
      const dates = (pages: readonly (readonly string[])[]) => {
        const round = new Round();
        for (const page of pages) {
          round.beginPage();
          for (const id of page) round.take({ ...meeting(id, '10'), type: 'occurrence', seriesMasterId: 's' });
        }
        return round.series.get('s')!.repeated;
      };
      expect(dates([['a', 'b', 'c']])).to.equal(false);
      expect(dates([['a', 'b'], [], ['c']]), 'then the calendar itself is asked').to.equal(true);
    });

    it('are what the last word on them says, removed or not', () => {
      const round = new Round();
      round.take(meeting('a', '10'));
      round.take({ id: 'a', '@removed': { reason: 'deleted' } });
      round.take({ id: 'b', '@removed': { reason: 'deleted' } });
      round.take(meeting('b', '10'));
      expect([...round.singles.keys()]).to.deep.equal(['b']);
      expect([...round.removed]).to.deep.equal(['a']);
    });
  });

  describe('times', () => {
    it('have seven fractional digits and no offset, in the zone that was asked for', async () => {
      const at = (dateTime: string) => ({ dateTime, timeZone: 'Europe/Berlin' });
      const record = await one(
        meeting('e', '10', { start: at('2026-12-02T10:00:00.1234567'), end: at('2026-12-02T11:00:00.0000000') }),
      );
      expect(record).to.deep.include({ start: '2026-12-02T09:00:00.123Z', end: '2026-12-02T10:00:00.000Z' });
    });

    it('are read in the zone that they are told in, should that not be the one asked for', async () => {
      const at = (hour: string) => ({ dateTime: `${DAY}T${hour}:00:00.0000000`, timeZone: 'W. Europe Standard Time' });
      const told = lookAt(meeting('e', '10', { start: at('10'), end: at('11') }))!;
      expect(await eventRecord(told, ROOM_ID, ['start', 'end'])).to.deep.equal({
        start: `${DAY}T09:00:00.000Z`,
        end: `${DAY}T10:00:00.000Z`,
      });
    });

    it('of a whole day are midnight in the zone that the event was made in, whatever zone was asked for', async () => {
      const midnight = (day: string) => ({ dateTime: `${day}T00:00:00.0000000`, timeZone: 'Eastern Standard Time' });
      const allDay = {
        isAllDay: true,
        originalStartTimeZone: 'Eastern Standard Time',
        start: midnight('2026-12-02'),
        end: midnight('2026-12-04'),
      };
      expect(await one(meeting('e', '10', allDay))).to.deep.include({
        start: '2026-12-02T05:00:00.000Z',
        end: '2026-12-04T05:00:00.000Z',
        zone: 'America/New_York',
        isAllDay: true,
      });
    });

    it('of a whole day in a series are midnight in the zone of the master', async () => {
      const day = (date: string) => ({ dateTime: `${date}T00:00:00.0000000`, timeZone: 'Tokyo Standard Time' });
      put({
        ...series('s', [DAY], { isAllDay: true, originalStartTimeZone: 'Tokyo Standard Time' }),
        start: day('2026-12-02'),
        end: day('2026-12-03'),
        occurrences: [{ id: 'o', start: day('2026-12-02'), end: day('2026-12-03') }],
      });
      expect(wholeOf(await first(), 's')[0]).to.deep.include({
        start: '2026-12-01T15:00:00.000Z',
        end: '2026-12-02T15:00:00.000Z',
      });
    });

    const unknown = ['tzone://Microsoft/Custom', 'Customized Time Zone', 'Mars Standard Time', '+02:00'];

    it('of a whole day in a zone that is custom or unknown are no records, never taken for UTC', async () => {
      for (const zone of unknown) {
        const event = meeting('e', '10', {
          isAllDay: true,
          originalStartTimeZone: zone,
          start: { dateTime: `${DAY}T00:00:00.0000000`, timeZone: 'UTC' },
          end: { dateTime: '2026-12-03T00:00:00.0000000', timeZone: 'UTC' },
        });
        expect(await eventRecord(lookAt(event)!, ROOM_ID, ['id', 'start', 'end']), zone).to.equal(undefined);
      }
    });

    it('in such a zone, but not of a whole day, are the instants that they are, and of no zone', async () => {
      for (const zone of unknown) {
        const event = await one(meeting('e', '10', { originalStartTimeZone: zone }));
        expect(event, zone).to.deep.include({ start: `${DAY}T10:00:00.000Z`, end: `${DAY}T10:50:00.000Z` });
        expect(event, zone).to.not.have.property('zone');
      }
    });
  });

  describe('mailboxes', () => {
    const OTHER = 'room-2@acme.example';
    const partitions = (mailboxes: readonly string[]) =>
      streamOf(graph, 'events')!.partitions!(contextFor(source, 'events', { settings: { mailboxes } }));

    it('are one partition each, about the place they belong to', async () => {
      source.putUser({ id: '7', mail: 'projector@acme.example', accountEnabled: false });
      expect(await partitions([ROOM.toUpperCase(), ` ${ROOM}`, 'Projector@acme.example'])).to.deep.equal([
        { name: ROOM, about: ROOM_ID },
        { name: 'projector@acme.example', about: 'projector@acme.example' },
      ]);
    });

    it('are those of a room list, named by its address', async () => {
      source.putPlace({ '@odata.type': '#microsoft.graph.room', id: 'r2', emailAddress: OTHER });
      source.putPlace({
        '@odata.type': '#microsoft.graph.roomList',
        id: 'l',
        emailAddress: 'all@acme.example',
        rooms: [ROOM, OTHER],
      });
      expect((await partitions(['all@acme.example'])).map(({ name }) => name)).to.deep.equal([ROOM, OTHER]);
    });

    it('are those of the members of a group, named by its id', async () => {
      const group = '0f1c2d3e-0000-4000-8000-00000000abcd';
      source.putUser({ id: 'u1', mail: ROOM });
      source.putUser({ id: 'u2', mail: null });
      source.putGroup(group, ['u1', 'u2']);
      source.grant(['Place.Read.All', 'GroupMember.Read.All', 'User.Read.All']);
      expect(await partitions([group])).to.deep.equal([{ name: ROOM, about: ROOM_ID }]);
      source.grant(['Place.Read.All', 'User.Read.All']);
      expect((await failureOf(partitions([group]))).message).to.match(/entry 1 .*GroupMember\.Read\.All/);
      source.grant(['Place.Read.All', 'GroupMember.Read.All']);
      expect((await failureOf(partitions([group]))).message).to.match(/none shows an address.*User\.Read\.All/);
    });

    it('are those of the direct members of a group: those of a group within it no scope of Exchange follows', async () => {
      const [group, within] = ['0f1c2d3e-0000-4000-8000-00000000abcd', '0f1c2d3e-0000-4000-8000-00000000abce'];
      source.putUser({ id: 'u1', mail: ROOM });
      source.putUser({ id: 'u2', mail: OTHER });
      source.putGroup(within, ['u2'], 'everybody@acme.example');
      source.putGroup(group, ['u1', within]);
      source.grant(['Place.Read.All', 'GroupMember.Read.All', 'User.Read.All']);
      expect((await partitions([group])).map(({ name }) => name)).to.deep.equal([ROOM]);
      expect((await partitions([within])).map(({ name }) => name)).to.deep.equal([OTHER]);
      // Whoever may read everybody is not told to be allowed to: there is nobody in it.
      source.putGroup(group, [within]);
      expect(await partitions([group])).to.deep.equal([]);
    });

    it('are none if none are named', async () => {
      expect(await partitions([])).to.deep.equal([]);
      expect(source.requests()).to.deep.equal([]);
    });

    it('that somebody signs in with are not opened, named or in a group: people are asked with their opt-in', async () => {
      const group = '11111111-2222-4333-8444-555555555555';
      source.grant(['User.Read.All', 'Place.Read.All', 'Calendars.ReadBasic.All', 'GroupMember.Read.All']);
      source.putUser({ id: 'u1', mail: 'ada@acme.example', accountEnabled: true });
      source.putUser({ id: 'u2', mail: 'projector@acme.example', accountEnabled: false });
      source.putGroup(group, ['u1', 'u2']);
      source.putEvent('ada@acme.example', meeting('private', '10'));
      source.putEvent('projector@acme.example', meeting('slides', '10'));
      for (const mailboxes of [
        [ROOM, 'Ada@acme.example', 'projector@acme.example'],
        [ROOM, group],
      ]) {
        const settings = { mailboxes };
        const refusal = await failureOf(readRoom(source, { now: NOW, partition: 'ada@acme.example', settings }));
        expect(refusal).to.be.instanceOf(NeedsAttention);
        expect(refusal.message).to.match(/Entry 2 of the setting mailboxes .* signs in/);
        expect(everythingAbout(refusal)).to.not.match(/ada@/i);
        const slides = await readRoom(source, { now: NOW, partition: 'projector@acme.example', settings });
        expect(told(slides)).to.have.length(1);
      }
      expect(source.requests().filter(({ url }) => /ada.*calendar/i.test(url))).to.deep.equal([]);
    });

    /** Whether it may be read, by its address as written in the setting. */
    const judged = async (...mailboxes: string[]) =>
      Object.fromEntries(
        (await partitions(mailboxes)).map(({ name, refused }) => [
          name.split('@')[0],
          refused ? (refused.forget ? 'a person’s' : 'unknown') : 'read',
        ]),
      );

    it('that somebody signs in with are recognised by each address that Exchange opens them with', async () => {
      source.putUser({
        id: 'u1',
        mail: 'ada@acme.example',
        userPrincipalName: 'adal@acme.example',
        proxyAddresses: ['SMTP:ada@acme.example', 'smtp:A.Lovelace@acme.example', 'SMTP:ada-main@acme.example'],
        accountEnabled: true,
      });
      source.putEvent('ada@acme.example', meeting('private', '10'));
      const names = ['ada', 'adal', 'a.lovelace', 'ada-main'];
      const is = await judged(ROOM, ...names.map((name) => `${name}@acme.example`));
      expect(is).to.deep.equal({ 'room-1': 'read', ...Object.fromEntries(names.map((name) => [name, 'a person’s'])) });
      // Exchange would have opened it.
      const settings = { mailboxes: ['a.lovelace@acme.example'] };
      await failureOf(readRoom(source, { now: NOW, partition: 'a.lovelace@acme.example', settings }));
      expect(views()).to.deep.equal([]);
    });

    it('are asked for by one question each, which no address comes back from', async () => {
      source.putUser({ id: 'u1', mail: "o'hara@acme.example", accountEnabled: true });
      source.putUser({ id: 'u2', mail: 'projector@acme.example', accountEnabled: false });
      expect(await judged(ROOM, "o'hara@acme.example", 'projector@acme.example')).to.deep.equal({
        'room-1': 'read',
        "o'hara": 'a person’s',
        projector: 'read',
      });
      const asked = source.requests().filter(({ url }) => url.startsWith('/v1.0/users?'));
      expect(
        asked.map(({ url, batched }) => [new URL(url, 'https://x').searchParams.get('$select'), batched]),
      ).to.deep.equal([
        ['id,accountEnabled', true],
        ['id,accountEnabled', true],
      ]);
    });

    it('are found among many, however many a group holds', async () => {
      const group = '11111111-2222-4333-8444-555555555555';
      source.grant(['User.Read.All', 'Place.Read.All', 'Calendars.ReadBasic.All', 'GroupMember.Read.All']);
      const ids = Array.from({ length: 45 }, (_, n) => `u${n}`);
      for (const [n, id] of ids.entries())
        source.putUser({ id, mail: `${id}@acme.example`, accountEnabled: n === 3 || n === 44 });
      source.putGroup(group, ids);
      const is = await judged(group);
      expect(Object.keys(is)).to.have.length(45);
      expect(Object.keys(is).filter((name) => is[name] !== 'read')).to.deep.equal(['u3', 'u44']);
    });

    it('are looked up side by side, as many requests at a time as in_flight says', async () => {
      const mailboxes = Array.from({ length: 90 }, (_, n) => `u${n}@acme.example`);
      const context = contextFor(source, 'events', { settings: { mailboxes, in_flight: 3 } });
      let [open, most] = [0, 0];
      const http: typeof context.net.http = async (request) => {
        most = Math.max(most, ++open);
        return context.net.http(request).finally(() => open--);
      };
      const net = Object.create(context.net, { http: { value: http } });
      source.oddities({ latency_ms: 20 });
      const found = await streamOf(graph, 'events')!.partitions!({ ...context, net });
      expect(found.map(({ name }) => name)).to.deep.equal(mailboxes);
      expect(most).to.equal(3);
    });

    it('cost no other calendar where Graph cannot look one of them up; that we may not ask concerns all', async () => {
      source.putUser({ id: 'u1', mail: 'van@acme.example', accountEnabled: false });
      const mailboxes = [ROOM, 'odd@acme.example', 'van@acme.example'];
      for (const status of [400, 404]) {
        source.fault({ status, where: 'inner', path: "/users?$filter=mail%20eq%20'odd", code: 'Request_BadRequest' });
        expect(await judged(...mailboxes)).to.deep.equal({ 'room-1': 'read', odd: 'unknown', van: 'read' });
      }
      source.fault({ status: 403, where: 'inner', path: '/users?$filter', code: 'Authorization_RequestDenied' });
      expect((await failureOf(partitions(mailboxes))).message).to.match(/people’s \(403\)/);
    });

    it('are read where they are a room’s, whatever its account, and where nobody can sign in: shared ones, equipment', async () => {
      source.putUser({ id: 'u1', mail: ROOM, proxyAddresses: ['smtp:ada-room@acme.example'], accountEnabled: true });
      source.putUser({ id: 'u2', mail: 'info@acme.example', accountEnabled: false });
      source.putUser({ id: 'u3', mail: 'van@acme.example', accountEnabled: false });
      expect(await judged(ROOM, 'info@acme.example', 'van@acme.example')).to.deep.equal({
        'room-1': 'read',
        info: 'read',
        van: 'read',
      });
      // Of another address of it nobody says that it is a room's, and the sentence says what to do.
      const [alias] = await partitions(['ada-room@acme.example']);
      expect(alias!.refused).to.include({ forget: true });
      expect(alias!.refused!.why).to.match(/name by its primary address/);
    });

    it('of which nobody can tell whose they are are not opened, and nothing of theirs is taken away', async () => {
      source.putUser({ id: 'u1', mail: 'kept@acme.example' });
      source.putUser({ id: 'u2', mail: 'both@acme.example', accountEnabled: false });
      source.putUser({ id: 'u3', userPrincipalName: 'both@acme.example', accountEnabled: true });
      source.putEvent('group@acme.example', meeting('e', '10'));
      expect(await judged('group@acme.example', 'kept@acme.example', 'both@acme.example')).to.deep.equal({
        group: 'unknown',
        kept: 'unknown',
        both: 'a person’s',
      });
    });

    it('whose owners may not be asked after are not opened', async () => {
      source.grant(['Place.Read.All', 'Calendars.ReadBasic.All']);
      source.putUser({ id: 'u2', mail: 'projector@acme.example', accountEnabled: false });
      expect((await failureOf(partitions(['projector@acme.example']))).message).to.match(
        /people’s \(403\).*User\.Read\.All/,
      );
      expect(
        (await partitions([ROOM])).map(({ name }) => name),
        'a room needs no question',
      ).to.deep.equal([ROOM]);
    });

    it('that are not named are refused by us, before anybody is asked', async () => {
      source.putUser({ id: '7', mail: 'ada@acme.example' });
      const error = await failureOf(readRoom(source, { now: NOW, partition: 'ada@acme.example' }));
      expect(error.message)
        .to.match(/not among the mailboxes/)
        .and.not.to.include('ada');
      expect(views()).to.deep.equal([]);
    });

    it('that are gone, closed to us or without permission are named by their entry, never by address', async () => {
      source.putUser({ id: '7', userPrincipalName: 'nobody@acme.example', accountEnabled: false });
      const mailboxes = [ROOM, 'nobody@acme.example'];
      const gone = await failureOf(readRoom(source, { now: NOW, partition: mailboxes[1]!, settings: { mailboxes } }));
      expect(gone.message).to.match(/no mailbox.*entry 2 of the setting mailboxes \(404\)/);
      source.scopeMailboxes(['other@acme.example']);
      const closed = await failureOf(readRoom(source, { now: NOW, settings: { mailboxes: [ROOM, ROOM] } }));
      expect(closed.message).to.match(/entry 1 of the setting mailboxes \(403\).*scope in Exchange/);
      source.grant(['Place.Read.All']);
      const denied = await failureOf(readRoom(source, { now: NOW }));
      expect(denied.message).to.match(/Calendars\.ReadBasic\.All in Entra/);
      source.fault({ status: 403, path: '/calendarView', code: 'Authorization_RequestDenied' });
      const refused = await failureOf(readRoom(source, { now: NOW }));
      expect(refused.message).to.match(/permission Calendars\.ReadBasic\.All.*"Permissions"/);
      for (const { message } of [gone, closed, denied, refused]) expect(message).not.to.include('@');
    });
  });
});
