import { expect } from 'chai';
import { newId } from '../../src/base/uuid.ts';
import { busyTime, calendarSource, room } from '../support/calendar-source.ts';
import { connection, startApi, type TestApi, type TestTenant } from './support.ts';

const hour = (at: number) => `2026-12-01T${String(at).padStart(2, '0')}:00:00.000Z`;
const EVIDENCE = { text_version: '2026-03', locale: 'nl-NL' };

describe('users’ calendars over HTTP', () => {
  let api: TestApi;
  let acme: TestTenant;
  let key: string;
  let noor: string;
  let abel: string;
  const optIn = (user: string) => `/v1/users/${user}/opt-ins/hybrid-meetings`;
  const read = () =>
    api.hub.sync.run({ tenantId: acme.store.tenantId, connection: 'rooms', trigger: 'manual', mode: 'full' });

  before(async function () {
    this.timeout(60_000);
    api = await startApi();
    api.hub.clock.set(new Date(hour(7)));
    api.calendars.spaces = [room('a')];
    api.calendars.calendars = {};
    api.calendars.busy = {
      'noor@acme.example': [
        busyTime('t', 9, 10, { rooms: ['a'] }),
        busyTime('u', 11, 12, { showAs: 'tentative', title: 'M4RKER' }),
      ],
      'abel@acme.example': [busyTime('t', 9, 10)],
    };
    acme = await api.tenant({
      features: ['room-booking', 'hybrid-meetings'],
      connections: [connection('people'), connection('rooms', { connector: calendarSource().connector.name })],
    });
    [noor, abel] = [await acme.logOn('noor@acme.example'), await acme.logOn('abel@acme.example')];
    key = await acme.key();
  });
  after(() => api.close());

  it('are asked for as soon as the user has opted in, and not at each repetition', async () => {
    api.lookups.length = 0;
    for (let n = 0; n < 3; n++) await api.ask('PUT', optIn(noor), { key, body: EVIDENCE });
    expect(api.lookups).to.deep.equal([[noor]]);
  });

  it('tell when the user is busy, since when that is known and for which time', async () => {
    await read();
    const { status, body, text, headers } = await api.ask('GET', `/v1/events?user=${noor}&from=${hour(8)}`, { key });
    expect(status).to.equal(200);
    const { items: spaces } = (await api.ask('GET', '/v1/spaces', { key })).body;
    const shown = body.items.map(({ id: _, version: __, ...one }: { id: string; version: number }) => one);
    const time = { user: noor, all_day: false, time_zone: 'Europe/Amsterdam' };
    expect(shown).to.have.deep.members([
      { ...time, starts_at: hour(9), ends_at: hour(10), show_as: 'busy', spaces: [spaces[0].id] },
      { ...time, starts_at: hour(11), ends_at: hour(12), show_as: 'tentative', spaces: [] },
    ]);
    const { from, to } = api.calendars.busyWithin;
    expect(body).to.deep.include({
      next: null,
      as_of: hour(7),
      covers: { from: from.toISOString(), to: to.toISOString() },
    });
    expect(text).to.not.match(/M4RKER|acme\.example/);
    const again = await api.ask('GET', `/v1/events?user=${noor}&from=${hour(8)}`, {
      key,
      headers: { 'if-none-match': headers.etag as string },
    });
    expect(again.status).to.equal(304);
  });

  it('come page by page, within the time asked about', async () => {
    const first = await api.ask('GET', `/v1/events?user=${noor}&limit=1`, { key });
    const second = await api.ask('GET', `/v1/events?user=${noor}&limit=1&cursor=${first.body.next}`, { key });
    expect([first.body.items.length, second.body.items.length, second.body.next]).to.deep.equal([1, 1, null]);
    const { body } = await api.ask('GET', `/v1/events?user=${noor}&from=${hour(10)}&to=${hour(11)}`, { key });
    expect(body.items).to.deep.equal([]);
  });

  it('are not told of a user who has not opted in, of nobody, or to whom it is not for', async () => {
    const of = async (user: string, with_: string) => {
      const { status, body } = await api.ask('GET', `/v1/events?user=${user}`, { key: with_ });
      return [status, body.type];
    };
    expect(await of(abel, key)).to.deep.equal([409, '/problems/no-opt-in']);
    expect(await of(newId(), key)).to.deep.equal([404, '/problems/not-found']);
    const rooms = await acme.key(['events:read'], ['room-booking']);
    expect(await of(noor, rooms)).to.deep.equal([409, '/problems/feature-off']);
    expect(await of(noor, await acme.key(['users:read']))).to.deep.equal([403, '/problems/forbidden']);
    const both = await api.ask('GET', `/v1/events?user=${noor}&space=${newId()}`, { key });
    expect([both.status, both.body.type]).to.deep.equal([400, '/problems/bad-request']);
  });

  it('are followed in the feed by keys they are for, and by no others', async () => {
    const { body } = await api.ask('GET', '/v1/changes?include=entities&kinds=user_event', { key });
    expect(body.items.map((one: { op: string; entity: { user: string } }) => [one.op, one.entity.user])).to.deep.equal(
      Array.from({ length: 2 }, () => ['upsert', noor]),
    );
    const rooms = await acme.key(['events:read', 'changes:read'], ['room-booking']);
    const blind = await acme.key(['events:read', 'changes:read']);
    for (const one of [rooms, blind]) {
      const { text } = await api.ask('GET', '/v1/changes?include=entities', { key: one });
      expect(text).to.not.match(new RegExp(`${noor}|user_event`));
    }
    await api.ask('DELETE', optIn(noor), { key });
    const after = await api.ask('GET', `/v1/changes?kinds=user_event&cursor=${body.next}`, { key });
    expect(after.body.items.map((one: { op: string; reason: string }) => [one.op, one.reason])).to.deep.equal(
      Array.from({ length: 2 }, () => ['remove', 'opted-out']),
    );
  });
});
