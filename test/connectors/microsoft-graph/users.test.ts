import { expect } from 'chai';
import graph from '../../../connectors/microsoft-graph/index.ts';
import {
  type LookupContext,
  NeedsAttention,
  type SettingsShape,
  StartOver,
  streamOf,
} from '../../../src/contract/index.ts';
import type { SandboxGraph } from '../../../src/sandbox/graph/index.ts';
import { all, failureOf } from '../../support/failure.ts';
import { webSource } from '../../support/web-source.ts';
import { contextFor, goneFrom, read, sandbox, stateOf, told } from './support.ts';

const guid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const person = (n: number, more: Record<string, string | boolean | null> = {}) => ({
  id: guid(n),
  mail: `person${n}@acme.example`,
  givenName: `Given${n}`,
  surname: `Family${n}`,
  accountEnabled: true,
  userType: 'Member',
  birthday: 'M4RKER',
  ...more,
});

const disposable = async (starting: Promise<SandboxGraph>) => {
  const source = await starting;
  return { source, [Symbol.asyncDispose]: () => source.stop() };
};

describe('microsoft-graph users', () => {
  let source: SandboxGraph;
  beforeEach(async () => {
    source = await sandbox({ pageSize: 2 });
    for (const n of [1, 2, 3, 4, 5]) source.putUser(person(n));
  });
  afterEach(() => source.stop());

  const deltas = () => source.requests().filter(({ url }) => url.startsWith('/v1.0/users/delta'));
  const lookup = (people: LookupContext<SettingsShape>['people']) =>
    all(streamOf(graph, 'users')!.lookup!({ ...contextFor(source, 'users'), people }));
  async function startsOver(state: object) {
    try {
      await read(source, 'users', { state: state as never });
    } catch (error) {
      return error instanceof StartOver;
    }
    return false;
  }

  it('are selected by what is declared, in the first request of a round and in no other', async () => {
    await read(source, 'users', { fields: ['id', 'mail', 'surname'] });
    const [first, ...others] = deltas().map(({ url }) => new URL(url, source.graphUrl).searchParams);
    expect([...first!.entries()]).to.deep.equal([['$select', 'id,mail,surname']]);
    expect(others).to.have.length(2);
    for (const query of others) expect([...query.keys()]).to.deep.equal(['$skiptoken']);
  });

  it('are read through pages that are empty and still have a next link', async () => {
    source.oddities({ emptyPages: true });
    expect(told(await read(source, 'users'))).to.have.length(5);
    expect(deltas().length).to.be.greaterThan(4);
  });

  it('are gone for both reasons of @removed, in the first round too', async () => {
    source.removeUser(guid(1), 'changed');
    source.removeUser(guid(2), 'deleted');
    const first = await read(source, 'users');
    expect(goneFrom(first).sort()).to.deep.equal([guid(1), guid(2)]);
    source.removeUser(guid(3), 'changed');
    source.removeUser(guid(4), 'deleted');
    expect(goneFrom(await read(source, 'users', { state: stateOf(first) })).sort()).to.deep.equal([guid(3), guid(4)]);
  });

  it('come back, restored, as ordinary users', async () => {
    const first = await read(source, 'users');
    source.removeUser(guid(1), 'changed');
    const second = await read(source, 'users', { state: stateOf(first) });
    source.putUser(person(1));
    const third = await read(source, 'users', { state: stateOf(second) });
    expect(goneFrom(third)).to.deep.equal([]);
    expect(told(third)).to.have.length(1);
    expect(told(third)[0]).to.deep.include({ id: guid(1), givenName: 'Given1' });
  });

  it('are told whole at first, and then as changes in which absent is not null', async () => {
    source.putUser(person(1, { jobTitle: 'Clerk' }));
    const first = await read(source, 'users');
    expect(first.filter(({ item }) => item === 'partial')).to.deep.equal([]);
    source.putUser(person(1, { jobTitle: null, surname: 'New' }));
    const [change, ...rest] = (await read(source, 'users', { state: stateOf(first) })).filter(
      ({ item }) => item !== 'page',
    );
    expect(rest.map(({ item }) => item)).to.deep.equal(['complete']);
    expect(change).to.have.property('item', 'partial');
    const [user] = told([change!]);
    expect(user).to.deep.include({ surname: 'New', jobTitle: null });
    expect(user, 'never set, so not told').not.to.have.property('department');
  });

  it('are asked for whole when a change does not say what decides about them', async () => {
    const { userType: _, ...old } = person(6);
    source.putUser(old);
    const first = await read(source, 'users');
    source.putUser({ ...old, surname: 'New' });
    const items = await read(source, 'users', { state: stateOf(first) });
    expect(items.map(({ item }) => item)).to.deep.equal(['records', 'complete']);
    expect(told(items)[0]).to.deep.include({ id: guid(6), surname: 'New', accountEnabled: true });
    expect(decodeURIComponent(source.requests().at(-1)!.url)).to.include(`$filter=id eq '${guid(6)}'`);
  });

  it('are asked for whole when a change does not say what the scope of the tenant compares', async () => {
    const first = await read(source, 'users');
    source.putUser(person(1, { surname: 'New' }));
    const scope = { equals: { companyName: 'Acme' } };
    const items = await read(source, 'users', { state: stateOf(first), scope });
    expect(items.map(({ item }) => item)).to.deep.equal(['records', 'complete']);
  });

  it('are asked for nothing that is kept outside the directory: its changes would never be told', async () => {
    // Microsoft's pages (delta-query-overview, resources/user): SharePoint's, Exchange's, and what is no property but a link.
    const outside =
      `aboutMe birthday hireDate interests mailboxSettings mySite pastProjects preferredName responsibilities
      schools skills photo manager directReports memberOf`.split(/\s+/);
    await read(source, 'users', { settings: { on_premises_directory: 'people' } });
    const selected = new URL(deltas()[0]!.url, source.graphUrl).searchParams.get('$select')!.split(',');
    expect(selected).to.include('jobTitle').and.have.length.above(8);
    expect(selected.filter((one) => outside.includes(one))).to.deep.equal([]);
  });

  it('are asked for whole when no more of a change is told than what has changed', async () => {
    const first = await read(source, 'users');
    source.oddities({ sparse: true });
    source.putUser(person(1, { surname: 'New' }));
    const items = await read(source, 'users', { state: stateOf(first) });
    expect(items.map(({ item }) => item)).to.deep.equal(['records', 'complete']);
    expect(told(items)[0]).to.deep.include({ id: guid(1), givenName: 'Given1', surname: 'New', accountEnabled: true });
  });

  it('that changed and cannot be found any more are counted, because their change is not told again', async () => {
    const first = await read(source, 'users');
    source.oddities({ sparse: true });
    source.putUser(person(1, { surname: 'New' }));
    source.putUser(person(2, { surname: 'New' }));
    // The list of users knows already, and their delta does not.
    source.oddities({ late: [guid(1)] });
    source.removeUser(guid(1), 'deleted');
    const items = await read(source, 'users', { state: stateOf(first) });
    expect(items.filter(({ item }) => item === 'skip')).to.deep.equal([{ item: 'skip', key: guid(1) }]);
    expect(told(items).map(({ id }) => id)).to.deep.equal([guid(2)]);
    source.oddities({ late: [] });
    expect(goneFrom(await read(source, 'users', { state: stateOf(items) }))).to.deep.equal([guid(1)]);
  });

  it('of a tenant in which no changes are told cannot be read, and it is said which tenants those are', async () => {
    for (const status of [400, 404, 405, 501]) {
      source.fault({ status, path: '/users/delta', code: 'somethingElse' });
      const error = await failureOf(read(source, 'users'));
      expect(error).to.be.instanceOf(NeedsAttention);
      expect(error.message)
        .to.match(/no changes.*B2C.*external tenants.*tenant_id/)
        .and.include(`(${status})`);
    }
    const state = stateOf(await read(source, 'users'));
    source.fault({ status: 400, path: '/users/delta', code: 'somethingElse' });
    const later = await failureOf(read(source, 'users', { state }));
    expect(later.message, 'one that has told changes').to.match(/refuses to tell the users.*sluice check/);
  });

  it('may come twice in a round, and a round may be told again: the last word on each is the present one', async () => {
    const first = await read(source, 'users');
    source.putUser(person(1, { surname: 'Second' }));
    source.putUser(person(1, { surname: 'Third' }));
    source.oddities({ duplicates: true, replays: true });
    const second = await read(source, 'users', { state: stateOf(first) });
    const ones = told(second).filter(({ id }) => id === guid(1));
    expect(ones.length).to.be.greaterThan(1);
    expect(ones.at(-1)).to.deep.include({ surname: 'Third' });
    // In a first round only the first telling of somebody may pass for all there is to know.
    const again = await read(source, 'users');
    const whole = again.flatMap((item) => (item.item === 'records' ? item.records : []));
    expect(new Set(whole.map(({ id }) => id)).size).to.equal(whole.length);
    expect(told(again).findLast(({ id }) => id === guid(1))).to.deep.include({ surname: 'Third' });
  });

  it('told twice on one page of a first round are told in that order', async () => {
    await using roomy = await disposable(sandbox({ pageSize: 100 }));
    for (const surname of ['First', 'Second', 'Third']) roomy.source.putUser(person(1, { surname }));
    roomy.source.putUser(person(2));
    roomy.source.oddities({ duplicates: true });
    const ones = told(await read(roomy.source, 'users')).filter(({ id }) => id === guid(1));
    expect(ones.map(({ surname }) => surname)).to.deep.equal(['Second', 'Third']);
  });

  it('changed and then removed on one page are gone, and not asked for', async () => {
    const { userType: _, ...old } = person(6);
    source.putUser(old);
    const first = await read(source, 'users');
    source.removeUser(guid(6), 'deleted');
    source.oddities({ duplicates: true });
    const before = source.requests().length;
    expect(goneFrom(await read(source, 'users', { state: stateOf(first) }))).to.deep.equal([guid(6)]);
    expect(
      source
        .requests()
        .slice(before)
        .filter(({ url }) => url.startsWith('/v1.0/users?')),
    ).to.deep.equal([]);
  });

  it('start over when the delta token has ended, as 400 or 410, however its code is spelt', async () => {
    for (const how of [
      { status: 400, code: 'syncStateNotFound' },
      { status: 400, code: 'SyncStateNotFound' },
      { status: 400, code: 'resyncRequired' },
      { status: 410, code: 'SyncStateNotFound' },
      { status: 410, code: 'somethingElse' },
      { status: 410, code: 'resyncRequired', location: true },
    ] as const) {
      const state = stateOf(await read(source, 'users'));
      source.expireTokens(how);
      expect(await startsOver(state), `${how.status} ${how.code}`).to.equal(true);
    }
  });

  it('do not follow the Location of a reset, wherever it leads', async () => {
    await using elsewhere = await webSource((_request, response) => response.end('{}'));
    const state = stateOf(await read(source, 'users'));
    source.expireTokens({ status: 410, code: 'resyncRequired', location: `${elsewhere.origin}/v1.0/users/delta` });
    expect(await startsOver(state)).to.equal(true);
    expect(elsewhere.requests).to.deep.equal([]);
  });

  it('follow no link to another host, and send the token nowhere else', async () => {
    await using elsewhere = await webSource((_request, response) => response.end('{}'));
    source.oddities({ linkOrigin: elsewhere.origin });
    const error = await failureOf(read(source, 'users'));
    expect(error.message).to.match(/link to another server than graph_url/);
    expect(elsewhere.requests).to.deep.equal([]);
  });

  it('are read on from the page where a reading was cut', async () => {
    const items = await read(source, 'users');
    const page = items.find(({ item }) => item === 'page');
    const rest = await read(source, 'users', { mode: 'full', state: page?.item === 'page' ? page.state! : null });
    expect(told(rest).map(({ id }) => id)).to.deep.equal([guid(3), guid(4), guid(5)]);
    expect(rest.at(-1)?.item).to.equal('complete');
  });

  it('keep of a link no more than its path and query', async () => {
    const items = await read(source, 'users');
    const states = items.flatMap((item) => ('state' in item && item.state ? [JSON.stringify(item.state)] : []));
    expect(states).to.have.length(3);
    for (const state of states) expect(state).not.to.match(/https|127\.0\.0\.1/);
  });

  it('cost one request when nothing is new', async () => {
    const state = stateOf(await read(source, 'users'));
    const before = deltas().length;
    expect((await read(source, 'users', { state })).map(({ item }) => item)).to.deep.equal(['complete']);
    expect(deltas().length - before).to.equal(1);
  });

  it('are looked up by address and by id, in as few requests as a filter allows', async () => {
    source.putUser(person(7, { mail: "o'brien@acme.example" }));
    for (let n = 10; n < 30; n++) source.putUser(person(n));
    const before = source.requests().length;
    const sought = Array.from({ length: 20 }, (_, n) => ({ email: `person${n + 10}@acme.example` }));
    const found = await lookup([{ email: "o'brien@acme.example" }, { directoryId: guid(2) }, ...sought]);
    expect(found.map(({ id }) => id)).to.include.members([guid(7), guid(2), guid(10), guid(29)]);
    expect(new Set(found.map(({ id }) => id)).size).to.equal(22);
    const asked = source
      .requests()
      .slice(before)
      .filter(({ url }) => url.includes('%24filter') || url.includes('$filter'));
    expect(asked.filter(({ url }) => !url.includes('$skiptoken'))).to.have.length(2);
    expect(JSON.stringify(found)).not.to.include('M4RKER');
  });

  it('cannot be found by an address that goes on as a filter', async () => {
    expect(await lookup([{ email: "x' or mail eq 'person1@acme.example" }])).to.deep.equal([]);
  });

  it('leave guests and disabled accounts out, and nobody of whom it is not said', () => {
    const { inScope } = streamOf(graph, 'users')!;
    for (const out of [{ userType: 'Guest' }, { userType: 'guest' }, { accountEnabled: false }])
      expect(inScope!({ accountEnabled: true, ...out }), JSON.stringify(out)).to.equal(false);
    for (const within of [{ userType: 'Member' }, { userType: null }, {}])
      expect(inScope!({ accountEnabled: true, ...within }), JSON.stringify(within)).to.equal(true);
    expect(inScope!({ userType: 'Member' })).to.equal(true);
  });

  it('name the permission that is missing', async () => {
    source.grant(['Place.Read.All', 'User.ReadBasic.All']);
    const error = await failureOf(read(source, 'users'));
    expect(error.message).to.match(/403.*User\.Read\.All.*README of microsoft-graph/);
  });
});
