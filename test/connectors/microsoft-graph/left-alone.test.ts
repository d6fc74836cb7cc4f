import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import graph from '../../../connectors/microsoft-graph/index.ts';
import { TryLater } from '../../../src/base/errors.ts';
import type { SandboxGraph } from '../../../src/sandbox/graph/index.ts';
import type { HubTenantStore, TenantConfiguration } from '../../../src/store/index.ts';
import { createSyncService } from '../../../src/sync/service.ts';
import type { SyncService } from '../../../src/sync/types.ts';
import { failureOf } from '../../support/failure.ts';
import { type TestHub, testConfiguration, testHub } from '../../support/hub.ts';
import { HubAtWork } from '../../support/hub-at-work.ts';
import { logOnOf } from '../../support/memory-source.ts';
import { runningClock } from '../../support/running-clock.ts';
import { applications, clientSecret, completed, meeting, NOW, sandbox, settingsFor } from './support.ts';

const ROOM = 'r0@acme.example';
const guid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const evidence = { text_version: '1', locale: 'nl' };
const WAIT_MS = 300_000;
const DAY_MS = 86_400_000;

describe('a source that asked to be left alone', function () {
  this.timeout(60_000);
  const clock = runningClock(NOW);
  let publicUrl: string | undefined;
  let hub: TestHub;
  let source: SandboxGraph;
  let tenant: HubTenantStore;
  let work: HubAtWork;
  /** As the API has it: what is wanted goes to a worker. */
  let queued: SyncService;

  before(async () => {
    hub = await testHub({
      connectors: [graph],
      clock,
      notifications: {
        get publicUrl() {
          return publicUrl;
        },
        call: async () => {},
      },
    });
  });
  beforeEach(async () => {
    clock.set(NOW);
    publicUrl = undefined;
    source = await sandbox({ clock, certificates: [applications.app] });
    source.putPlace({ '@odata.type': '#microsoft.graph.room', id: guid(100), displayName: 'Room', emailAddress: ROOM });
    source.putEvent(ROOM, meeting('e', '10'));
    for (let n = 0; n < 3; n++) source.putUser(person(n));
    source.putEvent('p1@acme.example', meeting('busy', '12'));
    await connect('0 * * * *');
  });
  afterEach(async () => {
    await tenant.connections.setPaused('m365', true);
    await source.stop();
  });

  const person = (n: number) => ({
    id: guid(n),
    mail: `p${n}@acme.example`,
    givenName: `New${n}`,
    surname: `Family${n}`,
    accountEnabled: true,
    userType: 'Member' as const,
  });
  const configured = (schedule: string | undefined, settings: object = {}): Partial<TenantConfiguration> => ({
    users: { admit: 'first-logon', sources: ['m365'], leaver_grace_ms: 7 * DAY_MS, domains: [] },
    features: ['people-directory', 'room-booking', 'hybrid-meetings'],
    connections: [
      {
        name: 'm365',
        connector: 'microsoft-graph',
        settings: completed({ ...settingsFor(source), mailboxes: [ROOM], ...settings }),
        streams: {},
        ...(schedule === undefined ? {} : { schedule }),
        paused: false,
      },
    ],
  });
  async function connect(schedule?: string, settings: object = {}) {
    tenant = await hub.tenant(() => configured(schedule, settings));
    work = new HubAtWork(hub, tenant.tenantId);
    queued = createSyncService({ ...hub.runDeps, store: hub.store, jobs: work.jobs });
  }
  const order = () => ({ tenantId: tenant.tenantId, connection: 'm365', trigger: 'manual' }) as const;
  const sync = () => hub.sync.run(order());
  const status = () => tenant.connections.get('m365');
  const id = async () => (await status()).id;
  const runs = async () => (await tenant.runs.list({ connection: 'm365', limit: 20 })).items;
  const ended = (how: string) => async () => (await runs())[0]?.status === how;
  const logOn = async (n: number) => (await tenant.users.logOn(logOnOf(n))).user.id;
  const givenName = async (n: number) => (await tenant.users.findByEmail(`p${n}@acme.example`))?.fields.given_name;
  const throttle = (path: string, retryAfter: number | Date = 300) => source.fault({ status: 429, path, retryAfter });
  const rewrite = async (next: Partial<TenantConfiguration>, resume = false) => {
    const live = await tenant.configuration.read();
    const given = { ...live!.configuration, ...next };
    await tenant.configuration.write(testConfiguration(tenant.tenant, given), { expected: live!.version, resume });
  };

  /** Throttled at its first request for people. @returns how much has been asked since */
  async function leftAlone(): Promise<() => number> {
    throttle('/users/delta');
    expect((await sync()).status).to.equal('failed');
    const asked = source.requests().length;
    return () => source.requests().length - asked;
  }

  it('is asked nothing by hand, and the person is told until when and what to do', async () => {
    const asked = await leftAlone();
    const until = new Date(Math.ceil(Date.parse((await status()).not_before!) / 1_000) * 1_000).toISOString();
    const told = `before ${until.slice(0, 10)} ${until.slice(11, 19)} UTC`;
    for (const ask of [
      sync,
      () => hub.sync.run({ ...order(), mode: 'full' }),
      () => queued.request(order()),
      () => hub.sync.preview(tenant.tenantId, 'm365', {}),
    ]) {
      const error = await failureOf(ask());
      expect(error).to.be.instanceOf(TryLater).and.have.property('notBefore').which.is.instanceOf(Date);
      expect(error.message)
        .to.include(told)
        .and.match(/try again then .*, or at once if you change/);
    }
    const { findings } = await hub.sync.check(tenant.tenantId, 'm365');
    expect(findings.map(({ outcome }) => outcome)).to.deep.equal(['failed']);
    expect(findings[0]!.sentence).to.include(told);
    expect(asked()).to.equal(0);
    expect(await runs(), 'what was not begun is no run').to.have.length(1);
    clock.advance(WAIT_MS + 1_000);
    expect((await sync()).status).to.equal('succeeded');
  });

  it('is asked nothing by schedule, whatever pulls the next slot nearer, and everything at that instant', async () => {
    const asked = await leftAlone();
    await tenant.wantSoon(await id());
    await rewrite({ features: ['people-directory', 'room-booking'] });
    await rewrite({ features: ['people-directory', 'room-booking', 'hybrid-meetings'] });
    await rewrite({ time_zone: 'Europe/Paris' });
    await tenant.connections.setPaused('m365', true);
    await tenant.connections.setPaused('m365', false);
    const { next_due_at, not_before } = await status();
    expect(next_due_at).to.equal(not_before);
    for (let n = 0; n < 10; n++) {
      await work.turn();
      clock.advance(20_000);
    }
    expect(asked()).to.equal(0);
    await work.until(ended('succeeded'), 120_000);
    expect(clock.now().getTime() - Date.parse(not_before!)).to.be.within(0, 10_000);
  });

  it('is not asked by jobs that waited already when it said so, and they are not lost', async () => {
    const jobs: [string, object][] = [
      ['a slot that is claimed', {}],
      ['a notification', { push: true }],
    ];
    for (const [, more] of jobs) await work.jobs.send('run', { ...order(), ...more });
    const { run } = await queued.request(order());
    const lease = await tenant.acquire(await id(), { trigger: 'manual', run });
    await tenant.yieldLease(lease);
    await tenant.leaveAlone(await id(), new Date(clock.now().getTime() + WAIT_MS));
    const until = Date.parse((await status()).not_before!);
    await work.turn();
    expect(source.requests()).to.deep.equal([]);
    expect(work.waiting.map(({ after }) => after?.getTime())).to.deep.equal([until, until]);
    for (let n = 0; n < 3; n++) await work.turn();
    expect(work.waiting, 'a run without its process is not called for again and again').to.have.length(2);
    await work.until(ended('succeeded'), WAIT_MS + 60_000);
    expect((await tenant.runs.get(run)).status).to.equal('succeeded');
  });

  it('is asked about who logged on or opted in meanwhile at that instant, and only there', async () => {
    await sync();
    const asked = await (async () => {
      clock.advance(60_000);
      return leftAlone();
    })();
    await tenant.users.optIn(await logOn(1), 'hybrid-meetings', evidence);
    const users = [await logOn(1), await logOn(2)];
    await work.jobs.send('lookup', { tenantId: tenant.tenantId, users });
    await work.turn();
    expect(asked()).to.equal(0);
    expect(work.waiting).to.deep.equal([
      {
        queue: 'lookup',
        data: { tenantId: tenant.tenantId, users, connection: (await status()).id },
        after: new Date((await status()).not_before!),
      },
    ]);
    await tenant.connections.setPaused('m365', true);
    await rewrite({ connections: configured(undefined).connections! });
    await tenant.connections.setPaused('m365', false);
    await work.until(async () => (await givenName(2)) === 'New2', WAIT_MS + 60_000);
    expect(await runs(), 'it took no run').to.have.length(2);
    const calendar = { user: users[0]!, from: undefined, to: undefined, after: undefined, limit: 10 };
    expect((await tenant.userCalendars.list(calendar)).items).to.have.length(1);
  });

  it('is read in full then where a command, which has no jobs, could not look somebody up', async () => {
    await leftAlone();
    await hub.sync.lookup(tenant.tenantId, [await logOn(2)]);
    expect(await tenant.fullWanted(await id())).to.be.a('number');
    await work.until(async () => (await givenName(2)) === 'New2', WAIT_MS + 60_000);
  });

  describe('is left alone by everybody, though it said so', () => {
    const nothingMore = async () => {
      const until = Date.parse((await status()).not_before!) - clock.now().getTime();
      expect(until).to.be.within(WAIT_MS - 5_000, WAIT_MS + 1_000);
      const asked = source.requests().length;
      expect(await failureOf(sync())).to.be.instanceOf(TryLater);
      expect(source.requests()).to.have.length(asked);
    };

    it('to a look-up', async () => {
      throttle('/users?');
      await work.jobs.send('lookup', { tenantId: tenant.tenantId, users: [await logOn(1)] });
      await work.turn();
      await nothingMore();
    });

    it('to a check, whose finding says until when', async () => {
      throttle('/users?');
      const { findings } = await hub.sync.check(tenant.tenantId, 'm365');
      expect(findings.at(-1)!.sentence).to.match(/busy.*nothing is asked of the source before 2026-12-01/);
      expect(findings.at(-1), 'what is between connector and hub').to.not.have.property('notBefore');
      expect(findings.length, 'what was found till then').to.be.greaterThan(2);
      await nothingMore();
    });

    it('to a preview', async () => {
      throttle('/users/delta');
      expect(await failureOf(hub.sync.preview(tenant.tenantId, 'm365', {}))).to.be.instanceOf(TryLater);
      await nothingMore();
    });

    it('when its subscriptions were seen to, which fails no run', async () => {
      publicUrl = 'https://hub.example';
      await connect('0 * * * *', { notifications: true });
      throttle('/subscriptions');
      expect((await sync()).status).to.equal('succeeded');
      await nothingMore();
    });

    it('to another process, also by a run that is under way', async () => {
      for (let n = 1; n < 60; n++) {
        const emailAddress = `r${n}@acme.example`;
        source.putPlace({
          '@odata.type': '#microsoft.graph.room',
          id: guid(100 + n),
          displayName: 'Room',
          emailAddress,
        });
      }
      const mailboxes = Array.from({ length: 60 }, (_, n) => `r${n}@acme.example`);
      await connect('0 * * * *', { mailboxes, in_flight: 1 });
      source.oddities({ latency_ms: 100 });
      const other = hub.under(hub.masterKey);
      const running = sync();
      while (!source.requests().some(({ url }) => url.includes('calendarView'))) await sleep(20);
      await (await other.tenant(tenant.tenantId)).leaveAlone(await id(), new Date(clock.now().getTime() + WAIT_MS));
      const told = clock.now().getTime();
      const receipt = await running;
      expect(receipt.status).to.equal('failed');
      expect(receipt.error).to.match(/asked another run or look-up .* before 2026-12-01/);
      const last = Math.max(...source.requests().map(({ at }) => at.getTime()));
      expect(last - told).to.be.below(1_500);
      await other.close();
      await nothingMore();
    });
  });

  it('that names a year is asked once a day, and the run says so', async () => {
    throttle('/users/delta', 365 * 86_400);
    const receipt = await sync();
    expect(receipt.error).to.match(/\(it asked for longer, and is asked every 24 h\)/);
    const { not_before, next_due_at, health } = await status();
    expect(Date.parse(not_before!) - clock.now().getTime()).to.be.within(DAY_MS - 5_000, DAY_MS);
    expect([next_due_at, health]).to.deep.equal([not_before, 'failing']);
    clock.advance(DAY_MS);
    await work.until(ended('succeeded'), 60_000);
    expect((await status()).health).to.equal('ok');
  });

  it('never shortens a wait that stands: of two answers the later instant counts', async () => {
    for (const ms of [WAIT_MS, 60_000]) await tenant.leaveAlone(await id(), new Date(NOW.getTime() + ms));
    expect((await status()).not_before).to.equal(new Date(NOW.getTime() + WAIT_MS).toISOString());
  });

  describe('under another name', () => {
    const changes: Readonly<Record<string, (settings: Record<string, unknown>) => object>> = {
      'another secret': ({ client_secret: _, ...rest }) => ({ ...rest, certificate: applications.app }),
      'another application': (settings) => ({ ...settings, client_id: guid(77) }),
      'another address': (settings) => ({ ...settings, graph_url: 'https://graph.microsoft.us' }),
    };
    const changed = async (change: (settings: Record<string, unknown>) => object) => {
      const [connection] = (await tenant.configuration.read())!.configuration.connections;
      const settings = change({ ...connection!.settings }) as Record<string, unknown>;
      await rewrite({ connections: [{ ...connection!, settings }] });
    };

    it('only if the source sees it: what we call its directory is our business', async () => {
      await leftAlone();
      await changed((settings) => ({ ...settings, directory: 'another', on_premises_directory: 'people' }));
      expect((await status()).not_before).to.not.equal(null);
    });

    for (const [what, change] of Object.entries(changes))
      it(`may be asked at once: ${what}`, async () => {
        await leftAlone();
        await changed(change);
        expect((await status()).not_before).to.equal(null);
      });

    it('goes on at once, and does not wait for the instant that is none any more', async () => {
      await connect('0 * * * *', { client_secret: 'of an application that is gone' });
      throttle('/token');
      expect((await sync()).status).to.equal('failed');
      await changed((settings) => ({ ...settings, client_secret: clientSecret }));
      const { findings } = await hub.sync.check(tenant.tenantId, 'm365');
      expect(findings.some(({ step }) => step === 'records')).to.equal(true);
      await work.until(ended('succeeded'), 10_000);
    });

    it('is none, where only what is read of it has changed, or nothing', async () => {
      const asked = await leftAlone();
      const { not_before } = await status();
      await changed((settings) => ({ ...settings, mailboxes: [], in_flight: 2 }));
      await changed((settings) => settings);
      expect((await status()).not_before).to.equal(not_before);
      await hub.sync.check(tenant.tenantId, 'm365');
      expect(asked()).to.equal(0);
    });
  });

  describe('and tells of changes', () => {
    const secret = 'secret';
    async function subscribed() {
      await connect();
      expect((await sync()).status).to.equal('succeeded');
      const lease = await tenant.acquire(await id(), { trigger: 'manual' });
      const expiresAt = new Date(NOW.getTime() + DAY_MS);
      const subscription = { id: 's', stream: 'events' as const, partition: ROOM, expiresAt };
      await tenant.subscriptions.made(lease, subscription, { secret, address: 'https://hub.example' });
      await tenant.end(lease, { status: 'succeeded', failure: null, requests: 0, bytes: 0 });
      clock.advance(60_000);
    }
    /** @returns the instant for which a run was called, if one was */
    async function notified(): Promise<Date | undefined> {
      let called: Date | undefined;
      const notices = [{ subscription: 's', secret, kind: 'changed' as const }];
      await tenant.subscriptions.notified(await id(), notices, 2_000, async (_tx, from) => {
        called = from;
        await work.jobs.send('run', { ...order(), push: true }, { after: from });
      });
      return called;
    }

    it('is read at that instant, by one run for all that it told meanwhile, also without a schedule', async () => {
      await subscribed();
      await tenant.leaveAlone(await id(), new Date(clock.now().getTime() + WAIT_MS));
      const until = new Date((await status()).not_before!);
      const asked = source.requests().length;
      expect(await notified()).to.deep.equal(until);
      for (let n = 0; n < 20; n++) {
        clock.advance(10_000);
        expect(await notified(), 'it is called already').to.equal(undefined);
        await work.turn();
      }
      expect(source.requests()).to.have.length(asked);
      await work.until(async () => !(await tenant.subscriptions.pending(await id())), WAIT_MS);
      expect(clock.now().getTime() - until.getTime()).to.be.within(0, 10_000);
    });

    it('is read when it may be again, where the reading itself was told to wait', async () => {
      await subscribed();
      await notified();
      throttle('calendarView');
      await work.until(ended('failed'), 30_000);
      expect(work.waiting.map(({ after }) => after?.toISOString())).to.deep.equal([(await status()).not_before]);
      await work.until(async () => !(await tenant.subscriptions.pending(await id())), WAIT_MS + 10_000);
    });

    it('is called for anew where the wait it was called for has ended by another name', async () => {
      await subscribed();
      await tenant.leaveAlone(await id(), new Date(clock.now().getTime() + WAIT_MS));
      await notified();
      const [connection] = (await tenant.configuration.read())!.configuration.connections;
      const settings = { ...connection!.settings, client_secret: 'another' };
      await rewrite({ connections: [{ ...connection!, settings }] });
      expect((await notified())!.getTime()).to.be.below(clock.now().getTime() + 1);
    });
  });
});
