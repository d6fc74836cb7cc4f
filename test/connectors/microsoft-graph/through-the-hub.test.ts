import { expect } from 'chai';
import graph from '../../../connectors/microsoft-graph/index.ts';
import type { SandboxGraph } from '../../../src/sandbox/graph/index.ts';
import { lookUp } from '../../../src/sync/lookup.ts';
import { type TestHub, testClock, testHub } from '../../support/hub.ts';
import { logOnOf } from '../../support/memory-source.ts';
import {
  completed,
  DAY,
  guid,
  meeting,
  NOW,
  person,
  putRoom,
  ROOM,
  sandbox,
  series,
  settingsFor,
  tenantId,
  withOneRoom,
} from './support.ts';

/** The connector and the hub together: what the one tells is what the other makes of it. */
describe('microsoft-graph through the hub', () => {
  const clock = testClock(NOW);
  let hub: TestHub;
  let source: SandboxGraph;
  before(async () => {
    hub = await testHub({ connectors: [graph], clock });
  });
  beforeEach(async () => {
    clock.set(NOW);
    source = await sandbox({ pageSize: 3, clock });
    putRoom(source);
    for (let n = 0; n < 8; n++) source.putUser(person(n, { jobTitle: 'Clerk' }));
  });
  afterEach(() => source.stop());

  const configured = () => withOneRoom(source, ['people-directory', 'room-booking']);
  for (const [what, fault, wait_ms] of [
    ['300 s', { retryAfter: 300 }, 300_000],
    ['a date', { retryAfter: new Date(NOW.getTime() + 7_260_000) }, 7_200_000],
    ['nothing it said', {}, 30_000],
  ] as const)
    it(`goes on by schedule when Graph had asked for ${what}`, async () => {
      const tenant = await hub.tenant(() => ({
        ...configured(),
        connections: [{ ...configured().connections![0]!, schedule: '* * * * *' }],
      }));
      const order = { tenantId: tenant.tenantId, connection: 'm365', trigger: 'schedule' } as const;
      source.putEvent(ROOM, meeting('e', '10'));
      source.fault({ status: 429, path: 'calendarView', ...fault });
      clock.advance(60_000);
      const asked = clock.now().getTime();
      const receipt = await hub.sync.run(order);
      expect(receipt.status).to.equal('failed');
      expect(receipt.streams.users?.read, 'what was read till then is to be seen').to.equal(8);
      const due = new Date((await tenant.connections.get('m365')).next_due_at!).getTime();
      expect(due - asked).to.be.within(wait_ms, wait_ms + 10_000);
      clock.set(new Date(due));
      const next = await hub.sync.run(order);
      expect([next.status, next.streams.events?.created]).to.deep.equal(['succeeded', 1]);
      // From then on the schedule alone counts again: the tick puts the next slot.
      expect((await tenant.connections.get('m365')).next_due_at).to.equal(new Date(due).toISOString());
    });

  it('lets users, rooms and their calendars in, follows their changes, and reads anew when the window moves', async () => {
    const tenant = await hub.tenant(configured);
    const run = () => hub.sync.run({ tenantId: tenant.tenantId, connection: 'm365', trigger: 'manual' });
    await tenant.users.logOn(logOnOf(3));
    source.putEvent(ROOM, meeting('e', '10'));
    source.putEvent(ROOM, series('s', ['2026-06-03', DAY, '2026-12-09']));
    const first = await run();
    expect(first.status).to.equal('succeeded');
    expect(first.streams.users).to.deep.include({ read: 8, kept: 1, created: 1, dropped: { 'not-a-user': 7 } });
    expect(first.streams.spaces).to.include({ read: 1, kept: 1, created: 1 });
    expect(first.streams.events).to.include({ mode: 'full', read: 3, created: 3 });

    source.putUser({
      id: guid(3),
      mail: 'p3@acme.example',
      givenName: 'New',
      accountEnabled: true,
      userType: 'Member',
    });
    source.removeEvent(ROOM, 'e');
    source.putEvent(ROOM, series('s', ['2026-06-03', DAY]));
    const second = await run();
    expect(second.streams.users).to.include({ mode: 'incremental', read: 1, updated: 1 });
    expect(second.streams.events).to.include({ mode: 'incremental', created: 0, updated: 0, unchanged: 1, removed: 2 });
    const { items } = await tenant.users.list({ after: undefined, limit: 10 });
    expect(items.map(({ fields }) => fields)).to.deep.equal([{ given_name: 'New', email: 'p3@acme.example' }]);

    source.expireTokens({ status: 410, code: 'SyncStateNotFound' });
    clock.set(new Date('2026-12-02T09:00:00Z'));
    const third = await run();
    expect(third.status).to.equal('succeeded');
    expect(third.streams.users).to.include({ mode: 'full', read: 8, unchanged: 1, removed: 0 });
    expect(third.streams.events).to.include({ mode: 'full', read: 1, unchanged: 1, removed: 0 });
  }).timeout(60_000);

  it('knows a log-on by Microsoft Entra by its object ID, without being told how the directory is called', async () => {
    const tenant = await hub.tenant(configured);
    expect(graph.directory!({ tenant_id: tenantId.toUpperCase() } as never)).to.equal(`entra:${tenantId}`);
    const directory_id = `entra:${tenantId}:${guid(4)}`;
    const { user } = await tenant.users.logOn({ ...logOnOf(4), email: 'alias@acme.example', directory_id });
    await hub.sync.run({ tenantId: tenant.tenantId, connection: 'm365', trigger: 'manual' });
    expect((await tenant.users.get(user.id))?.fields).to.include({ email: 'p4@acme.example', given_name: 'Given4' });
  }).timeout(60_000);

  it('has with the next run whom nobody could be asked about at the log-on, though Graph tells of changes alone', async () => {
    const tenant = await hub.tenant(configured);
    const run = () => hub.sync.run({ tenantId: tenant.tenantId, connection: 'm365', trigger: 'manual' });
    await run();
    const { user } = await tenant.users.logOn(logOnOf(2));
    const fields = async () => (await tenant.users.get(user.id))?.fields;
    source.fault({ status: 500, path: '/v1.0/users?$filter' });
    await lookUp(hub.runDeps, tenant, [user.id]);
    expect(await fields()).to.not.have.property('job_title');
    expect((await run()).streams.users).to.include({ mode: 'full', kept: 1 });
    expect(await fields()).to.include({ job_title: 'Clerk' });
    expect((await run()).streams.users).to.include({ mode: 'incremental' });
  }).timeout(60_000);

  it('asks when people are busy though a room’s mailbox is gone', async () => {
    const base = configured();
    const rooms = { mailboxes: [ROOM], people_calendars: 'free-busy-and-rooms' };
    const tenant = await hub.tenant(() => ({
      ...base,
      features: [...base.features!, 'hybrid-meetings'],
      connections: [{ ...base.connections![0]!, settings: completed({ ...settingsFor(source), ...rooms }) }],
    }));
    const { user } = await tenant.users.logOn(logOnOf(2));
    await tenant.users.optIn(user.id, 'hybrid-meetings', { text_version: '1', locale: 'nl' });
    source.putEvent('p2@acme.example', meeting('e', '10'));
    source.fault({ status: 404, path: /room-1.*calendarView/, times: 9, code: 'ErrorInvalidUser' });
    const { status, error, streams } = await hub.sync.run({
      tenantId: tenant.tenantId,
      connection: 'm365',
      trigger: 'manual',
    });
    expect(status).to.equal('failed');
    expect(error).to.match(/^There is no mailbox in Exchange Online/);
    expect(streams.user_events).to.include({ kept: 1 });
  }).timeout(60_000);
});
