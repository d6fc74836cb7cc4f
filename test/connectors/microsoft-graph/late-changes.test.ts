import { expect } from 'chai';
import graph from '../../../connectors/microsoft-graph/index.ts';
import type { SandboxGraph } from '../../../src/sandbox/graph/index.ts';
import type { HubTenantStore } from '../../../src/store/index.ts';
import { lookUp } from '../../../src/sync/lookup.ts';
import { type TestHub, testClock, testHub } from '../../support/hub.ts';
import { logOnOf } from '../../support/memory-source.ts';
import { DAY, guid, meeting, NOW, person, putRoom, ROOM, sandbox, series, tenantId, withOneRoom } from './support.ts';

const all = { after: undefined, limit: 100 };

/** Graph's replicas are behind: what happened may be told by no round, not even a first one, until some later one. */
describe('microsoft-graph changes that are told late', function () {
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
    for (let n = 0; n < 6; n++) source.putUser(person(n));
    tenant = await hub.tenant(() => withOneRoom(source, ['people-directory', 'room-booking']));
  });
  afterEach(() => source.stop());

  async function run(mode?: 'full') {
    clock.advance(60_000);
    const order = { tenantId: tenant.tenantId, connection: 'm365', trigger: 'manual' as const, ...(mode && { mode }) };
    const receipt = await hub.sync.run(order);
    expect(receipt.status, receipt.error).to.equal('succeeded');
    return receipt.streams;
  }
  const titles = async () =>
    Object.fromEntries((await tenant.users.list(all)).items.map(({ fields }) => [fields.email, fields.job_title]));
  const taken = async () =>
    (await tenant.events.list({ spaces: undefined, from: undefined, to: undefined, ...all })).items
      .map(({ key, starts_at }) => `${key} ${starts_at.slice(5, 13)}`)
      .sort();

  it('are neither lost nor taken for removals, though others overtake them and a full pass does not show them', async () => {
    for (const n of [1, 2, 3]) await tenant.users.logOn(logOnOf(n));
    source.putEvent(ROOM, meeting('moved', '08'));
    source.putEvent(ROOM, meeting('removed', '09'));
    source.putEvent(ROOM, series('series', [DAY, '2026-12-09']));
    await run();
    const before = [await titles(), await taken()];
    source.oddities({ late: [guid(1), guid(2), 'moved', 'removed', 'series', 'new'] });
    source.putUser(person(1, { jobTitle: 'Late' }));
    source.removeUser(guid(2), 'deleted');
    source.putEvent(ROOM, meeting('moved', '15'));
    source.removeEvent(ROOM, 'removed');
    source.putEvent(ROOM, series('series', ['2026-12-09']));
    source.putEvent(ROOM, meeting('new', '11'));
    expect(await run()).to.have.nested.include({ 'users.read': 0, 'events.read': 0 });
    expect([await titles(), await taken()]).to.deep.equal(before);

    source.putUser(person(3, { jobTitle: 'Made later, told earlier' }));
    source.putEvent(ROOM, meeting('overtaking', '12'));
    expect(await run()).to.have.nested.include({ 'users.updated': 1, 'events.created': 1 });
    for (const { removed, gone } of Object.values(await run('full'))) expect([removed, gone]).to.deep.equal([0, 0]);
    const known = ['moved 12-02T08', 'overtaking 12-02T12', 'removed 12-02T09'];
    expect(await taken()).to.deep.equal([...known, 'series-2026-12-02 12-02T14', 'series-2026-12-09 12-09T14']);
    expect((await titles())['p1@acme.example']).to.equal('Title 1');

    source.oddities({ late: [] });
    expect(await run()).to.have.nested.include({ 'users.mode': 'incremental', 'users.gone': 1 });
    expect(await titles()).to.include({ 'p1@acme.example': 'Late', 'p3@acme.example': 'Made later, told earlier' });
    const now = ['moved 12-02T15', 'new 12-02T11', 'overtaking 12-02T12', 'series-2026-12-09 12-09T14'];
    expect(await taken()).to.deep.equal(now);
    expect(await run()).to.have.nested.include({ 'users.read': 0, 'events.read': 0 });
  });

  it('leave a newcomer who was looked up as known, and bring back under the same id whom a full pass missed', async () => {
    await tenant.users.logOn(logOnOf(1));
    await run();
    source.oddities({ late: [guid(7)] });
    source.putUser(person(7));
    const logOn = () => tenant.users.logOn({ ...logOnOf(7), directory_id: `entra:${tenantId}:${guid(7)}` });
    const { user } = await logOn();
    const now = async () => {
      const { status, fields } = (await tenant.users.get(user.id))!;
      return [status, fields.job_title];
    };
    await lookUp(hub.runDeps, tenant, [user.id]);
    expect(await now()).to.deep.equal(['active', 'Title 7']);
    await run();
    expect(await now(), 'changes say nothing of them').to.deep.equal(['active', 'Title 7']);
    // What a full pass does not tell is gone; nothing distinguishes who left from who is not yet told of. The days that a
    // leaver is kept are by far longer than any delay.
    await run('full');
    expect(await now()).to.deep.equal(['left', undefined]);
    expect((await logOn()).user.id, 'who logs on meanwhile is the same').to.equal(user.id);
    await lookUp(hub.runDeps, tenant, [user.id]);
    expect(await now()).to.deep.equal(['active', 'Title 7']);
    source.oddities({ late: [] });
    source.putUser(person(7, { jobTitle: 'Told at last' }));
    await run();
    expect(await now()).to.deep.equal(['active', 'Told at last']);
  });
});
