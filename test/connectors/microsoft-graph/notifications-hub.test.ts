import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import graph from '../../../connectors/microsoft-graph/index.ts';
import type { ApiDeps } from '../../../src/api/deps.ts';
import { createHttpServer } from '../../../src/api/http-server.ts';
import { createApi } from '../../../src/api/server.ts';
import { onFaultPoint } from '../../../src/base/faults.ts';
import type { Log } from '../../../src/base/log.ts';
import type { SandboxGraph } from '../../../src/sandbox/graph/index.ts';
import type { HubTenantStore, TenantConfiguration } from '../../../src/store/index.ts';
import type { JobQueue } from '../../../src/sync/jobs.ts';
import { callSoon, createPushReceiver, runForPush } from '../../../src/sync/push.ts';
import { endOfPaused } from '../../../src/sync/quiet.ts';
import { runConnection } from '../../../src/sync/run.ts';
import { tick } from '../../../src/sync/schedule.ts';
import { certificates } from '../../support/certificates.ts';
import { type TestHub, testClock, testHub } from '../../support/hub.ts';
import { asOwner } from '../../support/owner.ts';
import { completed, meeting, NOW, sandbox, settingsFor } from './support.ts';

const ROOMS = ['r1', 'r2', 'r3'];
const addressOf = (room: string) => `${room}@acme.example`;
const guid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const GROUP = guid(9_000);

/** A real hub behind TLS, and a live Graph that calls it. */
describe('notifications of Microsoft 365, through the hub', function () {
  this.timeout(60_000);
  const clock = testClock(NOW);
  const logged: string[] = [];
  const log: Log = { event: (_level, event) => void logged.push(JSON.stringify(event)) };
  /** Jobs that were enqueued and are worked off when a test says so. */
  let jobs: { connection: string; push?: boolean }[] = [];
  const queue = { send: async (_queue: string, data: object) => void jobs.push(data as (typeof jobs)[number]) };
  let publicUrl: string | undefined;
  let hub: TestHub;
  let server: Server;
  let origin: string;
  let source: SandboxGraph;
  let tenant: HubTenantStore;

  before(async () => {
    hub = await testHub({
      connectors: [graph],
      clock,
      log,
      notifications: {
        get publicUrl() {
          return publicUrl;
        },
        call: (of, connection) => callSoon(queue, clock, of, connection),
      },
    });
    const pushes = createPushReceiver({ ...hub.runDeps, store: hub.store, jobs: queue });
    const deps = { pushes, clock, log: (event: object) => void logged.push(JSON.stringify(event)) };
    server = createHttpServer(createApi(deps as unknown as ApiDeps), {
      cert: certificates.valid.cert,
      key: certificates.valid.key,
    }) as Server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  beforeEach(async () => {
    clock.set(NOW);
    publicUrl = origin;
    jobs = [];
    logged.length = 0;
    source = await sandbox({ clock, pageSize: 10, notificationAuthority: certificates.authority });
    source.grant(['User.Read.All', 'Place.Read.All', 'GroupMember.Read.All', 'Calendars.Read']);
    for (const [n, room] of ROOMS.entries()) {
      source.putPlace({
        '@odata.type': '#microsoft.graph.room',
        id: guid(1_000 + n),
        displayName: `Room ${room}`,
        emailAddress: addressOf(room),
      });
      source.putUser({ id: guid(n), mail: addressOf(room), accountEnabled: true });
      source.putEvent(addressOf(room), meeting(`${room}-first`, '08'));
    }
    source.putGroup(
      GROUP,
      ROOMS.map((_, n) => guid(n)),
    );
    tenant = await hub.tenant(() => configured());
  });
  afterEach(async () => {
    onFaultPoint(undefined);
    await source.stop();
    const told = logged.join('\n');
    expect(told).not.to.match(/M4RKER|acme\.example|clientState/);
    expect(told).not.to.include(tenant.pushToken((await tenant.connections.get('m365')).id));
  });

  const configured = (settings: object = {}): Partial<TenantConfiguration> => ({
    features: ['people-directory', 'room-booking'],
    connections: [
      {
        name: 'm365',
        connector: 'microsoft-graph',
        settings: completed({ ...settingsFor(source), mailboxes: [GROUP], notifications: true, ...settings }),
        streams: { events: { removals: { percent: 100, more_than: 1_000 } } },
        schedule: '0 * * * *',
        paused: false,
      },
    ],
  });
  const schedule = () => {
    clock.advance(60_000);
    return runConnection(hub.runDeps, tenant, { connection: 'm365', trigger: 'schedule' });
  };
  /** Works off what is enqueued, as the worker does. */
  const work = async () => {
    const taken = jobs;
    jobs = [];
    clock.advance(6_000);
    for (const job of taken) if (job.push) await runForPush(hub.runDeps, queue, tenant, job.connection);
    return taken.length;
  };
  const id = async () => (await tenant.connections.get('m365')).id;
  const wishes = async () => tenant.subscriptions.wishes(await id());
  const until = async (what: string, is: () => Promise<boolean> | boolean) => {
    for (let waited_ms = 0; waited_ms < 10_000; waited_ms += 10) {
      if (await is()) return;
      await sleep(10);
    }
    throw new Error(`Waited in vain: ${what}.`);
  };
  /** A job is enqueued within the transaction that marks what is wanted: it counts once that one is committed. */
  const called = () =>
    until(
      'a job',
      async () => jobs.length > 0 && (await tenant.subscriptions.pending((await tenant.connections.get('m365')).id)),
    );
  /** What it asks of Graph about calendars and people, by whose. */
  const asked = async (work_: () => Promise<unknown>) => {
    const before = source.requests().length;
    await work_();
    return source
      .requests()
      .slice(before)
      .flatMap(({ method, url }) => {
        const calendar = /\/users\/([^/]+)\/calendarView\/delta/.exec(url);
        if (calendar) return [decodeURIComponent(calendar[1]!).split('@')[0]!];
        if (url.startsWith('/v1.0/users/delta')) return ['users'];
        return url.startsWith('/v1.0/subscriptions') ? [method] : [];
      })
      .sort();
  };
  const endLease = () =>
    asOwner((client) =>
      client.query(`UPDATE registry.connection SET lease_until = now() - interval '1 s' WHERE tenant_id = $1`, [
        tenant.tenantId,
      ]),
    );
  const all = { after: undefined, limit: 1_000 };
  const known = async () => {
    const { items } = await tenant.events.list({ spaces: undefined, from: undefined, to: undefined, ...all });
    return items.map(({ key }) => key).sort();
  };
  const first = ROOMS.map((room) => `${room}-first`);
  /** Subscribed, and read once more for what changed meanwhile. */
  const settle = async () => {
    expect((await schedule()).status).to.equal('succeeded');
    expect(source.subscriptions()).to.have.length(4);
    await work();
    expect(await wishes()).to.deep.equal([]);
  };

  it('are asked for after the first reading, and what changed meanwhile is read by a run of its own', async () => {
    expect(await asked(schedule)).to.deep.equal(['POST', 'POST', 'POST', 'POST', 'r1', 'r2', 'r3', 'users']);
    expect(source.subscriptions().map(({ resource }) => resource)).to.have.members([
      'users',
      ...ROOMS.map((room) => `users/${addressOf(room)}/events`),
    ]);
    expect(jobs).to.deep.equal([{ tenantId: tenant.tenantId, connection: 'm365', push: true }]);
    expect(await asked(work)).to.deep.equal(['r1', 'r2', 'r3', 'users']);
    expect(await asked(schedule), 'nothing is due').to.deep.equal(['r1', 'r2', 'r3', 'users']);
    expect(jobs).to.deep.equal([]);
  });

  it('have exactly the changed calendar read, and nobody else asked', async () => {
    await settle();
    source.putEvent(addressOf('r2'), meeting('r2-new', '10'));
    source.putEvent(addressOf('r2'), meeting('r2-other', '12'));
    await called();
    await until('the second one', async () => (await wishes())[0]?.number === 3);
    expect(await asked(work)).to.deep.equal(['r2']);
    expect(await known()).to.deep.equal([...first, 'r2-new', 'r2-other'].sort());
    expect(await asked(work), 'nothing is wanted any more').to.deep.equal([]);
    const { items } = await tenant.runs.list({ limit: 1 });
    expect(Object.keys(items[0]!.streams)).to.deep.equal(['events']);
    expect(items[0]!.streams.events).to.include({ mode: 'incremental', read: 2, created: 2, removed: 0 });
  });

  it('that come while their calendar is being read are not lost', async () => {
    await settle();
    source.putEvent(addressOf('r2'), meeting('r2-new', '10'));
    await called();
    let once = true;
    onFaultPoint(async (point) => {
      if (point !== 'fetch.after' || !once) return;
      once = false;
      // The round has been told to its end; this is not in it.
      source.putEvent(addressOf('r2'), meeting('r2-late', '12'));
      await until('the late notification', async () => (await wishes())[0]?.number === 3);
    });
    await work();
    expect(once).to.equal(false);
    expect(await known())
      .to.include('r2-new')
      .and.not.to.include('r2-late');
    expect((await wishes()).map(({ number }) => number)).to.deep.equal([3]);
    expect(await asked(work)).to.deep.equal(['r2']);
    expect(await known()).to.include('r2-late');
    expect(await wishes()).to.deep.equal([]);
  });

  it('that come while another run is under way have their own a little later', async () => {
    await settle();
    source.putEvent(addressOf('r2'), meeting('r2-new', '10'));
    await called();
    const lease = await tenant.acquire(await id(), { trigger: 'schedule' });
    await work();
    expect(jobs, 'enqueued again').to.have.length(1);
    await tenant.end(lease, { status: 'succeeded', failure: null, requests: 0, bytes: 0 });
    expect(await asked(work)).to.deep.equal(['r2']);
  });

  it('whose job was lost still stand, and the next run by schedule serves them', async () => {
    await settle();
    source.putEvent(addressOf('r2'), meeting('r2-new', '10'));
    await called();
    jobs = [];
    expect((await wishes()).map(({ partition }) => partition)).to.deep.equal([addressOf('r2')]);
    expect((await schedule()).streams.events).to.include({ created: 1 });
    expect(await wishes()).to.deep.equal([]);
  });

  it('are not taken for served by a run that goes on after a kill with what was read before them', async () => {
    await settle();
    source.putEvent(addressOf('r2'), meeting('r2-new', '10'));
    await called();
    // The process stands still after its calendar was read to its end: to everybody else it is dead.
    const dead = Promise.withResolvers<void>();
    const standing = Promise.withResolvers<void>();
    onFaultPoint((point) => {
      if (point !== 'page.acknowledged') return;
      standing.resolve();
      return dead.promise;
    });
    const killed = runForPush(hub.runDeps, queue, tenant, 'm365');
    await standing.promise;
    onFaultPoint(undefined);
    source.putEvent(addressOf('r2'), meeting('r2-late', '12'));
    await until('the late notification', async () => (await wishes())[0]?.number === 3);
    await endLease();
    const { run } = (await tenant.runs.list({ limit: 1 })).items[0]!;
    const resumed = await runConnection(hub.runDeps, tenant, { connection: 'm365', trigger: 'push', run });
    expect(resumed.status).to.equal('succeeded');
    expect(
      (await wishes()).map(({ number }) => number),
      'the late one stands',
    ).to.deep.equal([3]);
    jobs = [{ connection: 'm365', push: true }];
    expect(await asked(work)).to.deep.equal(['r2']);
    expect(await known()).to.include('r2-late');
    dead.resolve();
    await killed;
  });

  it('are not taken for served by a reading that goes on from the pages of a process that is dead', async () => {
    for (let n = 0; n < 12; n++)
      source.putUser({ id: guid(2_000 + n), mail: `p${n}@acme.example`, accountEnabled: true });
    const live = (await tenant.configuration.read())!;
    const people = { ...live.configuration, ...configured({ mailboxes: [] }) };
    await tenant.configuration.write(people, { expected: live.version, resume: true });
    await schedule();
    await work();
    for (let n = 0; n < 12; n++)
      source.putUser({ id: guid(2_000 + n), mail: `q${n}@acme.example`, accountEnabled: true });
    await until('all of them', async () => (await wishes())[0]?.number === 13);
    const dead = Promise.withResolvers<void>();
    const standing = Promise.withResolvers<void>();
    onFaultPoint((point) => {
      if (point !== 'page.acknowledged') return;
      standing.resolve();
      return dead.promise;
    });
    const killed = runForPush(hub.runDeps, queue, tenant, 'm365');
    await standing.promise;
    onFaultPoint(undefined);
    const before = (await wishes())[0]!.number;
    source.putUser({ id: guid(2_000), mail: 'late@acme.example', accountEnabled: true });
    await until('the late notification', async () => (await wishes())[0]!.number === before + 1);
    await endLease();
    const { run } = (await tenant.runs.list({ limit: 1 })).items[0]!;
    await runConnection(hub.runDeps, tenant, { connection: 'm365', trigger: 'push', run });
    expect(
      (await wishes()).map(({ stream }) => stream),
      'it still stands',
    ).to.deep.equal(['users']);
    dead.resolve();
    await killed;
  });

  it('do not narrow a run by schedule that goes on in their job', async () => {
    await settle();
    const lease = await tenant.acquire(await id(), { trigger: 'schedule' });
    await tenant.yieldLease(lease);
    source.putEvent(addressOf('r2'), meeting('r2-new', '10'));
    await called();
    expect(await asked(work)).to.deep.equal(['r1', 'r2', 'r3', 'users']);
  });

  it('about a subscription: missed is read, renewal is done at once, what is removed is made anew and read', async () => {
    await settle();
    const resource = `users/${addressOf('r1')}/events`;
    const told = async (event: 'missed' | 'reauthorizationRequired' | 'subscriptionRemoved') => {
      jobs = [];
      clock.advance(60_000);
      source.lifecycle(event, resource);
      await called();
      return asked(work);
    };
    const ends = () => source.subscriptions().find((one) => one.resource === resource)!.expirationDateTime;
    const before = ends();
    expect(await told('missed')).to.deep.equal(['r1']);
    expect(ends()).to.equal(before);
    expect(await told('reauthorizationRequired')).to.deep.equal(['PATCH']);
    expect(Date.parse(ends())).to.be.above(Date.parse(before));
    expect(await told('subscriptionRemoved')).to.deep.equal(['POST', 'r1']);
    expect(source.subscriptions()).to.have.length(4);
    expect(await asked(work), 'what changed while there was none').to.deep.equal(['r1']);
    expect(await wishes()).to.deep.equal([]);
  });

  it('are renewed by the schedule when half of their life is over', async () => {
    await settle();
    clock.advance(3 * 24 * 3_600_000);
    expect(await asked(schedule)).not.to.include('PATCH');
    clock.advance(24 * 3_600_000);
    expect((await asked(schedule)).filter((one) => one === 'PATCH')).to.have.length(3);
  });

  it('are asked for by no hub without SLUICE_PUBLIC_URL, and the schedule reads all the same', async () => {
    publicUrl = undefined;
    await schedule();
    expect(source.subscriptions()).to.deep.equal([]);
    source.putEvent(addressOf('r2'), meeting('r2-new', '10'));
    expect((await schedule()).streams.events).to.include({ created: 1 });
    expect(jobs).to.deep.equal([]);
  });

  it('are ended at Microsoft when they are switched off, or the hub is reachable no more', async () => {
    await settle();
    publicUrl = undefined;
    expect((await asked(schedule)).filter((one) => one === 'DELETE')).to.have.length(4);
    expect(source.subscriptions()).to.deep.equal([]);
    publicUrl = origin;
    await settle();
    const live = (await tenant.configuration.read())!;
    const off = { ...live.configuration, ...configured({ notifications: false }) };
    await tenant.configuration.write(off, { expected: live.version, resume: true });
    await schedule();
    expect(source.subscriptions()).to.deep.equal([]);
    expect(await tenant.subscriptions.held(await id(), '')).to.deep.equal([]);
  });

  it('about a mailbox that has become a person’s are ended by the run that finds out, and wanted by nobody', async () => {
    source.putUser({ id: guid(50), mail: addressOf('shared'), accountEnabled: false });
    source.putEvent(addressOf('shared'), meeting('private', '08'));
    source.putGroup(GROUP, [guid(50), ...ROOMS.map((_, n) => guid(n))]);
    await schedule();
    await work();
    expect(source.subscriptions()).to.have.length(5);
    source.putEvent(addressOf('shared'), meeting('private-2', '10'));
    await called();
    source.putUser({ id: guid(50), mail: addressOf('shared'), accountEnabled: true });
    await until('the calls about both', async () => (await wishes()).length === 2);
    expect(await asked(work), 'by the notification').to.deep.equal(['DELETE', 'users']);
    expect(await known()).to.deep.equal(first);
    expect(await wishes()).to.deep.equal([]);
    const held = async () => (await tenant.subscriptions.held(await id(), '')).map(({ partition }) => partition);
    expect(await held()).to.have.members(['', ...ROOMS.map(addressOf)]);
    expect(source.subscriptions()).to.have.length(4);
    expect((await tenant.connections.get('m365')).notifications_failure).to.equal(null);
    expect(await asked(schedule), 'once').to.deep.equal(['r1', 'r2', 'r3', 'users']);
  });

  it('about a mailbox that has become a person’s name it nowhere, though Microsoft cannot end them yet', async () => {
    source.putUser({ id: guid(50), mail: addressOf('shared'), accountEnabled: false });
    source.putGroup(GROUP, [guid(50), ...ROOMS.map((_, n) => guid(n))]);
    await schedule();
    await work();
    source.putEvent(addressOf('shared'), meeting('private', '08'));
    await called();
    source.putUser({ id: guid(50), mail: addressOf('shared'), accountEnabled: true });
    source.fault({ status: 403, method: 'DELETE', times: 1 });
    expect(await asked(schedule)).to.include('DELETE');
    const held = async () => (await tenant.subscriptions.held(await id(), '')).map(({ partition }) => partition);
    expect(await held()).to.have.members(['', '', ...ROOMS.map(addressOf)]);
    expect((await wishes()).filter(({ stream }) => stream === 'events')).to.deep.equal([]);
    await schedule();
    expect(await held()).to.have.members(['', ...ROOMS.map(addressOf)]);
    expect(source.subscriptions()).to.have.length(4);
  });

  describe('of a connection that is paused', () => {
    /** What the scheduler does every five seconds, and a worker after it. @returns how many jobs there were */
    const quietly = async () => {
      const due: string[] = [];
      const send = async (name: string, data: object) => {
        const { tenantId, connection } = data as { tenantId: string; connection: string };
        if (name === 'quiet' && tenantId === tenant.tenantId) due.push(connection);
      };
      await tick(hub.store, { send } as unknown as JobQueue, clock);
      for (const connection of due) await endOfPaused(hub.runDeps, tenant, connection);
      return due.length;
    };
    const pause = (paused = true) => tenant.connections.setPaused('m365', paused);
    const failure = async () => (await tenant.connections.get('m365')).notifications_failure;
    const held = async () => tenant.subscriptions.held(await id(), '');

    it('are ended at Microsoft, and made again when it is resumed', async () => {
      await settle();
      expect(await quietly(), 'while it is not paused').to.equal(0);
      await pause();
      expect(await asked(quietly)).to.deep.equal(Array(4).fill('DELETE'));
      expect(source.subscriptions()).to.deep.equal([]);
      expect(await held()).to.deep.equal([]);
      expect(await failure()).to.equal(null);
      clock.advance(86_400_000);
      expect(await quietly(), 'once').to.equal(0);
      await pause(false);
      expect((await asked(schedule)).filter((one) => one === 'POST')).to.have.length(4);
      expect(source.subscriptions()).to.have.length(4);
      expect(await quietly()).to.equal(0);
    });

    it('cause nothing until they have ended', async () => {
      await settle();
      await pause();
      source.putEvent(addressOf('r2'), meeting('r2-new', '10'));
      await until('the call', () => logged.some((line) => line.includes('"push"') && line.includes('"ignored":1')));
      expect(jobs).to.deep.equal([]);
      jobs = [{ connection: 'm365', push: true }];
      expect(await asked(work), 'not even a job from before').to.deep.equal([]);
    });

    it('are ended as well when a changed file pauses it', async () => {
      await settle();
      const live = (await tenant.configuration.read())!;
      const changed = { ...live.configuration, ...configured({ window: { back: '1d', ahead: '30d' } }) };
      await tenant.configuration.write(changed, { expected: live.version, resume: false });
      expect((await tenant.connections.get('m365')).paused).to.equal(true);
      expect(await asked(quietly)).to.deep.equal(Array(4).fill('DELETE'));
    });

    it('are tried to be ended five times in seven hours; then Microsoft ends them by itself, and that is said', async () => {
      await settle();
      await pause();
      source.fault({ status: 403, method: 'DELETE', times: 5 * 4 });
      const tries: number[] = [];
      for (let minute = 0; minute < 24 * 60; minute++) {
        if ((await quietly()) > 0) tries.push(minute);
        clock.advance(60_000);
      }
      expect(tries).to.deep.equal([0, 1, 11, 71, 431]);
      const says =
        /^4 subscriptions .* could not be ended at the source, whose calls are ignored; by 2026-12-30 the last/;
      expect(await failure()).to.match(says);
      const { findings } = await hub.sync.check(tenant.tenantId, 'm365');
      expect(findings.filter(({ sentence }) => says.test(sentence)).map(({ outcome }) => outcome)).to.deep.equal([
        'note',
      ]);
      expect(source.subscriptions()).to.have.length(4);
      // What Microsoft still holds is not taken for standing, or its end would be noticed days later.
      await pause(false);
      expect((await asked(schedule)).filter((one) => one === 'POST').length).to.be.at.least(4);
      expect(await failure()).to.equal(null);
    });

    it('go one by one: what Microsoft ended is not asked for again', async () => {
      await settle();
      await pause();
      source.fault({ status: 403, method: 'DELETE', times: 1 });
      expect(await asked(quietly)).to.deep.equal(Array(4).fill('DELETE'));
      expect(await held()).to.have.length(1);
      expect(await failure()).to.match(/^One subscription /);
      clock.advance(60_000);
      expect(await asked(quietly)).to.deep.equal(['DELETE']);
      expect(await failure()).to.equal(null);
    });

    it('stand as long as Microsoft asks to be left alone, which costs no try', async () => {
      await settle();
      await pause();
      await tenant.leaveAlone(await id(), new Date(clock.now().getTime() + 600_000));
      expect(await quietly()).to.equal(0);
      // One that was enqueued just before.
      expect(await asked(() => endOfPaused(hub.runDeps, tenant, 'm365'))).to.deep.equal([]);
      expect(await failure()).to.match(/asked for no request before .*, so none was sent/);
      clock.advance(600_000);
      expect(await asked(quietly)).to.deep.equal(Array(4).fill('DELETE'));
      expect(await failure()).to.equal(null);
    });

    it('are neither made nor renewed by a run that was under way, and end after it', async () => {
      await settle();
      source.lifecycle('reauthorizationRequired', 'users');
      await called();
      jobs = [];
      let once = true;
      onFaultPoint(async (point) => {
        if (point !== 'fetch.after' || !once) return;
        once = false;
        await pause();
        expect(await quietly(), 'while it is being read').to.equal(0);
      });
      expect((await asked(schedule)).filter((one) => !/^r|users/.test(one))).to.deep.equal([]);
      expect(once).to.equal(false);
      expect(await asked(quietly)).to.deep.equal(Array(4).fill('DELETE'));
    });

    it('are taken for standing by no run, should the process that ends them die and it be resumed', async () => {
      await settle();
      await pause();
      const lease = await tenant.acquire(await id(), { trigger: 'manual' });
      expect(await tenant.quiet.letGo(await id()), 'while a run may still renew them').to.deep.equal([]);
      await tenant.end(lease, { status: 'cancelled', failure: null, requests: 0, bytes: 0 });
      expect(await tenant.quiet.letGo(await id())).to.have.length(4);
      expect((await held()).every(({ lost }) => lost)).to.equal(true);
      await pause(false);
      expect(await tenant.quiet.letGo(await id()), 'of one that is read nothing is let go').to.deep.equal([]);
      expect((await asked(schedule)).filter((one) => one === 'POST').length).to.be.at.least(4);
      expect((await held()).filter(({ lost }) => lost)).to.deep.equal([]);
      expect(await held()).to.have.length(4);
    });

    const remove = async () => {
      const live = (await tenant.configuration.read())!;
      await tenant.configuration.write(
        { ...live.configuration, connections: [] },
        { expected: live.version, resume: true },
      );
      expect(await tenant.connections.list()).to.deep.equal([]);
      const again = (await tenant.configuration.read())!;
      const restored = { ...again.configuration, ...configured() };
      await tenant.configuration.write(restored, { expected: again.version, resume: true });
    };

    it('or that is removed while Microsoft asks to be left alone end by themselves', async () => {
      await settle();
      await tenant.leaveAlone(await id(), new Date(clock.now().getTime() + 600_000));
      logged.length = 0;
      expect(await asked(remove)).to.deep.equal([]);
      expect(logged.join()).to.match(/Of the first: The source of \S+ asked for no request before/);
    });

    it('or that is removed are ended once that is durable; where Microsoft is away, it is removed all the same', async () => {
      await settle();
      expect(await asked(remove)).to.deep.equal(Array(4).fill('DELETE'));
      expect(source.subscriptions()).to.deep.equal([]);
      await settle();
      logged.length = 0;
      source.fault({ status: 403, method: 'DELETE', times: 4 });
      await remove();
      expect(logged.join()).to.match(/4 subscriptions .* by 2026-12-30 the last has ended by itself/);
    });
  });

  it('have a sign-in that fails tried once a minute, however many come', async () => {
    await settle();
    source.fault({ status: 401, path: '/oauth2/v2.0/token', times: 99 });
    const tried = () => source.requests().filter(({ url }) => url.includes('/oauth2/v2.0/token')).length;
    const tryAgain = async (hour: string) => {
      const before = tried();
      source.putEvent(addressOf('r1'), meeting(`at-${hour}`, hour));
      await called();
      await work();
      return tried() - before;
    };
    expect(await tryAgain('11')).to.be.above(0);
    expect(await tryAgain('12')).to.equal(0);
    clock.advance(60_000);
    expect(await tryAgain('13')).to.be.above(0);
    expect(await wishes()).to.have.length(1);
  });

  it('are asked for anew when the hub is called by another address', async () => {
    await settle();
    const before = source.subscriptions().map(({ id: one }) => one);
    publicUrl = origin.replace('127.0.0.1', 'localhost');
    const made = (await asked(schedule)).filter((one) => one === 'POST' || one === 'DELETE');
    expect(made).to.deep.equal([...Array(4).fill('DELETE'), ...Array(4).fill('POST')]);
    expect(source.subscriptions().filter(({ id: one }) => before.includes(one))).to.deep.equal([]);
    expect(source.subscriptions()).to.have.length(4);
    expect(await asked(schedule), 'once').to.deep.equal(['r1', 'r2', 'r3', 'users']);
  });

  it('fail no run where they cannot be had, and say in the log what to do', async () => {
    source.grant(['User.Read.All', 'Place.Read.All', 'GroupMember.Read.All', 'Calendars.ReadBasic.All']);
    expect((await schedule()).status).to.equal('succeeded');
    expect(source.subscriptions().map(({ resource }) => resource)).to.deep.equal(['users']);
    publicUrl = 'http://127.0.0.1:1';
    expect((await schedule()).status).to.equal('succeeded');
    publicUrl = 'https://127.0.0.1:1';
    source.grant(['User.Read.All', 'Place.Read.All', 'GroupMember.Read.All', 'Calendars.Read']);
    expect((await schedule()).status).to.equal('succeeded');
    const said = logged.filter((line) => line.includes('"subscriptions"')).map((line) => JSON.parse(line).sentence);
    expect(said.join('\n')).to.match(/Calendars\.Read[\s\S]*https:\/\/[\s\S]*SLUICE_PUBLIC_URL/);
    const failure = async () => (await tenant.connections.get('m365')).notifications_failure;
    expect(await failure(), 'and where tenant IT look').to.equal(said.at(-1));
    const { findings } = await hub.sync.check(tenant.tenantId, 'm365');
    expect(findings).to.deep.include({ step: 'connection', outcome: 'note', sentence: said.at(-1) });
    publicUrl = origin;
    await schedule();
    expect(await failure()).to.equal(null);
  });

  it('are had for the other calendars where one may not be opened; what is judged well or failing is the schedule', async () => {
    source.scopeMailboxes([addressOf('r1'), addressOf('r2')]);
    expect((await schedule()).status).to.equal('failed');
    expect(source.subscriptions()).to.have.length(3);
    await work();
    source.putEvent(addressOf('r1'), meeting('r1-new', '10'));
    await called();
    expect(await asked(work)).to.deep.equal(['r1']);
    expect((await tenant.runs.list({ limit: 1 })).items[0]!.status).to.equal('succeeded');
    expect((await tenant.connections.get('m365')).health).to.equal('failing');
    source.scopeMailboxes(undefined);
    expect((await schedule()).status).to.equal('succeeded');
    expect((await tenant.connections.get('m365')).health).to.equal('ok');
    await work();
    source.scopeMailboxes([]);
    source.putEvent(addressOf('r1'), meeting('r1-other', '12'));
    await called();
    await work();
    expect((await tenant.runs.list({ limit: 1 })).items[0]!.status).to.equal('failed');
    expect((await tenant.connections.get('m365')).health).to.equal('ok');
    expect(
      (await wishes()).map(({ partition }) => partition),
      'it still stands',
    ).to.deep.equal([addressOf('r1')]);
  });

  it('take nothing away of a calendar that is read no more; the schedule does, and ends its subscription', async () => {
    await settle();
    source.putGroup(GROUP, [guid(1), guid(2)]);
    source.putEvent(addressOf('r1'), meeting('r1-new', '10'));
    source.putEvent(addressOf('r2'), meeting('r2-new', '10'));
    await until('both', async () => (await wishes()).length === 2);
    expect(await asked(work)).to.deep.equal(['r2']);
    expect(await known()).to.deep.equal([...first, 'r2-new'].sort());
    expect(await asked(schedule)).to.deep.equal(['DELETE', 'r2', 'r3', 'users']);
    expect(await known()).to.deep.equal(['r2-first', 'r2-new', 'r3-first']);
    expect(await wishes()).to.deep.equal([]);
  });
});
