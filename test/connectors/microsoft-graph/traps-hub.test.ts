import { expect } from 'chai';
import graph from '../../../connectors/microsoft-graph/index.ts';
import type { SandboxGraph } from '../../../src/sandbox/graph/index.ts';
import type { HubTenantStore } from '../../../src/store/index.ts';
import { type TestHub, testClock, testHub } from '../../support/hub.ts';
import { logOnOf } from '../../support/memory-source.ts';
import { DAY, meeting, NOW, person, putRoom, ROOM, sandbox, series, withOneRoom } from './support.ts';

const all = { after: undefined, limit: 100 };

/** What only the connector and the hub together can get wrong. */
describe('microsoft-graph traps, through the hub', function () {
  this.timeout(60_000);
  const clock = testClock(NOW);
  let hub: TestHub;
  let source: SandboxGraph;
  let tenant: HubTenantStore;
  before(async () => {
    hub = await testHub({ connectors: [graph], clock });
  });
  beforeEach(async () => {
    clock.set(NOW);
    source = await sandbox({ clock });
    putRoom(source);
    for (let n = 0; n < 4; n++) source.putUser(person(n));
    tenant = await hub.tenant(() => withOneRoom(source, ['room-booking']));
    for (const n of [1, 2, 3]) await tenant.users.logOn(logOnOf(n));
  });
  afterEach(() => source.stop());

  async function run() {
    clock.advance(60_000);
    const receipt = await hub.sync.run({ tenantId: tenant.tenantId, connection: 'm365', trigger: 'manual' });
    expect(receipt.status, receipt.error).to.equal('succeeded');
    return receipt.streams;
  }
  async function switchOn(feature: 'people-directory') {
    const { configuration, version } = (await tenant.configuration.read())!;
    const features = [...configuration.features, feature];
    await tenant.configuration.write({ ...configuration, features }, { expected: version, resume: true });
  }
  const fieldsOf = async (n: number) => (await tenant.users.findByEmail(`p${n}@acme.example`))?.fields;
  const events = async () =>
    (await tenant.events.list({ spaces: undefined, from: undefined, to: undefined, ...all })).items;

  it('has what is selected in the token, so that a feature switched on later is read from the beginning', async () => {
    await run();
    expect(await fieldsOf(1)).to.not.have.property('job_title');
    await switchOn('people-directory');
    expect((await run()).users).to.include({ mode: 'full', removed: 0 });
    expect(await fieldsOf(1)).to.include({ job_title: 'Title 1', department: 'Tests' });
    source.putUser(person(1, { jobTitle: 'Changed' }));
    expect((await run()).users).to.include({ mode: 'incremental', updated: 1 });
    expect(await fieldsOf(1)).to.include({ job_title: 'Changed', department: 'Tests' });
  });

  it('keeps what a change does not name and empties what it names as null, though no more is told than what changed', async () => {
    await switchOn('people-directory');
    await run();
    source.oddities({ sparse: true });
    source.putUser(person(1, { department: null }));
    expect((await run()).users).to.include({ mode: 'incremental', updated: 1 });
    expect(await fieldsOf(1)).to.include({ job_title: 'Title 1', family_name: 'Family1' });
    expect(await fieldsOf(1)).to.not.have.property('department');
  });

  it('starts over by itself when nothing was read for longer than the seven days that a token lives', async () => {
    source.putEvent(ROOM, meeting('e', '10'));
    await run();
    clock.advance(6 * 86_400_000);
    expect((await run()).users).to.include({ mode: 'incremental' });
    clock.advance(7 * 86_400_000 + 1);
    source.putUser(person(1, { surname: 'New' }));
    expect((await run()).users).to.include({ mode: 'full', updated: 1, removed: 0 });
  });

  it('counts no removal for what it never knew: events outside the window come as removed', async () => {
    source.putEvent(ROOM, meeting('e', '10'));
    await run();
    const far = (day: string) => ({ dateTime: `2028-${day}T10:00:00`, timeZone: 'UTC' });
    for (let n = 0; n < 30; n++)
      source.putEvent(ROOM, meeting(`far-${n}`, '10', { start: far('01-01'), end: far('01-02') }));
    source.putEvent(ROOM, series('old', ['2026-06-03', '2026-06-10']));
    expect((await run()).events).to.include({ mode: 'incremental', gone: 31, removed: 0, held: 0 });
    expect((await events()).map(({ key }) => key)).to.deep.equal(['e']);
  });

  it('takes a room for taken where how it is taken is told by a word that nobody knows', async () => {
    for (const showAs of ['somethingNew', 'unknown', 'Busy', 'oof', 'free', 'workingElsewhere', 'tentative'])
      source.putEvent(ROOM, meeting(showAs, '10', { showAs }));
    source.putEvent(ROOM, meeting('answered', '11', { responseStatus: { response: 'somethingNew' } }));
    await run();
    expect(Object.fromEntries((await events()).map(({ key, show_as }) => [key, show_as]))).to.deep.equal({
      somethingNew: 'busy',
      unknown: 'busy',
      Busy: 'busy',
      oof: 'busy',
      free: 'free',
      workingElsewhere: 'busy',
      tentative: 'tentative',
      answered: 'busy',
    });
  });

  it('reads with what Exchange alone grants, for the rooms alone', async () => {
    source.grant(['User.Read.All', 'Place.Read.All']);
    source.grantInExchange([ROOM]);
    source.putEvent(ROOM, meeting('e', '10', { body: { content: 'M4RKER' } }));
    source.putEvent(ROOM, series('s', ['2026-06-03', DAY]));
    await run();
    expect((await events()).map(({ key }) => key).sort()).to.deep.equal(['e', `s-${DAY}`]);
  });
});
