import { expect } from 'chai';
import graph from '../../../connectors/microsoft-graph/index.ts';
import type { GraphFault, GraphRequest, SandboxGraph } from '../../../src/sandbox/graph/index.ts';
import type { HubTenantStore, TenantConfiguration } from '../../../src/store/index.ts';
import { type TestHub, testHub } from '../../support/hub.ts';
import { HubAtWork, TICK_MS } from '../../support/hub-at-work.ts';
import { logOnOf } from '../../support/memory-source.ts';
import { runningClock } from '../../support/running-clock.ts';
import { completed, DAY, meeting, NOW, sandbox, series, settingsFor } from './support.ts';

const ROOMS = ['r0@acme.example', 'r1@acme.example', 'r2@acme.example'];
const guid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
/** Graph's clock is behind ours by so much: a date it names comes later than we would think. */
const BEHIND_MS = 90_000;
/** What is on its way already when a throttled answer is given arrives within this, on a busy machine too; … */
const UNDER_WAY_MS = 2_000;
/** … and is no more than this: four at a time is what the settings say. */
const MOST_UNDER_WAY = 3;

interface Place {
  readonly fault: Partial<GraphFault>;
  /** What is throttled: of this nothing is asked during a wait that is slept. */
  readonly about: RegExp;
  /** What the receipt of a run that ended there tells of people. */
  readonly read?: number;
  /** Not every wait. */
  readonly only?: readonly string[];
  /** A first pass is over, and the fault meets the next one. */
  readonly later?: true;
}

const places: Readonly<Record<string, Place>> = {
  'users, in the outer answer': { fault: { path: '/users/delta' }, about: /users\/delta/ },
  'spaces, in the outer answer': { fault: { path: 'graph.room?' }, about: /graph\.room\?/, read: 3 },
  'events, in the outer answer': { fault: { path: /r1%40.*calendarView\/delta/ }, about: /r1%40.*calendarView/ },
  'events, inside a batch of masters': {
    fault: { path: '/events/s1', where: 'inner' },
    about: /events\/s1/,
  },
  'events, inside a batch of calendars': {
    fault: { path: /r1%40.*calendarView\/delta/, where: 'inner' },
    about: /r1%40.*calendarView/,
    later: true,
  },
  'events, in the answer to a whole batch': { fault: { path: '$batch' }, about: /calendarView/, later: true },
  'busy times, in the outer answer': { fault: { path: 'getSchedule' }, about: /getSchedule/, read: 3 },
  // Short waits are not slept here, and without a word the next slot comes.
  'the sign-in': { fault: { path: '/token' }, about: /./, only: ['300 s', 'an HTTP date'] },
};

interface Wait {
  /** As the source says it at this instant of its clock. */
  readonly said: (theirs: Date) => { retryAfter?: number | Date };
  readonly ms: number;
  /** Too short to end the run. */
  readonly slept?: true;
}

const inTenMinutes = (theirs: Date) => new Date(Math.ceil(theirs.getTime() / 1_000) * 1_000 + 600_000);
const waits: Readonly<Record<string, Wait>> = {
  '1 s': { said: () => ({ retryAfter: 1 }), ms: 1_000, slept: true },
  '300 s': { said: () => ({ retryAfter: 300 }), ms: 300_000 },
  'an HTTP date': { said: (theirs) => ({ retryAfter: inTenMinutes(theirs) }), ms: 600_000 },
  'nothing it said': { said: () => ({}), ms: 30_000 },
};

/** Issue 3, "Must show" 6: by schedule, with every place that can be throttled and every way to say for how long. */
describe('microsoft-graph, throttled, through the hub', function () {
  this.timeout(60_000);
  const clock = runningClock(NOW);
  const theirs = { now: () => new Date(clock.now().getTime() - BEHIND_MS) };
  let hub: TestHub;
  let source: SandboxGraph;
  let tenant: HubTenantStore;
  let work: HubAtWork;

  before(async () => {
    hub = await testHub({ connectors: [graph], clock });
  });
  beforeEach(async () => {
    clock.set(NOW);
    source = await sandbox({ clock: theirs });
    for (const [n, emailAddress] of ROOMS.entries()) {
      source.putPlace({
        '@odata.type': '#microsoft.graph.room',
        id: guid(100 + n),
        displayName: `Room ${n}`,
        emailAddress,
      });
      source.putEvent(emailAddress, meeting(`e${n}`, '10'));
      // Began before the window, so that its master is asked for in a batch.
      source.putEvent(emailAddress, series(`s${n}`, ['2026-06-03', DAY]));
    }
    for (let n = 0; n < 3; n++)
      source.putUser({
        id: guid(n),
        mail: `p${n}@acme.example`,
        givenName: `New${n}`,
        surname: `Family${n}`,
        accountEnabled: true,
        userType: 'Member',
      });
    source.putEvent('p1@acme.example', meeting('busy', '12'));
    tenant = await configured();
    work = new HubAtWork(hub, tenant.tenantId);
  });
  afterEach(async () => {
    // Nobody's tick is to find it in a test that comes later.
    await tenant.connections.setPaused('m365', true);
    await source.stop();
  });

  async function configured(): Promise<HubTenantStore> {
    const made = await hub.tenant(
      (): Partial<TenantConfiguration> => ({
        users: { admit: 'first-logon', sources: ['m365'], leaver_grace_ms: 7 * 86_400_000, domains: [] },
        features: ['people-directory', 'room-booking', 'hybrid-meetings'],
        connections: [
          {
            name: 'm365',
            connector: 'microsoft-graph',
            settings: completed({ ...settingsFor(source), mailboxes: ROOMS }),
            streams: {},
            schedule: '0 * * * *',
            paused: false,
          },
        ],
      }),
    );
    for (const n of [0, 1]) {
      const { user } = await made.users.logOn(logOnOf(n));
      await made.users.optIn(user.id, 'hybrid-meetings', { text_version: '1', locale: 'nl' });
    }
    return made;
  }

  /** What is known, by names that do not differ from tenant to tenant. */
  async function known(of: HubTenantStore) {
    const everything = { after: undefined, limit: 1_000 };
    const users = (await of.users.list(everything)).items;
    const spaces = (await of.spaces.list(everything)).items;
    const events = (await of.events.list({ ...everything, spaces: undefined, from: undefined, to: undefined })).items;
    const busy = [];
    for (const { id, fields } of users)
      for (const one of (await of.userCalendars.list({ ...everything, user: id, from: undefined, to: undefined }))
        .items)
        busy.push(`${fields.email} ${one.starts_at}`);
    const roomOf = new Map(spaces.map(({ id, key }) => [id, key]));
    return {
      users: users.map(({ fields }) => JSON.stringify(fields)).sort(),
      spaces: spaces.map(({ key }) => key).sort(),
      events: events.map(({ key, space, starts_at }) => `${key} ${roomOf.get(space!)} ${starts_at}`).sort(),
      busy: busy.sort(),
    };
  }
  const runs = async () => (await tenant.runs.list({ connection: 'm365', limit: 10 })).items;
  const ended = (status: string) => async () => (await runs())[0]?.status === status;
  const status = () => tenant.connections.get('m365');

  /** The truth: what a tenant knows that nobody kept waiting. */
  async function withoutWait() {
    const other = await configured();
    await hub.sync.run({ tenantId: other.tenantId, connection: 'm365', trigger: 'manual' });
    await other.connections.setPaused('m365', true);
    return known(other);
  }

  for (const [where, { fault, about, later, read, only = Object.keys(waits) }] of Object.entries(places))
    for (const what of only) {
      const { said, ms, slept } = waits[what]!;
      it(`for ${what} at ${where}, asks nothing too early and loses nothing`, async () => {
        if (later) {
          await work.until(ended('succeeded'), 60_000);
          for (const [n, room] of ROOMS.entries()) source.putEvent(room, meeting(`later-${n}`, '15'));
          clock.set(new Date('2026-12-01T10:00:01Z'));
        }
        const before = source.requests().length;
        const runsBefore = (await runs()).length;
        source.fault({ status: 429, ...fault, ...said(theirs.now()) });
        const throttled = (): GraphRequest => source.requests().find((one) => one.status === 429)!;

        if (!slept) {
          await work.until(ended('failed'), 60_000);
          const { not_before, next_due_at } = await status();
          const named = throttled().at.getTime() + BEHIND_MS + ms;
          expect(Date.parse(not_before!) - named, 'until when it waits').to.be.within(0, 2_000);
          expect(next_due_at).to.equal(not_before);
          const shown = new Date(Math.ceil(Date.parse(not_before!) / 1_000) * 1_000).toISOString();
          const [receipt] = await runs();
          expect(receipt!.error).to.include(
            `asked of the source before ${shown.slice(0, 10)} ${shown.slice(11, 19)} UTC`,
          );
          expect((await tenant.connections.sources()).map((one) => one.not_before)).to.include(not_before);
          if (read !== undefined) expect(receipt!.streams.users?.read, 'what was read till then').to.equal(read);
        }
        await work.until(async () => (await runs()).length > runsBefore && (await ended('succeeded')()), ms + 60_000);

        const first = throttled();
        const after = source
          .requests()
          .slice(before)
          .filter((one) => one !== first && one.at >= first.at);
        const sinceFirst = ({ at }: GraphRequest) => at.getTime() - first.at.getTime();
        const tooEarly = after.filter((one) =>
          slept
            ? about.test(one.url) && sinceFirst(one) < ms && one.url === first.url
            : sinceFirst(one) > UNDER_WAY_MS && sinceFirst(one) < ms,
        );
        const underWay = after.filter((one) => !one.batched && sinceFirst(one) <= UNDER_WAY_MS);
        if (!slept) expect(underWay.length).to.be.at.most(MOST_UNDER_WAY);
        expect(tooEarly.map(({ url, at }) => `${at.toISOString()} ${url}`)).to.deep.equal([]);
        const again = after.find((one) => sinceFirst(one) >= ms)!;
        expect(sinceFirst(again), 'goes on at that instant').to.be.below(ms + 2 * TICK_MS);
        expect((await runs()).map((one) => one.status).slice(0, slept ? 1 : 2)).to.deep.equal(
          slept ? ['succeeded'] : ['succeeded', 'failed'],
        );
        expect(await runs()).to.have.length(runsBefore + (slept ? 1 : 2));
        expect((await status()).not_before).to.equal(null);
        const truth = await withoutWait();
        expect(Object.values(truth).map((rows) => rows.length)).to.deep.equal([2, 3, later ? 9 : 6, 1]);
        expect(await known(tenant)).to.deep.equal(truth);
      });
    }
});
