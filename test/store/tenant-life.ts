/**
 * What happens to a tenant, from its first configuration to its last: a scenario that walks every method of the
 * store, and through them every statement. The same people and lockers for every tenant that lives it.
 */
import { complete, gone, page, partial, record, records, skip, TryLater, whole } from '../../src/contract/index.ts';
import { newMasterKeyText } from '../../src/crypto/keys.ts';
import type { HubTenantStore, TenantConfiguration } from '../../src/store/index.ts';
import { runConnection } from '../../src/sync/run.ts';
import { busyTime, type CalendarSource, meeting as meetingOf, room } from '../support/calendar-source.ts';
import type { TestHub } from '../support/hub.ts';
import { testConfiguration } from '../support/hub.ts';
import { assignment, type LockerSource, locker } from '../support/locker-source.ts';
import { employee, logOnOf, type MemorySource } from '../support/memory-source.ts';

export interface World {
  readonly hub: TestHub;
  readonly source: MemorySource;
  readonly lockers: LockerSource;
  readonly calendars: CalendarSource;
}

const DAY_MS = 24 * 3_600_000;
const GRACE_MS = 7 * DAY_MS;

const configured = (): Partial<TenantConfiguration> => ({
  users: { admit: 'first-logon', sources: ['people'], leaver_grace_ms: GRACE_MS, domains: [] },
  features: ['people-directory', 'lockers', 'find-colleague', 'check-in', 'room-booking', 'hybrid-meetings'],
  connections: [
    {
      name: 'people',
      connector: 'memory',
      settings: { place: 'here', directory: 'memory' },
      streams: {},
      schedule: '0 3 * * *',
      paused: false,
    },
    { name: 'lockers', connector: 'memory-lockers', settings: {}, streams: {}, paused: false },
    { name: 'rooms', connector: 'memory-calendars', settings: {}, streams: {}, paused: false },
  ],
});

const everybody = () => Array.from({ length: 14 }, (_, n) => employee(n));
const allLockers = () => Array.from({ length: 7 }, (_, n) => locker(`L${n}`));
const allAssignments = () => [
  assignment('L0', 'p0@acme.example'),
  assignment('L1', 'p1@acme.example'),
  assignment('L2', 'stranger@acme.example'),
  assignment('L3', 'p3@acme.example'),
  assignment('L4', 'p4@acme.example'),
  assignment('unlisted', 'p2@acme.example'),
];
const allSpaces = () => [{ id: 'floor-1', name: 'First floor', kind: 'floor' }, room('a'), room('b')];
const DAY_OF_MEETINGS = '2026-03-06';
const meeting = (...given: Parameters<typeof meetingOf>) => {
  const one = meetingOf(...given);
  const moved = (at: unknown) => String(at).replace('2026-12-01', DAY_OF_MEETINGS);
  return { ...one, start: moved(one.start), end: moved(one.end) };
};
const allCalendars = () => ({
  a: [0, 1, 2, 3, 4, 5, 6].map((n) => meeting(`m${n}`, 'a', 8 + n, 9 + n, { organizer: `p${n}@acme.example` })),
  b: [0, 1].map((n) => meeting(`s${n}`, 'b', 8 + n, 9 + n, { series: 'S', organizer: 'stranger@acme.example' })),
});
const busy = (...given: Parameters<typeof busyTime>) => {
  const one = busyTime(...given);
  const moved = (at: unknown) => String(at).replace('2026-12-01', DAY_OF_MEETINGS);
  return { ...one, start: moved(one.start), end: moved(one.end) };
};
const allBusy = () => ({
  'p2@acme.example': Array.from({ length: 7 }, (_, n) => busy(`t${n}`, 8 + n, 9 + n, { rooms: ['a'] })),
  'p3@acme.example': [busy('t', 9, 10)],
  'p6@acme.example': [],
});
const evidence = { text_version: '1', locale: 'nl' };

/** A tenant with ten users, seven lockers, opt-ins, a key, runs, a stored answer: rows in every table that can keep some. */
export async function furnish({
  hub,
  source,
  lockers,
  calendars,
}: World): Promise<{ tenant: HubTenantStore; ids: string[]; key: string }> {
  source.script = undefined;
  source.pageSize = 100;
  source.people = everybody();
  lockers.lockers = allLockers();
  lockers.assignments = allAssignments();
  lockers.more = { lockers: [], assignments: [] };
  calendars.spaces = allSpaces();
  calendars.calendars = allCalendars();
  calendars.script = undefined;
  calendars.busy = allBusy();
  calendars.busyWithin = { from: new Date(`${DAY_OF_MEETINGS}T00:00:00Z`), to: new Date('2026-06-01T00:00:00Z') };
  const tenant = await hub.tenant(configured);
  const ids: string[] = [];
  for (let n = 0; n < 10; n++) ids.push((await tenant.users.logOn(logOnOf(n))).user.id);
  await read(hub, tenant, 'people');
  await read(hub, tenant, 'lockers');
  for (const n of [2, 3, 6]) await tenant.users.optIn(ids[n]!, 'hybrid-meetings', evidence);
  await read(hub, tenant, 'rooms');
  await tenant.users.optIn(ids[0]!, 'find-colleague', evidence);
  await tenant.users.optIn(ids[4]!, 'check-in', evidence);
  const { key, id } = await tenant.keys.create({
    name: 'booking',
    scopes: ['users:read'],
    features: null,
    expires_at: null,
  });
  await tenant.idempotency.begin({ apiKey: id, key: 'first', fingerprint: 'one' });
  await tenant.idempotency.finish({ apiKey: id, key: 'first', status: 201, body: '{}' });
  await subscribe(hub, tenant);
  return { tenant, ids, key };
}

const told = { secret: 'secret', address: 'https://hub.example' };

/** Both tenants hold one under the same names: what one is told is not the other's. */
async function subscribe({ clock }: TestHub, tenant: HubTenantStore): Promise<void> {
  const lease = await tenant.acquire((await tenant.connections.get('rooms')).id, { trigger: 'manual' });
  const expiresAt = new Date(clock.now().getTime() + DAY_MS);
  await tenant.subscriptions.made(lease, { id: 's-a', stream: 'events', partition: 'a', expiresAt }, told);
  await tenant.end(lease, { status: 'succeeded', failure: null, requests: 0, bytes: 0 });
}

/** Each reading a minute after the last: what was written at the very instant a pass began is never swept by it. */
async function read(hub: TestHub, tenant: HubTenantStore, connection: string) {
  hub.clock.advance(60_000);
  return hub.sync.run({ tenantId: tenant.tenantId, connection, trigger: 'manual', mode: 'full' });
}

const refused = async (work: Promise<unknown>) => {
  try {
    await work;
  } catch {
    return;
  }
  throw new Error('The scenario expected a refusal.');
};

export async function live(world: World, { tenant, ids, key }: Awaited<ReturnType<typeof furnish>>): Promise<void> {
  await askUsers(world, tenant, ids);
  await askServices(world, tenant, key);
  await askConnections(world, tenant);
  await toldOfChanges(world, tenant);
  await rotateKeys(world, tenant);
  await changeAtTheSource(world, tenant);
  await changeRooms(world, tenant);
  await refuseACalendar(world, tenant);
  await changeCalendarsOfPeople(world, tenant, ids);
  await shareAnAddress(world, tenant);
  await twoDirectories(world, tenant);
  await holdAndDecide(world, tenant, ids);
  await stopAndGoOn(world, tenant);
  await replaceConnections(world, tenant);
  await grow(world, tenant, ids, key);
}

async function askUsers({ hub }: World, { users, tenantId }: HubTenantStore, ids: string[]): Promise<void> {
  const [first] = ids as [string, ...string[]];
  await users.get(first);
  await users.many(ids.slice(0, 3));
  await users.findByEmail('p1@acme.example');
  const { next } = await users.list({ after: undefined, limit: 4 });
  await users.list({ after: next ?? undefined, limit: 4 });
  await users.account(first);
  await users.logOn(logOnOf(0));
  await users.logOn({ ...logOnOf(1), directory_id: `memory:${employee(1).id}`, subject: 'https://issuer.example 1' });
  await users.optIn(first, 'find-colleague', { text_version: '2', locale: 'nl' });
  await users.optIn(ids[1]!, 'find-colleague', evidence);
  await users.optOut(ids[1]!, 'find-colleague');
  await refused(users.optIn(ids[1]!, 'lockers', evidence));
  await hub.sync.lookup(tenantId, ids.slice(0, 2));
}

async function askServices(
  { hub }: World,
  { keys, idempotency, changes, lockers, spaces, events }: HubTenantStore,
  key: string,
): Promise<void> {
  const opened = await hub.store.authenticate(key);
  const { id: other } = await keys.create({ name: 'other', scopes: [], features: [], expires_at: null });
  await keys.list();
  const apiKey = opened!.key.id;
  await idempotency.begin({ apiKey, key: 'first', fingerprint: 'one' });
  await idempotency.begin({ apiKey, key: 'first', fingerprint: 'two' });
  await idempotency.begin({ apiKey, key: 'second', fingerprint: 'one' });
  await idempotency.begin({ apiKey, key: 'second', fingerprint: 'one' });
  await idempotency.forget({ apiKey, key: 'second' });
  await keys.revoke(other);
  const kinds = ['user', 'locker', 'space', 'event'] as const;
  const all = await changes.read({ cursor: undefined, limit: 100, kinds });
  const some = await changes.read({ cursor: undefined, limit: 3, kinds });
  await changes.read({ cursor: some.next, limit: 3, kinds });
  await changes.read({ cursor: all.next, limit: 3, kinds });
  const idsOf = (kind: string) => all.items.flatMap((item) => (item.kind === kind ? [item.id] : []));
  await spaces.many(idsOf('space'));
  await events.many(idsOf('event'));
  const { items, next } = await spaces.list({ after: undefined, limit: 1 });
  const { items: others } = await spaces.list({ after: next ?? undefined, limit: 10 });
  const floor = [...items, ...others].find(({ kind }) => kind === 'floor')!;
  await spaces.find({ within: floor.id, kind: 'room', capacity_min: 2, equipment: ['video'] }, 10);
  const [from, to] = [`${DAY_OF_MEETINGS}T00:00:00Z`, `${DAY_OF_MEETINGS}T23:00:00Z`];
  await events.list({ spaces: idsOf('space'), from, to, after: undefined, limit: 3 });
  await events.availability({
    spaces: idsOf('space'),
    from: new Date(from),
    to: new Date(to),
    ignore: idsOf('event').slice(0, 1),
    atLeastMs: 0,
  });
  await lockers.many(all.items.filter(({ kind }) => kind === 'locker').map(({ id }) => id));
}

async function rotateKeys({ hub }: World, { tenantId }: HubTenantStore): Promise<void> {
  const other = newMasterKeyText();
  for (const store of [hub.under(other, hub.masterKey), hub.under(hub.masterKey, other)]) {
    await store.tenant(tenantId);
    await store.close();
  }
}

async function askConnections({ hub }: World, tenant: HubTenantStore): Promise<void> {
  const { connections, runs, tenantId } = tenant;
  const [one] = await connections.list();
  await connections.get('people');
  await connections.sources();
  await connections.setPaused('lockers', true);
  await connections.setPaused('lockers', false);
  await tenant.wantFull(one!.id);
  await tenant.fullDone(one!.id, (await tenant.fullWanted(one!.id))!);
  await tenant.wantSoon(one!.id);
  await tenant.leaveAlone(one!.id, new Date(hub.clock.now().getTime() + 1_000));
  await tenant.leftAloneUntil(one!.id);
  hub.clock.advance(2_000);
  const { items, next } = await runs.list({ limit: 1 });
  await runs.list({ limit: 1, connection: 'people', ...(next ? { after: next } : {}) });
  await runs.get(items[0]!.run);
  await hub.sync.check(tenantId, 'people');
  await hub.sync.preview(tenantId, 'people', {});
  await tenant.settleDirectory(one!.id, 'elsewhere', null);
  await tenant.settleDirectory(one!.id, 'memory', null);
  const ends = { setting: 'ca', expires_at: new Date('2026-03-20T00:00:00Z') };
  for (const standing of [[{ ...ends, days_left: 30 }], [{ ...ends, days_left: 7 }], []])
    await tenant.markExpiries(one!.id, standing, async () => {});
  const waiting = await runs.open(one!.id, 'manual');
  await refused(runs.open(one!.id, 'manual'));
  await runs.cancel(waiting);
  const lease = await tenant.acquire(one!.id, { trigger: 'manual' });
  await refused(tenant.acquire(one!.id, { trigger: 'manual' }));
  await tenant.hold(lease);
  await tenant.yieldLease(lease);
  // Dropped by its process, the run is cancelled; taken up by another, it is ended, and ended once more by mistake.
  await runs.cancel(lease.run);
  const other = await tenant.acquire(one!.id, { trigger: 'manual' });
  const end = { status: 'cancelled', failure: null, requests: 0, bytes: 0 } as const;
  await tenant.end(other, end);
  await tenant.end(other, end);
}

/** Subscriptions are made, renewed and ended; what they tell is written down and read. */
async function toldOfChanges({ hub }: World, tenant: HubTenantStore): Promise<void> {
  const { subscriptions } = tenant;
  const { id } = await tenant.connections.get('rooms');
  const lease = await tenant.acquire(id, { trigger: 'push' });
  const expiresAt = new Date(hub.clock.now().getTime() + DAY_MS);
  for (const [source, partition] of [
    ['s-a', 'a'],
    ['s-b', 'b'],
  ] as const)
    await subscriptions.made(lease, { id: source, stream: 'events', partition, expiresAt }, told);
  for (const wish of await subscriptions.wishes(id)) await subscriptions.served(lease, wish);
  const notices = [{ subscription: 's-a', secret: 'secret', kind: 'changed' as const }];
  for (let n = 0; n < 2; n++) await subscriptions.notified(id, notices, 2_000, async () => {});
  await subscriptions.pending(id);
  await subscriptions.renewed(lease, { id: 's-a', expiresAt });
  await subscriptions.ended(lease, 's-b');
  await subscriptions.held(id, told.address);
  await tenant.end(lease, { status: 'succeeded', failure: null, requests: 0, bytes: 0 });
  await beQuiet(tenant, id);
  await hub.store.openPush(tenant.pushToken(id));
  await hub.store.openPush(tenant.pushToken(id).replace(/_[0-9a-f]+$/, `_${'0'.repeat(64)}`));
}

/** Paused, its source is told to be quiet; one subscription is ended, and so is the other after a second try. */
async function beQuiet({ connections, quiet, subscriptions }: HubTenantStore, id: string): Promise<void> {
  await connections.setPaused('rooms', true);
  for (const { id: one } of await quiet.letGo(id)) await quiet.gone(id, one);
  await quiet.tell(id, 'One subscription could not be ended.');
  await quiet.settled(id);
  await quiet.tell(id, null);
  await connections.setPaused('rooms', false);
  await subscriptions.held(id, told.address);
}

async function changeAtTheSource({ hub, source, lockers }: World, tenant: HubTenantStore): Promise<void> {
  const { users } = tenant;
  // A changed person, a newcomer whose log-on comes before the directory is read, a leaver with a locker and an opt-in.
  source.people = everybody().map((one, n) => (n === 5 ? { ...one, mail: 'other@acme.example' } : one));
  await users.logOn(logOnOf(10));
  await read(hub, tenant, 'people');
  source.people = source.people.filter((one) => one.id !== employee(4).id);
  await read(hub, tenant, 'people');
  source.people = everybody();
  await users.logOn(logOnOf(4));
  await read(hub, tenant, 'people');
  source.script = async function* () {
    yield partial({ id: employee(6).id, mail: 'p6@acme.example', title: 'Another title' });
    yield gone(String(employee(7).id));
    yield skip(String(employee(8).id));
    yield page();
    yield records(everybody().filter((_, n) => n !== 6 && n !== 7));
    yield complete();
  };
  await read(hub, tenant, 'people');
  source.script = undefined;
  // A locker and an assignment less, a changed one, a stranger who hands back, keys told gone or merely unreadable.
  lockers.lockers = allLockers()
    .slice(0, 6)
    .map((one, n) => (n === 0 ? { ...one, place: 'Attic' } : one));
  lockers.assignments = [assignment('L0', 'p0@acme.example'), assignment('L1', 'p2@acme.example')];
  lockers.more = {
    lockers: [skip('L5'), gone('L5')],
    assignments: [
      gone('L3'),
      record({ ...assignment('L4', 'p4@acme.example'), until: 'no instant', no: 'L4' }),
      skip('L4'),
    ],
  };
  await read(hub, tenant, 'lockers');
  lockers.more = { lockers: [], assignments: [] };
}

/** A room changes and one is gone; meetings are moved, cancelled and gone, a series is told again and then empty. */
async function changeRooms({ hub, calendars }: World, tenant: HubTenantStore): Promise<void> {
  calendars.spaces = [allSpaces()[0]!, room('a', { seats: 20 })];
  calendars.moreOfSpaces = [skip('b')];
  calendars.calendars.a = allCalendars().a.map((one, n) => (n === 1 ? { ...one, showAs: 'tentative' } : one));
  await read(hub, tenant, 'rooms');
  calendars.script = async function* ({ room: of }) {
    if (of === 'a')
      yield records([meeting('m2', 'a', 9, 10, { cancelled: true }), meeting('m4', 'a', 9, 10, { start: '?' })]);
    if (of === 'a') yield gone('m3');
    if (of === 'b') yield whole('S', [meeting('s1', 'b', 9, 10, { series: 'S' })]);
    yield complete({
      state: { token: 2 },
      within: { from: new Date(`${DAY_OF_MEETINGS}T00:00:00Z`), to: new Date(`${DAY_OF_MEETINGS}T23:00:00Z`) },
    });
  };
  hub.clock.advance(60_000);
  await hub.sync.run({ tenantId: tenant.tenantId, connection: 'rooms', trigger: 'manual' });
  calendars.script = undefined;
  calendars.moreOfSpaces = [];
  // A calendar that is read no more.
  calendars.calendars = { a: allCalendars().a };
  const { status, run } = await read(hub, tenant, 'rooms');
  if (status === 'held') await hub.sync.approve(tenant.tenantId, run, 'tester');
  await read(hub, tenant, 'rooms');
  calendars.calendars = allCalendars();
  await read(hub, tenant, 'rooms');
}

/** A calendar turns out to be one that ought never to have been read, while it is being read. */
async function refuseACalendar({ hub, calendars }: World, tenant: HubTenantStore): Promise<void> {
  const { id } = await tenant.connections.get('rooms');
  calendars.script = async function* ({ room: of }) {
    yield records(allCalendars()[of as 'a' | 'b']);
    yield page({ token: 3 });
    throw new TryLater('Busy.');
  };
  await read(hub, tenant, 'rooms');
  const lease = await tenant.acquire(id, { trigger: 'manual' });
  const expiresAt = new Date(hub.clock.now().getTime() + DAY_MS);
  await tenant.subscriptions.made(lease, { id: 's-c', stream: 'events', partition: 'a', expiresAt }, told);
  await tenant.forgetRefused(lease, ['a'], { streams: {}, mode: 'full', requests: 0, bytes: 0 });
  await tenant.end(lease, { status: 'succeeded', failure: null, requests: 0, bytes: 0 });
  calendars.script = undefined;
  await read(hub, tenant, 'rooms');
}

/** Times change and go, one calendar is told empty and held, another cannot be read; somebody opts out and in again. */
async function changeCalendarsOfPeople(
  { hub, calendars }: World,
  tenant: HubTenantStore,
  ids: readonly string[],
): Promise<void> {
  const { userCalendars, users, changes, tenantId } = tenant;
  const [, , two, three] = ids as [string, string, string, string];
  calendars.busy = { ...allBusy(), 'p3@acme.example': [busy('t', 9, 10, { showAs: 'tentative' }), busy('u', 11, 12)] };
  await read(hub, tenant, 'rooms');
  calendars.busy = { ...allBusy(), 'p3@acme.example': [busy('u', 11, 12)], 'p6@acme.example': undefined };
  await read(hub, tenant, 'rooms');
  calendars.busy = { 'p2@acme.example': [], 'p3@acme.example': [busy('u', 11, 12)], 'p6@acme.example': [] };
  const first = await read(hub, tenant, 'rooms');
  if (first.status !== 'held') throw new Error(`The scenario expected a held run, not ${first.status}.`);
  await hub.sync.reject(tenantId, first.run, 'tester');
  await read(hub, tenant, 'rooms');
  calendars.busy = allBusy();
  await read(hub, tenant, 'rooms');
  await hub.sync.preview(tenantId, 'rooms', {});
  const { items } = await changes.read({ cursor: undefined, limit: 100, kinds: ['user_event'] });
  await userCalendars.many(items.map(({ id }) => id));
  const [from, to] = [`${DAY_OF_MEETINGS}T00:00:00Z`, `${DAY_OF_MEETINGS}T23:00:00Z`];
  const { next } = await userCalendars.list({ user: two, from, to, after: undefined, limit: 2 });
  await userCalendars.list({ user: two, from, to, after: next ?? undefined, limit: 2 });
  await userCalendars.known(two);
  await users.account(two);
  // What waits for a person goes with the opt-in.
  calendars.busy = { ...allBusy(), 'p2@acme.example': [] };
  await read(hub, tenant, 'rooms');
  for (const user of [two, three]) await users.optOut(user, 'hybrid-meetings');
  calendars.busy = allBusy();
  await users.optIn(two, 'hybrid-meetings', evidence);
  await users.optIn(three, 'hybrid-meetings', evidence);
  await hub.sync.lookup(tenantId, [two, three]);
}

/** By an address that two users have nobody is asked about. */
async function shareAnAddress({ hub, source }: World, tenant: HubTenantStore): Promise<void> {
  source.people = everybody().map((one, n) => (n === 6 ? { ...one, mail: 'p2@acme.example' } : one));
  await read(hub, tenant, 'people');
  await read(hub, tenant, 'rooms');
  source.people = everybody();
  await read(hub, tenant, 'people');
}

/** Whom one directory gives up and another still vouches for does not leave. */
async function twoDirectories({ hub, source }: World, tenant: HubTenantStore): Promise<void> {
  const { connections = [] } = configured();
  const second = { ...connections[0]!, name: 'second', settings: { place: 'there', directory: 'memory' } };
  await reconfigure(tenant, { connections: [...connections, second] });
  source.people = everybody();
  await read(hub, tenant, 'second');
  source.people = everybody().filter((_, n) => n !== 8);
  await read(hub, tenant, 'people');
  await reconfigure(tenant, { connections });
}

async function reconfigure(
  { tenant, configuration }: HubTenantStore,
  next: Partial<TenantConfiguration>,
): Promise<void> {
  const before = (await configuration.read())!;
  const whole = testConfiguration(tenant, { ...before.configuration, ...next });
  await configuration.consequences(whole);
  await configuration.write(whole, { expected: before.version, resume: true });
}

async function holdAndDecide({ hub, source }: World, tenant: HubTenantStore, ids: string[]): Promise<void> {
  const { tenantId } = tenant;
  hub.clock.advance(2 * DAY_MS);
  source.people = everybody();
  await read(hub, tenant, 'people');
  source.people = everybody().slice(0, 2);
  await read(hub, tenant, 'people');
  await tenant.users.erase(ids[9]!);
  const superseding = await read(hub, tenant, 'people');
  if (superseding.status !== 'held') throw new Error(`The scenario expected a held run, not ${superseding.status}.`);
  await hub.sync.reject(tenantId, superseding.run, 'tester');
  await read(hub, tenant, 'people');
  source.people = everybody();
  await read(hub, tenant, 'people');
  source.people = everybody().slice(0, 3);
  const held = await read(hub, tenant, 'people');
  await refused(hub.sync.approve(tenantId, superseding.run, 'tester'));
  await hub.sync.approve(tenantId, held.run, 'tester');
  source.people = everybody();
  for (let n = 0; n < 10; n++) await tenant.users.logOn(logOnOf(n));
  await read(hub, tenant, 'people');
}

async function stopAndGoOn({ hub, source }: World, tenant: HubTenantStore): Promise<void> {
  const stopping = new AbortController();
  source.pageSize = 3;
  source.onPage = (number) => {
    if (number === 2) stopping.abort();
  };
  hub.clock.advance(60_000);
  await runConnection({ ...hub.runDeps, stopping: stopping.signal }, tenant, {
    connection: 'people',
    trigger: 'manual',
    mode: 'full',
  });
  source.onPage = undefined;
  await read(hub, tenant, 'people');
  // At the first page, while nothing is being applied beside it: what two statements saw would differ by chance.
  source.onPage = async (number) => {
    if (number !== 0) return;
    const { items } = await tenant.runs.list({ limit: 1 });
    await hub.sync.cancel(tenant.tenantId, items[0]!.run);
  };
  await read(hub, tenant, 'people');
  source.onPage = undefined;
  source.pageSize = 100;
  source.silentAfterPages = 1;
  await read(hub, tenant, 'people');
  source.silentAfterPages = undefined;
}

/** Of three systems a second connection has told the same, and the first takes its place. */
async function replaceConnections({ hub, source, lockers, calendars }: World, tenant: HubTenantStore): Promise<void> {
  const [people, banks, rooms] = configured().connections!;
  const twins = [people!, banks!, rooms!].map((one) => ({ ...one, name: `${one.name}-twin` }));
  await reconfigure(tenant, { connections: [people!, banks!, rooms!, ...twins] });
  source.people = everybody();
  lockers.assignments = allAssignments();
  for (const name of ['people', 'lockers', 'rooms', ...twins.map((twin) => twin.name)]) await read(hub, tenant, name);
  // Whom the twin gave up last waits out the grace there.
  source.people = everybody().filter((_, n) => n !== 8);
  await read(hub, tenant, 'people');
  await read(hub, tenant, 'people-twin');
  // Removals that wait, and a reading that did not end.
  calendars.spaces = [];
  calendars.script = async function* () {
    yield page({ token: 3 });
    throw new TryLater('The calendars of this test are away; try again later.');
  };
  await read(hub, tenant, 'rooms');
  calendars.spaces = allSpaces();
  calendars.script = undefined;
  for (const [old, by] of [
    ['people-twin', 'people'],
    ['lockers-twin', 'lockers'],
    ['rooms-twin', 'rooms'],
  ] as const) {
    const { users } = await tenant.connections.replacement(old, by);
    const live = (await tenant.configuration.read())!;
    const connections = live.configuration.connections.filter(({ name }) => name !== old);
    await tenant.configuration.write(
      { ...live.configuration, connections },
      { expected: live.version, resume: false, replaces: { old, by, unmatched: users.unmatched.length } },
    );
  }
  for (const name of ['people', 'lockers', 'rooms']) await read(hub, tenant, name);
  source.people = everybody();
  await read(hub, tenant, 'people');
}

async function grow(
  { hub, source, lockers }: World,
  tenant: HubTenantStore,
  ids: string[],
  key: string,
): Promise<void> {
  const apiKey = (await hub.store.authenticate(key))!.key.id;
  const { users } = tenant;
  await users.optIn(ids[0]!, 'find-colleague', evidence);
  lockers.assignments = allAssignments();
  await read(hub, tenant, 'lockers');
  await tenant.idempotency.begin({ apiKey, key: 'about one', fingerprint: 'one' });
  await tenant.idempotency.finish({ apiKey, key: 'about one', status: 201, body: '{}', subject: ids[0]! });
  await users.erase(ids[0]!);
  await tenant.idempotency.begin({ apiKey, key: 'first', fingerprint: 'one' });
  // Who left long ago is erased by time, and after a month what told of it is forgotten.
  source.people = everybody().filter((_, n) => n !== 9);
  await read(hub, tenant, 'people');
  hub.clock.advance(GRACE_MS + DAY_MS);
  await tenant.idempotency.begin({ apiKey, key: 'a week later', fingerprint: 'one' });
  await tenant.upkeep(GRACE_MS);
  await users.optIn(ids[2]!, 'find-colleague', evidence);
  hub.clock.advance(100 * DAY_MS);
  await tenant.upkeep(GRACE_MS);
  const all = configured().connections!;
  await reconfigure(tenant, { features: ['people-directory', 'lockers', 'check-in'] });
  await reconfigure(tenant, { features: ['lockers'] });
  await reconfigure(tenant, { features: ['lockers', 'room-booking'] });
  await read(hub, tenant, 'rooms');
  await reconfigure(tenant, { connections: [{ ...all[0]!, name: 'staff', was: 'people' }, all[1]!] });
  await reconfigure(tenant, { features: [], connections: [all[1]!] });
  await reconfigure(tenant, { features: ['lockers'] });
  await read(hub, tenant, 'lockers');
  await reconfigure(tenant, { connections: [] });
}
