import { expect } from 'chai';
import { newId } from '../../src/base/uuid.ts';
import { calendarSource, meeting, room } from '../support/calendar-source.ts';
import { connection, startApi, type TestApi, type TestTenant } from './support.ts';

const hour = (at: number) => `2026-12-01T${String(at).padStart(2, '0')}:00:00.000Z`;

describe('rooms over HTTP', () => {
  let api: TestApi;
  let acme: TestTenant;
  let key: string;
  let user: string;
  const ids: Record<string, string> = {};
  const spaceConnector = calendarSource().connector.name;

  async function furnished(): Promise<TestTenant> {
    const tenant = await api.tenant({
      features: ['room-booking', 'people-directory'],
      connections: [connection('people'), connection('rooms', { connector: spaceConnector })],
    });
    user = await tenant.logOn('noor@acme.example');
    await api.hub.sync.run({ tenantId: tenant.store.tenantId, connection: 'rooms', trigger: 'manual', mode: 'full' });
    return tenant;
  }

  before(async function () {
    this.timeout(60_000);
    api = await startApi();
    api.hub.clock.set(new Date(hour(7)));
    api.calendars.spaces = [{ id: 'floor-1', name: 'First', kind: 'floor' }, room('a'), room('b', { seats: 2 })];
    api.calendars.calendars = {
      a: [
        meeting('m1', 'a', 9, 10, { organizer: 'noor@acme.example' }),
        meeting('m2', 'a', 11, 12, { organizer: 'visitor@elsewhere.example' }),
      ],
      b: [],
    };
    acme = await furnished();
    key = await acme.key();
    const { body } = await api.ask('GET', '/v1/spaces', { key });
    for (const { id, source } of body.items) ids[source.key] = id;
  });
  after(async () => {
    await api.close();
  });

  it('are listed page by page, in order of their ids', async () => {
    const first = await api.ask('GET', '/v1/spaces?limit=2', { key });
    const second = await api.ask('GET', `/v1/spaces?limit=2&cursor=${first.body.next}`, { key });
    expect(second.body.next).to.equal(null);
    const all = [...first.body.items, ...second.body.items];
    expect(all.map(({ id }) => id)).to.deep.equal(Object.values(ids).sort());
    expect(all.find(({ source }) => source.key === 'a')).to.deep.include({
      name: 'Room a',
      kind: 'room',
      parent: ids['floor-1'],
      capacity: 8,
      time_zone: 'Europe/Amsterdam',
      equipment: ['display', 'video'],
      source: { connection: 'rooms', key: 'a' },
    });
    const again = await api.ask('GET', '/v1/spaces?limit=2', {
      key,
      headers: { 'if-none-match': first.headers.etag as string },
    });
    expect(again.status).to.equal(304);
  });

  it('have events, of which a stranger is no part and a title even less', async () => {
    const { body, text } = await api.ask('GET', `/v1/events?space=${ids.a},${ids.b}&from=${hour(8)}&to=${hour(18)}`, {
      key,
    });
    expect(
      body.items.map((one: { source: { key: string }; organizer: string }) => [one.source.key, one.organizer]),
    ).to.have.deep.members([
      ['m1', user],
      ['m2', null],
    ]);
    expect(text).to.not.include('elsewhere.example');
    const { body: none } = await api.ask('GET', `/v1/events?space=${ids.a}&from=${hour(12)}`, { key });
    expect(none.items).to.deep.equal([]);
  });

  it('tell whose meeting it is only to a key that may read users', async () => {
    const events = await acme.key(['events:read', 'changes:read']);
    const { body } = await api.ask('GET', '/v1/events', { key: events });
    expect(body.items.map((one: { organizer: string | null }) => one.organizer)).to.deep.equal([null, null]);
    const { text } = await api.ask('GET', '/v1/changes?include=entities', { key: events });
    expect(text).to.not.include(user);
  });

  it('tell when they are taken and free', async () => {
    const ask = { spaces: [ids.b, ids.a], from: hour(8), to: hour(18), at_least_min: 90 };
    const { status, body } = await api.ask('POST', '/v1/availability', { key, body: ask });
    expect(status).to.equal(200);
    expect(body).to.deep.equal({
      items: [
        { space: ids.b, status: 'known', as_of: hour(7), busy: [], free: [{ from: hour(8), to: hour(18) }] },
        {
          space: ids.a,
          status: 'known',
          as_of: hour(7),
          busy: [
            { from: hour(9), to: hour(10), tentative: false },
            { from: hour(11), to: hour(12), tentative: false },
          ],
          free: [{ from: hour(12), to: hour(18) }],
        },
      ],
      more: false,
    });
    const where = { within: ids['floor-1'], kind: 'room', capacity_min: 4, equipment: ['video'] };
    const { body: fitting } = await api.ask('POST', '/v1/availability', {
      key,
      body: { where, from: hour(8), to: hour(9) },
    });
    expect(fitting.items.map(({ space }: { space: string }) => space)).to.deep.equal([ids.a]);
  });

  it('refuse a question that cannot be meant', async () => {
    const good = { spaces: [ids.a], from: hour(8), to: hour(18) };
    for (const [wrong, path] of [
      [{ ...good, where: {} }, '/spaces'],
      [{ from: hour(8), to: hour(18) }, '/spaces'],
      [{ ...good, to: hour(8) }, '/to'],
      [{ ...good, to: '2027-02-02T08:00:00.001Z' }, '/to'],
      [{ ...good, spaces: Array(501).fill(ids.a) }, '/spaces'],
      [{ ...good, from: 'today' }, '/from'],
      [{ ...good, at_least_min: 0 }, '/at_least_min'],
    ] as const) {
      const { status, body } = await api.ask('POST', '/v1/availability', { key, body: wrong });
      expect(status, JSON.stringify(wrong)).to.equal(400);
      expect(body.errors[0].path).to.equal(path);
    }
    const { status } = await api.ask('POST', '/v1/availability', {
      key,
      body: { ...good, to: '2027-02-01T08:00:00.000Z' },
    });
    expect(status, '62 days are allowed').to.equal(200);
  });

  it('answer another tenant’s space like nobody’s, with the same 404', async () => {
    const other = await furnished();
    const stranger = await other.key();
    const answers = [];
    for (const id of [ids.a, newId()]) {
      for (const body of [
        { spaces: [id], from: hour(8), to: hour(9) },
        { where: { within: id }, from: hour(8), to: hour(9) },
      ])
        answers.push(await api.ask('POST', '/v1/availability', { key: stranger, body }));
      answers.push(await api.ask('GET', `/v1/events?space=${id}`, { key: stranger }));
    }
    expect(answers.map(({ status }) => status)).to.deep.equal(Array(6).fill(404));
    expect(new Set(answers.map(({ text }) => text)).size).to.equal(1);
  });

  it('are followed in the feed by a key that is for them, and by no other', async () => {
    const { body } = await api.ask('GET', '/v1/changes?include=entities&kinds=space,event', { key });
    expect(body.items.map(({ kind }: { kind: string }) => kind).sort()).to.deep.equal([
      'event',
      'event',
      'space',
      'space',
      'space',
    ]);
    const listed = await api.ask('GET', '/v1/events', { key });
    for (const one of listed.body.items)
      expect(body.items.find(({ id }: { id: string }) => id === one.id).entity).to.deep.equal(one);
    const lockers = await acme.key(undefined, ['lockers']);
    expect((await api.ask('GET', '/v1/changes?kinds=space,event', { key: lockers })).body.items).to.deep.equal([]);
    for (const path of ['/v1/spaces', '/v1/events'])
      expect((await api.ask('GET', path, { key: lockers })).body.type, path).to.equal('/problems/feature-off');
  });
});
