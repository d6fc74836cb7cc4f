import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import graph from '../../../connectors/microsoft-graph/index.ts';
import { onFaultPoint } from '../../../src/base/faults.ts';
import type { Log } from '../../../src/base/log.ts';
import type { GraphEvent, GraphUser, SandboxGraph } from '../../../src/sandbox/graph/index.ts';
import { documented } from '../../../src/sandbox/graph/properties.ts';
import { pgData } from '../../../src/store/embedded/place.ts';
import type { HubTenantStore } from '../../../src/store/index.ts';
import { createMetrics } from '../../../src/sync/metrics.ts';
import { placeOf } from '../../store/embedded-support.ts';
import { ByteSearch } from '../../support/byte-search.ts';
import { addInClear } from '../../support/disguises.ts';
import { checkpoint, dumpDatabase } from '../../support/dump.ts';
import { type TestHub, testClock, testDatabase, testHub } from '../../support/hub.ts';
import { employee, memorySource, peopleConnection } from '../../support/memory-source.ts';
import { tablesHolding } from '../../support/owner.ts';
import { below, chance, pick } from '../../support/random.ts';
import { NOW, sandbox, settingsFor } from './support.ts';

const ROOMS = ['r1', 'r2', 'r3'];
const addressOf = (room: string) => `${room}@acme.example`;
const guid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const logOnOf = (n: number) => ({ email: `p${n}@acme.example`, given_name: `Given${n}`, family_name: `Family${n}` });
const person = (n: number, more: Partial<GraphUser> = {}): GraphUser => ({
  id: guid(n),
  mail: `p${n}@acme.example`,
  userPrincipalName: `p${n}@acme.example`,
  givenName: `Given${n}`,
  surname: `Family${n}`,
  jobTitle: `Title ${n}`,
  department: 'Tests',
  businessPhones: ['+31 20 555 0100'],
  accountEnabled: true,
  userType: 'Member',
  ...more,
});
const utc = (date: string, hour: number) => ({
  dateTime: `${date}T${String(hour).padStart(2, '0')}:00:00.0000000`,
  timeZone: 'UTC',
});
const single = (id: string, date: string, from: number, to: number, more: Partial<GraphEvent> = {}): GraphEvent => ({
  id,
  type: 'singleInstance',
  start: utc(date, from),
  end: utc(date, to),
  isAllDay: false,
  isCancelled: false,
  showAs: 'busy',
  originalStartTimeZone: 'UTC',
  responseStatus: { response: 'accepted' },
  ...more,
});

describe('Microsoft 365, through the gate', function () {
  this.timeout(120_000);
  const clock = testClock(NOW);
  const logged: string[] = [];
  const log: Log = { event: (level, event) => void logged.push(JSON.stringify({ level, ...event })) };
  const memory = memorySource();
  let source: SandboxGraph;
  let hub: TestHub;
  let tenant: HubTenantStore;

  before(async () => {
    hub = await testHub({ connectors: [graph, memory.connector], clock, log });
  });
  beforeEach(async () => {
    clock.set(NOW);
    source = await sandbox({ clock, pageSize: 7 });
    for (const [n, room] of ROOMS.entries())
      source.putPlace({
        '@odata.type': '#microsoft.graph.room',
        id: guid(1_000 + n),
        displayName: `Room ${room}`,
        emailAddress: addressOf(room),
        capacity: 8,
      });
    tenant = await hub.tenant(() => ({
      features: ['people-directory', 'room-booking', 'hybrid-meetings'],
      users: { admit: 'first-logon', sources: ['m365', 'people'], leaver_grace_ms: 7 * 86_400_000, domains: [] },
      connections: [
        {
          name: 'm365',
          connector: 'microsoft-graph',
          settings: { ...defaults, ...settingsFor(source), mailboxes: ROOMS.map(addressOf) },
          streams: { events: { removals: { percent: 100, more_than: 1_000 } } },
          paused: false,
        },
        peopleConnection,
      ],
    }));
  });
  afterEach(() => source.stop());

  const defaults = Object.fromEntries(
    Object.entries(graph.settings).flatMap(([name, { default: value }]) =>
      value === undefined ? [] : [[name, value]],
    ),
  );
  const run = async (connection = 'm365', mode?: 'full') => {
    clock.advance(60_000);
    const order = { tenantId: tenant.tenantId, connection, trigger: 'manual' as const, ...(mode ? { mode } : {}) };
    return hub.sync.run(order);
  };
  async function reconfigure(settings: Record<string, unknown>, resume = true): Promise<void> {
    const { configuration, version } = (await tenant.configuration.read())!;
    const connections = configuration.connections.map((one) =>
      one.name === 'm365' ? { ...one, settings: { ...one.settings, ...settings } } : one,
    );
    await tenant.configuration.write({ ...configuration, connections }, { expected: version, resume });
  }
  const all = { after: undefined, limit: 1_000 };
  async function taken(): Promise<string[]> {
    const spaces = new Map((await tenant.spaces.list(all)).items.map(({ id, name }) => [id, name]));
    const { items } = await tenant.events.list({ spaces: undefined, from: undefined, to: undefined, ...all });
    return items
      .map(({ space, starts_at, ends_at, show_as }) => `${spaces.get(space!)} ${starts_at} ${ends_at} ${show_as}`)
      .sort();
  }

  it('keeps of the people those who have logged on, and of them what the features need', async () => {
    for (let n = 0; n < 40; n++) source.putUser(person(n));
    source.putUser(person(40, { accountEnabled: false }));
    source.putUser(person(41, { userType: 'Guest' }));
    for (const n of [3, 17, 40, 41]) await tenant.users.logOn(logOnOf(n));
    const receipt = await run();
    expect(receipt.status).to.equal('succeeded');
    expect(receipt.streams.users).to.deep.include({ mode: 'full', read: 42, kept: 2, created: 2 });
    expect(receipt.streams.users?.dropped).to.deep.equal({ 'not-a-user': 38, 'out-of-scope': 2 });
    expect((await tenant.users.findByEmail('p17@acme.example'))?.fields).to.deep.equal({
      given_name: 'Given17',
      family_name: 'Family17',
      email: 'p17@acme.example',
      phone: '+31205550100',
      job_title: 'Title 17',
      department: 'Tests',
    });
    // What changed, what was emptied, and who left, in an incremental round.
    source.putUser(person(3, { jobTitle: 'Other', department: null }));
    source.removeUser(guid(17), 'changed');
    const next = await run();
    expect(next.streams.users).to.deep.include({ mode: 'incremental', updated: 1, gone: 1 });
    const other = await tenant.users.findByEmail('p3@acme.example');
    expect([other?.fields.job_title, other?.fields.department]).to.deep.equal(['Other', undefined]);
  });

  it('takes the word of whichever source counts first, and of the next where that one falls silent', async () => {
    source.putUser(person(1, { jobTitle: 'By Microsoft' }));
    memory.people = [employee(1, { title: 'By the directory', phone: '+31 20 555 0999' })];
    await tenant.users.logOn(logOnOf(1));
    await run('people');
    await run();
    const title = async () => (await tenant.users.findByEmail('p1@acme.example'))?.fields.job_title;
    expect(await title()).to.equal('By Microsoft');
    source.removeUser(guid(1), 'deleted');
    await run();
    expect(await title(), 'held: it is all that the connection knew').to.equal('By Microsoft');
    const live = (await tenant.configuration.read())!;
    const connections = live.configuration.connections.filter(({ name }) => name === 'people');
    await tenant.configuration.write(
      { ...live.configuration, connections, users: { ...live.configuration.users, sources: ['people'] } },
      { expected: live.version, resume: true },
    );
    expect(await title()).to.equal('By the directory');
    expect((await tenant.spaces.list(all)).items).to.deep.equal([]);
  });

  it('has the calendars as they are, however they moved between its rounds', async () => {
    const seed = Number(process.env.SEED ?? 20_261_125);
    const random = chance(seed);
    const dates = Array.from({ length: 20 }, (_, n) =>
      new Date(NOW.getTime() + n * 86_400_000).toISOString().slice(0, 10),
    );
    /** What the calendars hold, kept by hand: intervals by room and id. */
    const truth = new Map<string, Map<string, string[]>>(ROOMS.map((room) => [room, new Map()]));
    const line = (room: string, date: string, from: number, to: number, showAs = 'busy') =>
      `Room ${room} ${date}T${String(from).padStart(2, '0')}:00:00.000Z ${date}T${String(to).padStart(2, '0')}:00:00.000Z ${showAs}`;
    let made = 0;

    function putSingle(room: string, id: string): void {
      const [date, from] = [pick(random, dates), below(random, 20)];
      const cancelled = random() < 0.15;
      const showAs = pick(random, ['busy', 'tentative', 'oof', 'free']);
      source.putEvent(addressOf(room), single(id, date, from, from + 2, { showAs, isCancelled: cancelled }));
      const told = showAs === 'oof' ? 'busy' : showAs;
      truth.get(room)!.set(id, cancelled ? [] : [line(room, date, from, from + 2, told)]);
    }
    function putSeries(room: string, id: string): void {
      const on = dates.filter(() => random() < 0.3);
      if (on.length === 0) on.push(dates[0]!);
      const from = below(random, 20);
      source.putEvent(addressOf(room), {
        ...single(id, on[0]!, from, from + 1),
        type: 'seriesMaster',
        recurrence: { pattern: { type: 'weekly' } },
        occurrences: on.map((date) => ({ id: `${id}-${date}`, start: utc(date, from), end: utc(date, from + 1) })),
      });
      truth.get(room)!.set(
        id,
        on.map((date) => line(room, date, from, from + 1)),
      );
    }
    function change(): void {
      const room = pick(random, ROOMS);
      const held = truth.get(room)!;
      const kind = random();
      if (kind < 0.35 || held.size === 0) putSingle(room, `e${++made}`);
      else if (kind < 0.55) putSeries(room, `s${++made}`);
      else {
        const id = pick(random, [...held.keys()]);
        if (kind < 0.8) id.startsWith('s') ? putSeries(room, id) : putSingle(room, id);
        else {
          source.removeEvent(addressOf(room), id);
          held.delete(id);
        }
      }
    }

    for (let n = 0; n < 120; n++) putSingle(pick(random, ROOMS), `e${++made}`);
    for (let round = 0; round < 25; round++) {
      for (let n = below(random, 12); n > 0; n--) change();
      const anotherDay = round % 8 === 7;
      if (random() < 0.15)
        source.expireTokens({
          status: pick(random, [400, 410]),
          code: pick(random, ['syncStateNotFound', 'SyncStateNotFound', 'resyncRequired']),
        });
      source.oddities({
        emptyPages: random() < 0.3,
        replays: random() < 0.3,
        duplicates: random() < 0.3,
      });
      // Another day: the limit of removals counts anew, and the window has moved on.
      if (anotherDay) clock.advance(86_400_000);
      const receipt = await run();
      expect(receipt.status, `seed ${seed}, round ${round}: ${receipt.error}`).to.equal('succeeded');
      // What lies before the window is over; it is kept as it was when it was last in it.
      const from = new Date(Math.floor(clock.now().getTime() / 86_400_000 - 1) * 86_400_000).toISOString();
      const within = (lines: readonly string[]) => lines.filter((one) => one.split(' ')[3]! > from).sort();
      const expected = [...truth.values()].flatMap((held) => [...held.values()].flat());
      const [is, should] = [within(await taken()), within(expected)];
      const lost = should.filter((one) => !is.includes(one));
      const left = is.filter((one) => !should.includes(one));
      expect({ lost, left, count: is.length }, `seed ${seed}, round ${round}`).to.deep.equal({
        lost: [],
        left: [],
        count: should.length,
      });
    }
  });

  it('goes on after an upgrade that brought settings, and after the same file was applied anew', async () => {
    source.putEvent(addressOf('r1'), single('e', '2026-12-02', 9, 10));
    const { configuration, version } = (await tenant.configuration.read())!;
    // As a version wrote it that knew nothing of what has a default today.
    const older = configuration.connections.map((one) =>
      one.name === 'm365' ? { ...one, settings: { ...settingsFor(source), mailboxes: ROOMS.map(addressOf) } } : one,
    );
    await tenant.configuration.write({ ...configuration, connections: older }, { expected: version, resume: true });
    await run();
    expect((await run()).streams.events?.mode).to.equal('incremental');
    await tenant.configuration.write(configuration, { expected: version + 1, resume: false });
    expect((await tenant.connections.get('m365')).paused).to.equal(false);
    expect((await run()).streams.events?.mode).to.equal('incremental');
    await reconfigure({ window: { ahead: '30d' } }, false);
    expect((await tenant.connections.get('m365')).paused).to.equal(true);
  });

  it('keeps nothing of whoever opts out between asking and commit', async () => {
    source.putUser(person(1));
    source.putEvent('p1@acme.example', single('e', '2026-12-02', 9, 10));
    const { user } = await tenant.users.logOn(logOnOf(1));
    const busy = async () =>
      (await tenant.userCalendars.list({ user: user.id, from: undefined, to: undefined, ...all })).items;
    const asked = () => source.requests().filter(({ url }) => url.includes('getSchedule')).length;
    let askedThen = 0;
    for (let at = 0; ; at++) {
      await tenant.users.optIn(user.id, 'hybrid-meetings', { text_version: '1', locale: 'en' });
      const before = asked();
      let answers = 0;
      let withdrawn = false;
      onFaultPoint(async (point) => {
        if (point !== 'fetch.after' || answers++ !== at) return;
        await tenant.users.optOut(user.id, 'hybrid-meetings');
        withdrawn = true;
      });
      await run();
      onFaultPoint(undefined);
      if (!withdrawn) break;
      if (asked() > before) askedThen++;
      expect(await busy(), `answer ${at}`).to.deep.equal([]);
      expect(Object.keys(await tablesHolding(user.id)), `answer ${at}`).to.not.include('sluice.user_event');
    }
    // Otherwise they were always out of it before anybody would have asked.
    expect(askedThen).to.be.above(0);
    expect(await busy(), 'whoever stays opted in').to.have.length(1);
  });

  it('asks all calendars in one request when nothing has changed', async () => {
    for (const room of ROOMS) source.putEvent(addressOf(room), single(`e-${room}`, '2026-12-02', 9, 10));
    await run();
    const before = source.requests().length;
    expect((await run()).status).to.equal('succeeded');
    const sent = source.requests().slice(before);
    const views = sent.filter(({ url }) => url.includes('/calendarView'));
    expect(views.map(({ batched }) => batched)).to.deep.equal(ROOMS.map(() => true));
    expect(sent.filter(({ url }) => url.endsWith('/$batch'))).to.have.length(1);
  });

  it('lets nothing of what Graph sends get through but what is declared, and nobody who has not logged on', async () => {
    const planted: [where: string, text: string][] = [];
    const mark = (where: string) => {
      const text = `mk${randomBytes(12).toString('hex')}`;
      planted.push([where, text]);
      return text;
    };
    const properties = (of: string, names: readonly string[]) =>
      Object.fromEntries(names.map((name) => [name, mark(`${name} of ${of}`)]));
    /** Every property that Microsoft documents, but those that are declared, or that decide where a thing stands. */
    const undeclared = (type: keyof typeof documented, declared: string) =>
      documented[type].filter((name) => !declared.split(' ').includes(name));
    const ofUsers = undeclared(
      'user',
      'id mail userPrincipalName givenName surname businessPhones jobTitle department accountEnabled userType',
    );
    const ofPlaces = undeclared('place', 'id displayName emailAddress capacity parentId tags isWheelChairAccessible');
    const ofEvents = undeclared(
      'event',
      'id type seriesMasterId start end isAllDay showAs isCancelled responseStatus organizer originalStartTimeZone sensitivity',
    );
    source.putUser(person(1, properties('a user', ofUsers)));
    source.putUser({
      ...person(2, properties('a stranger', [...ofUsers, 'givenName', 'surname', 'jobTitle', 'department'])),
      mail: `${mark('mail of a stranger')}@acme.example`,
      userPrincipalName: `${mark('user principal name of a stranger')}@acme.example`,
    });
    source.putPlace({
      '@odata.type': '#microsoft.graph.room',
      id: guid(1_000),
      displayName: 'Room r1',
      emailAddress: addressOf('r1'),
      capacity: 8,
      ...properties('a room', ofPlaces),
    });
    const whom = (address: string) => ({ emailAddress: { name: mark('name in a meeting'), address } });
    const meeting = (id: string, organizer: string): GraphEvent =>
      single(id, '2026-12-02', 9, 10, {
        ...properties('a meeting', ofEvents),
        body: { contentType: 'html', content: mark('body of a meeting') },
        location: { displayName: mark('location of a meeting'), uniqueId: mark('id of a location') },
        attendees: [{ ...whom(`${mark('attendee')}@elsewhere.example`), type: 'required' }],
        onlineMeeting: { joinUrl: `https://${mark('join link')}.example` },
        organizer: whom(organizer),
      });
    source.putEvent(addressOf('r1'), meeting('by-a-user', 'p1@acme.example'));
    source.putEvent(addressOf('r1'), meeting('by-a-stranger', `${mark('organiser')}@elsewhere.example`));
    source.putEvent(addressOf('r1'), {
      ...meeting('series', `${mark('organiser of a series')}@elsewhere.example`),
      type: 'seriesMaster',
      occurrences: [{ id: 'series-1', start: utc('2026-12-03', 9), end: utc('2026-12-03', 10) }],
    });
    const inRoom = { locations: [{ displayName: mark('place of a meeting'), locationEmailAddress: addressOf('r1') }] };
    source.putEvent('p1@acme.example', {
      ...meeting(mark('id of a user’s meeting'), `${mark('organiser of a user’s meeting')}@elsewhere.example`),
      ...inRoom,
    });
    source.putEvent(
      'p2@acme.example',
      meeting('of-a-stranger', `${mark('organiser for a stranger')}@elsewhere.example`),
    );
    const { user } = await tenant.users.logOn(logOnOf(1));
    await tenant.users.optIn(user.id, 'hybrid-meetings', { text_version: '1', locale: 'en' });
    const answers = [JSON.stringify(await run())];
    const busy = async () =>
      (await tenant.userCalendars.list({ user: user.id, from: undefined, to: undefined, ...all })).items;
    expect((await busy()).map(({ starts_at, spaces }) => [starts_at, spaces])).to.deep.equal([
      ['2026-12-02T09:00:00.000Z', []],
    ]);
    answers.push(JSON.stringify(await busy()));
    await reconfigure({ people_calendars: 'free-busy-and-rooms' });
    answers.push(JSON.stringify(await run()));
    const { items: rooms } = await tenant.spaces.list(all);
    expect((await busy()).map(({ starts_at, spaces }) => [starts_at, spaces])).to.deep.equal([
      ['2026-12-02T09:00:00.000Z', [rooms.find(({ name }) => name === 'Room r1')!.id]],
    ]);
    answers.push(JSON.stringify(await busy()), JSON.stringify(await tenant.users.account(user.id)));
    source.putEvent(addressOf('r1'), meeting('by-a-stranger', `${mark('organiser later')}@elsewhere.example`));
    answers.push(JSON.stringify(await run()), JSON.stringify(await run('m365', 'full')));
    answers.push(JSON.stringify(await hub.sync.preview(tenant.tenantId, 'm365', { asUser: 'p1@acme.example' })));
    answers.push(JSON.stringify(await hub.sync.check(tenant.tenantId, 'm365')));
    const events = (await tenant.events.list({ spaces: undefined, from: undefined, to: undefined, ...all })).items;
    answers.push(JSON.stringify(events), JSON.stringify((await tenant.spaces.list(all)).items));
    expect(Object.fromEntries(events.map(({ key, organizer }) => [key, organizer]))).to.deep.equal({
      'by-a-user': user.id,
      'by-a-stranger': null,
      'series-1': null,
    });

    const search = new ByteSearch();
    for (const [where, text] of planted) addInClear(search, where, text);
    const { migrateUrl, dataDir } = await testDatabase();
    await checkpoint(migrateUrl);
    const found = [...(await dumpDatabase(migrateUrl))].flatMap(([name, bytes]) => search.look(name, bytes));
    const files = await search.lookInFolder(pgData(await placeOf(dataDir)));
    found.push(...files.found);
    found.push(...search.look('log', Buffer.from(logged.join('\n'))));
    const metrics = createMetrics();
    for (const receipt of hub.ended) metrics.runEnded(receipt, 'acme', 'manual');
    const measured = await metrics.text();
    expect(measured).to.include('m365');
    found.push(...search.look('metrics', Buffer.from(measured)));
    found.push(...search.look('answers', Buffer.from(answers.join('\n'))));
    expect(found).to.deep.equal([]);
    // The search finds what is there: the room's name is kept in clear.
    const control = new ByteSearch();
    control.add('a zone', Buffer.from('Etc/UTC, or what else there is'.slice(0, 16)));
    expect(control.look('control', Buffer.from('Etc/UTC, or what else there is'))).to.have.length(1);
    expect(planted.length).to.be.above(400);
  });
});
