import { expect } from 'chai';
import { at, type Client, connect, daily, everything, ids, single, user, window } from './support.ts';

const room = 'athens@acme.example';

describe('calendarView of the sandbox', () => {
  let client: Client;
  beforeEach(async () => {
    client = await connect();
    client.graph.putPlace({ '@odata.type': '#microsoft.graph.room', id: 'athens', emailAddress: room });
  });
  afterEach(() => client.graph.stop());
  const view = (from: number, to: number, more = '') => `/users/${room}/calendarView?${window(from, to)}${more}`;
  const first = async (path: string, headers = {}) => (await client.get(path, headers)).body.value[0];

  it('is empty for a room without events', async () => {
    expect((await client.get(view(1, 8))).body.value).to.deep.equal([]);
  });

  it('has what overlaps the window, in the order of time', async () => {
    client.graph.putEvent(room, single('late', 7, 23));
    client.graph.putEvent(room, single('early', 1, 0));
    client.graph.putEvent(
      room,
      single('before', 1, 0, {
        ...at(1, 0),
        start: { dateTime: '2026-02-28T23:00:00', timeZone: 'UTC' },
        end: { dateTime: '2026-03-01T00:00:00', timeZone: 'UTC' },
      }),
    );
    client.graph.putEvent(room, single('after', 8, 0));
    client.graph.putEvent(room, single('moment', 1, 0, at(1, 0, 0)));
    expect(ids((await client.get(view(1, 8))).body.value)).to.deep.equal(['early', 'moment', 'late']);
  });

  it('has series expanded, each occurrence with what its master has, and never the master', async () => {
    client.graph.putEvent(room, daily('series', 1, 5));
    const { body } = await client.get(view(2, 4));
    expect(ids(body.value)).to.deep.equal(['series.2', 'series.3']);
    expect(body.value[0]).to.include({
      type: 'occurrence',
      seriesMasterId: 'series',
      showAs: 'tentative',
      subject: 'Stand-up',
      recurrence: null,
    });
    expect(body.value[0].iCalUId).to.not.equal(body.value[1].iCalUId);
  });

  it('has an exception in the place of its occurrence, with what its master has', async () => {
    client.graph.putEvent(room, daily('series', 1, 5));
    const moved = {
      id: 'series.2',
      type: 'exception' as const,
      seriesMasterId: 'series',
      ...at(3, 15),
      subject: 'Later',
    };
    client.graph.putEvent(room, moved);
    const { body } = await client.get(view(2, 4));
    expect(ids(body.value)).to.deep.equal(['series.3', 'series.2']);
    expect(body.value[1]).to.include({ type: 'exception', showAs: 'tentative', subject: 'Later' });
  });

  it('writes times with seven digits and no offset, in UTC unless another zone is preferred', async () => {
    client.graph.putEvent(room, single('one', 3, 10));
    expect((await first(view(1, 8))).start).to.deep.equal({ dateTime: '2026-03-03T10:00:00.0000000', timeZone: 'UTC' });
    for (const [zone, hour] of [
      ['W. Europe Standard Time', '11'],
      ['Europe/Athens', '12'],
      ['Europe/Kyiv (Kiev)', '12'],
      ['India Standard Time', '15'],
    ] as const) {
      const { body, headers } = await client.get(view(1, 8), { prefer: `outlook.timezone="${zone}"` });
      expect(body.value[0].start.dateTime, zone).to.match(new RegExp(`^2026-03-03T${hour}:[03]0:00\\.0000000$`));
      expect(body.value[0].start.timeZone).to.equal(zone);
      expect(headers['preference-applied']).to.equal(`outlook.timezone="${zone}"`);
    }
  });

  it('knows summer time', async () => {
    client.graph.putEvent(room, single('summer', 29, 12));
    const { start } = await first(view(28, 31), { prefer: 'outlook.timezone="W. Europe Standard Time"' });
    expect(start.dateTime).to.equal('2026-03-29T14:00:00.0000000');
    client.graph.putEvent(
      room,
      single('local', 30, 8, {
        start: { dateTime: '2026-03-30T08:00:00', timeZone: 'W. Europe Standard Time' },
        end: { dateTime: '2026-03-30T09:00:00', timeZone: 'W. Europe Standard Time' },
      }),
    );
    expect((await first(view(30, 31))).start.dateTime).to.equal('2026-03-30T06:00:00.0000000');
  });

  it('refuses a zone it does not know', async () => {
    const { status, body } = await client.get(view(1, 8), { prefer: 'outlook.timezone="Middle Earth"' });
    expect([status, body.error.code]).to.deep.equal([400, 'TimeZoneNotSupportedException']);
  });

  it('reads the window by its own offset, not by the preferred zone', async () => {
    client.graph.putEvent(room, single('one', 3, 10));
    const from = (offset: string) =>
      `/users/${room}/calendarView?startDateTime=2026-03-03T11:00:00${offset}&endDateTime=2026-03-03T11:30:00${offset}`;
    const prefer = { prefer: 'outlook.timezone="W. Europe Standard Time"' };
    expect((await client.get(from('Z'), prefer)).body.value).to.have.length(0);
    expect((await client.get(from(''), prefer)).body.value).to.have.length(0);
    expect((await client.get(from('%2B01:00'), prefer)).body.value).to.have.length(1);
    // A plus that is not escaped is a space.
    expect((await client.get(from('+01:00'), prefer)).status).to.equal(400);
  });

  it('writes all-day events from midnight to midnight of any zone, and finds them in their own', async () => {
    const allDay = (timeZone: string, more = {}) => ({
      ...single('day', 3, 0),
      isAllDay: true,
      start: { dateTime: '2026-03-03T00:00:00', timeZone },
      end: { dateTime: '2026-03-04T00:00:00', timeZone },
      ...more,
    });
    client.graph.putEvent(room, allDay('UTC', { originalStartTimeZone: 'Tokyo Standard Time' }));
    for (const zone of ['UTC', 'Pacific Standard Time', 'Tokyo Standard Time']) {
      const { start, end } = await first(view(1, 8), { prefer: `outlook.timezone="${zone}"` });
      expect([start, end]).to.deep.equal([
        { dateTime: '2026-03-03T00:00:00.0000000', timeZone: zone },
        { dateTime: '2026-03-04T00:00:00.0000000', timeZone: zone },
      ]);
    }
    const at3 = (from: string, to: string) =>
      `/users/${room}/calendarView?startDateTime=2026-03-${from}:00:00Z&endDateTime=2026-03-${to}:00:00Z`;
    expect((await client.get(at3('02T15', '02T16'))).body.value).to.have.length(1);
    expect((await client.get(at3('03T15', '03T16'))).body.value).to.have.length(0);
  });

  it('sends what is selected, and refuses what does not exist', async () => {
    client.graph.putEvent(room, single('one', 3, 10));
    expect(await first(view(1, 8, '&$select=start,showAs'))).to.have.keys('@odata.etag', 'id', 'start', 'showAs');
    expect((await client.get(view(1, 8, '&$select=title'))).status).to.equal(400);
  });

  it('comes in pages of $top up to 1000, or of the size preferred', async () => {
    client.graph.putEvent(room, daily('series', 1, 7));
    expect((await client.get(view(1, 8, '&$top=3'))).body.value).to.have.length(3);
    expect(await everything(client, view(1, 8, '&$top=3'))).to.have.length(7);
    expect((await client.get(view(1, 8, '&$top=1000'))).status).to.equal(200);
    expect((await client.get(view(1, 8, '&$top=1001'))).status).to.equal(400);
    expect((await client.get(view(1, 8), { prefer: 'odata.maxpagesize=2' })).body.value).to.have.length(2);
  });

  it('needs a window, of 1825 days at most', async () => {
    const none = await client.get(`/users/${room}/calendarView`);
    expect([none.status, none.body.error.code]).to.deep.equal([400, 'ErrorInvalidParameter']);
    const long = (end: string) => `/users/${room}/calendarView?startDateTime=2026-01-01T00:00:00Z&endDateTime=${end}`;
    expect((await client.get(long('2030-12-31T00:00:00Z'))).status).to.equal(200);
    const { status, body } = await client.get(long('2030-12-31T00:00:01Z'));
    expect([status, body.error.code]).to.deep.equal([400, 'ErrorInvalidRequest']);
  });

  it('leaves out bodies where only ReadBasic was granted, and shows subject and attendees all the same', async () => {
    client.graph.putEvent(
      room,
      single('one', 3, 10, { body: { content: 'text' }, bodyPreview: 'text', attendees: [] }),
    );
    expect(await first(view(1, 8)))
      .to.include.keys('subject', 'attendees')
      .and.not.include.any.keys('body', 'bodyPreview');
    client.graph.grant(['Calendars.Read']);
    await client.signIn();
    expect(await first(view(1, 8))).to.include.keys('body', 'bodyPreview');
  });

  describe('and single events', () => {
    const event = (id: string) => client.get(`/users/${room}/events/${id}`);

    it('come by id: a master with its rule, an occurrence, an exception', async () => {
      client.graph.putEvent(room, daily('series', 1, 5));
      client.graph.putEvent(room, { id: 'series.2', type: 'exception', seriesMasterId: 'series', ...at(2, 15) });
      const master = await event('series');
      expect(master.body).to.include({ type: 'seriesMaster', seriesMasterId: null });
      expect(master.body).to.include.keys('recurrence').and.not.include.keys('occurrences');
      expect(master.body.start.dateTime).to.equal('2026-03-01T09:00:00.0000000');
      expect((await event('series.2')).body.type).to.equal('exception');
      expect((await event('series.3')).body).to.include({ type: 'occurrence', showAs: 'tentative' });
    });

    it('are not there when they never were or were removed', async () => {
      client.graph.putEvent(room, single('one', 3, 10));
      client.graph.removeEvent(room, 'one');
      for (const id of ['one', 'other']) {
        const { status, body } = await event(id);
        expect([status, body.error.code]).to.deep.equal([404, 'ErrorItemNotFound']);
      }
    });

    it('may be hidden when private, though the view lists them', async () => {
      client.graph.putEvent(room, single('one', 3, 10, { sensitivity: 'private' }));
      expect((await event('one')).status).to.equal(200);
      client.graph.oddities({ privateNotById: true });
      expect((await event('one')).status).to.equal(404);
      expect((await client.get(view(1, 8))).body.value).to.have.length(1);
    });
  });

  describe('and mailboxes', () => {
    const codeOf = async (mailbox: string) => {
      const { status, body } = await client.get(`/users/${encodeURIComponent(mailbox)}/calendarView?${window(1, 8)}`);
      return status === 200 ? 200 : [status, body.error.code];
    };

    it('are unknown, or have no calendar', async () => {
      expect(await codeOf('nobody@acme.example')).to.deep.equal([404, 'ErrorInvalidUser']);
      client.graph.putUser(user('ann', { mail: null }));
      expect(await codeOf('id-ann')).to.deep.equal([404, 'MailboxNotEnabledForRESTAPI']);
      client.graph.putUser(user('ann'));
      expect(await codeOf('id-ann')).to.equal(200);
      client.graph.putEvent('ann@acme.example', single('one', 3, 10));
      client.graph.removeUser('id-ann', 'changed');
      for (const name of ['ann@acme.example', 'id-ann']) {
        expect(await codeOf(name)).to.deep.equal([404, 'ErrorInvalidUser']);
      }
    });

    it('are the same by id, principal name and address', async () => {
      client.graph.putUser(user('ann', { userPrincipalName: 'a.doe@acme.example' }));
      client.graph.putEvent('ANN@acme.example', single('one', 3, 10));
      for (const name of ['id-ann', 'a.doe@acme.example', 'ann@acme.example']) {
        const { body } = await client.get(`/users/${name}/calendarView?${window(1, 8)}`);
        expect(ids(body.value), name).to.deep.equal(['one']);
      }
    });

    it('outside the scope of the application are closed, by any name, whether they exist or not', async () => {
      client.graph.putUser(user('ann'));
      client.graph.putUser(user('bob'));
      client.graph.scopeMailboxes([room, 'Ann@acme.example']);
      expect(await codeOf(room)).to.equal(200);
      expect(await codeOf('id-ann')).to.equal(200);
      for (const name of ['bob@acme.example', 'id-bob', 'nobody@acme.example']) {
        expect(await codeOf(name)).to.deep.equal([403, 'ErrorAccessDenied']);
      }
      client.graph.scopeMailboxes(undefined);
      expect(await codeOf('id-bob')).to.equal(200);
    });
  });
});
