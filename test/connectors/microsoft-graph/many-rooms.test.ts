import { expect } from 'chai';
import graph from '../../../connectors/microsoft-graph/index.ts';
import type { SandboxGraph } from '../../../src/sandbox/graph/index.ts';
import type { HubTenantStore } from '../../../src/store/index.ts';
import { type TestHub, testClock, testHub } from '../../support/hub.ts';
import { completed, DAY, meeting, NOW, sandbox, series, settingsFor } from './support.ts';

const ROOMS = Array.from({ length: 20 }, (_, n) => `room-${n}@acme.example`);
const IN_FLIGHT = 4;

/**
 * Whatever the calendars: for the sign-in the authority's addresses and a token; of the people one round of delta; of the
 * places each of six kinds, as there is no delta of them.
 */
const OTHERS = { 'sign-in': 2, people: 1, places: 6 };

/** What a run asks of Graph, by what it asks for. */
const KINDS: Readonly<Record<string, RegExp>> = {
  calendars: /\/users\/[^/]+\/calendarView/,
  batches: /\/\$batch/,
  people: /\/users\/delta/,
  places: /\/places\//,
  'sign-in': /\/oauth2\/|openid-configuration/,
};

describe('the calendars of many rooms in Microsoft 365', function () {
  this.timeout(60_000);
  const clock = testClock(NOW);
  let source: SandboxGraph;
  let hub: TestHub;
  let tenant: HubTenantStore;

  before(async () => {
    hub = await testHub({ connectors: [graph], clock });
  });
  afterEach(() => source.stop());

  async function connected(settings: Record<string, unknown>) {
    clock.set(NOW);
    source = await sandbox({ clock });
    for (const [n, emailAddress] of ROOMS.entries()) {
      const id = `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
      source.putPlace({ '@odata.type': '#microsoft.graph.room', id, displayName: `Room ${n}`, emailAddress });
      source.putEvent(emailAddress, meeting(`single-${n}`, '10'));
      source.putEvent(emailAddress, series(`series-${n}`, ['2026-11-24', '2026-12-01', '2026-12-08', '2026-12-15']));
    }
    tenant = await hub.tenant(() => ({
      features: ['room-booking'],
      connections: [
        {
          name: 'm365',
          connector: 'microsoft-graph',
          settings: { ...completed({ ...settingsFor(source), mailboxes: ROOMS, in_flight: IN_FLIGHT, ...settings }) },
          streams: {},
          paused: false,
        },
      ],
    }));
  }
  /** A run, and its requests by kind; those inside a batch are the batch's. */
  async function run() {
    clock.advance(60_000);
    const before = source.requests().length;
    const receipt = await hub.sync.run({ tenantId: tenant.tenantId, connection: 'm365', trigger: 'manual' });
    expect(receipt.status, receipt.error).to.equal('succeeded');
    const sent = source.requests().slice(before);
    const asked: Record<string, number> = {};
    for (const { url } of sent.filter(({ batched }) => !batched)) {
      const kind = Object.keys(KINDS).find((one) => KINDS[one]!.test(url)) ?? url;
      asked[kind] = (asked[kind] ?? 0) + 1;
    }
    expect(receipt.requests, 'the receipt knows them all').to.equal(Object.values(asked).reduce((a, b) => a + b, 0));
    return { asked, receipt };
  }
  const keys = async () => {
    const all = { spaces: undefined, from: undefined, to: undefined, after: undefined, limit: 1000 };
    return (await tenant.events.list(all)).items.map(({ key }) => key).sort();
  };

  it('cost one request in twenty when nothing has changed, besides one for the people, two for the sign-in and six for the places', async () => {
    await connected({});
    // Of a series that began before the window the master is asked for, in a batch.
    expect((await run()).asked).to.deep.include({ calendars: ROOMS.length, batches: ROOMS.length });
    const { asked, receipt } = await run();
    expect(receipt.streams.events).to.deep.include({
      mode: 'incremental',
      read: 0,
      created: 0,
      updated: 0,
      removed: 0,
    });
    expect(asked).to.deep.equal({ batches: 1, ...OTHERS });
  });

  it('cost one request more where a series has changed', async () => {
    await connected({});
    await run();
    source.putEvent(ROOMS[3]!, meeting('single-3', '11'));
    source.putEvent(ROOMS[4]!, { ...meeting('moved', '16'), type: 'exception', seriesMasterId: 'series-4' });
    const { asked, receipt } = await run();
    expect(asked).to.deep.equal({ batches: 2, ...OTHERS });
    expect(receipt.streams.events).to.include({ created: 1, updated: 1, removed: 0 });
  });

  it('keep what is told of the others when one is throttled for longer than can be sat out', async () => {
    await connected({});
    await run();
    for (const [n, room] of ROOMS.entries()) source.putEvent(room, meeting(`later-${n}`, '12'));
    source.fault({ status: 429, retryAfter: 300, where: 'inner', path: '/room-0%40' });
    clock.advance(60_000);
    const receipt = await hub.sync.run({ tenantId: tenant.tenantId, connection: 'm365', trigger: 'manual' });
    expect(receipt.status).to.equal('failed');
    expect(receipt.error).to.match(/Microsoft Graph is busy/);
    const kept = (await keys()).filter((key) => key.startsWith('later-'));
    expect(kept).to.have.members(ROOMS.slice(1).map((_, n) => `later-${n + 1}`));
    clock.advance(300_000);
    expect((await run()).receipt.streams.events).to.include({ created: 1 });
    expect(await keys()).to.include('later-0');
  });

  it('are asked for so many at a time as in_flight says, each by itself', async () => {
    await connected({});
    source.oddities({ latency_ms: 100 });
    const began = performance.now();
    await run();
    const took = performance.now() - began;
    // One after the other the rounds and the masters alone would take 40 times as long as one.
    expect(took).to.be.below(40 * 100);
    expect(source.requests().filter(({ status }) => status === 429)).to.deep.equal([]);
  });

  describe('as windows', () => {
    it('cost one request each, always, and tell what is gone by not telling it', async () => {
      await connected({ reading: 'window' });
      expect((await run()).asked).to.deep.include({ calendars: ROOMS.length });
      const { asked, receipt } = await run();
      expect(receipt.streams.events).to.deep.include({ mode: 'full', read: 80, unchanged: 80, created: 0, removed: 0 });
      expect(asked).to.deep.equal({ calendars: ROOMS.length, ...OTHERS });
      source.removeEvent(ROOMS[0]!, 'single-0');
      expect((await run()).receipt.streams.events).to.include({ removed: 1, held: 0, unchanged: 79 });
      expect(await keys()).to.not.include('single-0');
    });

    it('let series move as wholes without asking anybody', async () => {
      await connected({ reading: 'window' });
      await run();
      for (const [n, room] of ROOMS.entries())
        source.putEvent(room, series(`series-${n}`, ['2026-12-04', '2026-12-11'], { id: `series-${n}` }));
      const { receipt } = await run();
      expect(receipt.streams.events).to.include({ created: 40, removed: 60, held: 0 });
    });

    it('hold the same as their changes, day after day', async () => {
      await connected({ reading: 'window' });
      await run();
      const window = await keys();
      const live = (await tenant.configuration.read())!;
      const [connection] = live.configuration.connections;
      const connections = [{ ...connection!, settings: { ...connection!.settings, reading: 'changes' } }];
      await tenant.configuration.write(
        { ...live.configuration, connections },
        { expected: live.version, resume: true },
      );
      const { receipt } = await run();
      expect(receipt.streams.events).to.include({ mode: 'full', unchanged: 80, created: 0, updated: 0, removed: 0 });
      expect(await keys()).to.deep.equal(window);
      expect(window).to.include.members(['single-0', `series-0-${DAY.slice(0, 8)}08`]);
    });
  });
});
