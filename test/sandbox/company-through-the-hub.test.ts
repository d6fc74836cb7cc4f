import { expect } from 'chai';
import graph from '../../connectors/microsoft-graph/index.ts';
import { employeesWhoLogOn } from '../../src/sandbox/company.ts';
import { type SandboxDirectory, startSandboxDirectory } from '../../src/sandbox/directory.ts';
import { type SandboxMicrosoft365, startSandboxMicrosoft365 } from '../../src/sandbox/microsoft365/index.ts';
import { rooms } from '../../src/sandbox/microsoft365/places.ts';
import type { HubTenantStore } from '../../src/store/index.ts';
import { completed } from '../connectors/microsoft-graph/support.ts';
import { certificates } from '../support/certificates.ts';
import { GraphCalendars, Timeline } from '../support/graph-calendars.ts';
import { type TestHub, testClock, testHub } from '../support/hub.ts';

const SEED = 13;
const NOW = new Date('2026-11-25T09:15:00Z');
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** What the demo shows, hours and days of it within seconds: the hub must hold what the calendars hold. */
describe('the sandbox’s Microsoft 365, through the hub', function () {
  this.timeout(120_000);
  const clock = testClock(NOW);
  let hub: TestHub;
  let tenant: HubTenantStore;
  let directory: SandboxDirectory;
  let office: SandboxMicrosoft365;
  const start = (port?: number) =>
    startSandboxMicrosoft365({
      ...{ seed: SEED, directory, clientSecret: 'the~secret', certificate: certificates.valid, clock },
      ...(port === undefined ? {} : { port }),
    });
  const run = async () => {
    clock.advance(MINUTE_MS);
    return hub.sync.run({ tenantId: tenant.tenantId, connection: 'm365', trigger: 'manual' });
  };

  before(async () => {
    hub = await testHub({ connectors: [graph], clock });
    directory = await startSandboxDirectory({ seed: SEED, password: 'x', clock });
    office = await start();
    const { tenantId: tenant_id, clientId: client_id, clientSecret: client_secret, url, mailboxes } = office;
    const given = { tenant_id, client_id, client_secret, graph_url: url, login_url: url, mailboxes };
    tenant = await hub.tenant(() => ({
      features: ['people-directory', 'room-booking'],
      users: { admit: 'first-logon', sources: ['m365'], leaver_grace_ms: 7 * DAY_MS, domains: [] },
      connections: [
        {
          name: 'm365',
          connector: 'microsoft-graph',
          settings: completed({ ...given, ca: certificates.authority, window: { back: '1d', ahead: '14d' } }),
          // As in the sandbox tenant's configuration.
          streams: { events: { removals: { percent: 40, more_than: 50 } } },
          paused: false,
        },
      ],
    }));
    for (const one of employeesWhoLogOn({ seed: SEED })) await tenant.users.logOn(one);
  });
  after(() => Promise.all([directory.stop(), office.stop()]));

  async function expectTheTruth(): Promise<void> {
    const today = Math.floor(clock.now().getTime() / DAY_MS) * DAY_MS;
    const [from, to] = [new Date(today - DAY_MS), new Date(today + 15 * DAY_MS)];
    const source = await GraphCalendars.signIn({ ...office, ca: certificates.authority });
    const spaces = (await tenant.spaces.list({ after: undefined, limit: 1_000 })).items;
    for (const room of rooms) {
      const space = spaces.find(({ key }) => key === room.place.id)!.id;
      const [answer] = await tenant.events.availability({ spaces: [space], from, to, ignore: [], atLeastMs: 0 });
      expect(answer!.status, room.name).to.equal('known');
      const [truth, told] = [new Timeline(from, to), new Timeline(from, to)];
      truth.takeEvents(await source.events(room.address, from, to), 'Europe/Amsterdam');
      for (const { from, to, tentative } of answer!.busy)
        told.take(Date.parse(String(from)), Date.parse(String(to)), tentative ? 'tentative' : 'busy');
      expect(told.ticks, room.name).to.deep.equal(truth.ticks);
    }
  }

  it('holds the calendars as they are, while they change, over a night, and when the sandbox starts again', async () => {
    expect((await run()).status).to.equal('succeeded');
    await expectTheTruth();
    for (let round = 0; round < 6; round++) {
      for (let n = 0; n < 40; n++) office.change();
      // Over midnight, once: the window moves, and a new day's meetings come.
      if (round === 3) clock.advance(16 * 3_600_000);
      const receipt = await run();
      expect([receipt.status, receipt.streams.events!.held]).to.deep.equal(['succeeded', 0]);
      await expectTheTruth();
    }
    const before = await tenant.users.list({ after: undefined, limit: 100 });
    const port = Number(new URL(office.url).port);
    await office.stop();
    office = await start(port);
    const anew = await run();
    expect([anew.status, anew.streams.events!.mode, anew.streams.events!.held]).to.deep.equal(['succeeded', 'full', 0]);
    await expectTheTruth();
    const ids = (page: typeof before) => page.items.map(({ id }) => id);
    expect(ids(await tenant.users.list({ after: undefined, limit: 100 }))).to.deep.equal(ids(before));
  });
});
