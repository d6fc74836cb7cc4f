import { expect } from 'chai';
import ldap from '../../connectors/ldap/index.ts';
import { immutableIdOf } from '../../connectors/microsoft-graph/immutable-id.ts';
import graph from '../../connectors/microsoft-graph/index.ts';
import { type SandboxDirectory, startSandboxDirectory } from '../../src/sandbox/directory.ts';
import type { SandboxGraph } from '../../src/sandbox/graph/index.ts';
import type { HubTenantStore, TenantConfiguration } from '../../src/store/index.ts';
import { lookUp } from '../../src/sync/lookup.ts';
import { replaceConnection } from '../../src/tenants/index.ts';
import { completed, NOW, sandbox, settingsFor, tenantId } from '../connectors/microsoft-graph/support.ts';
import { failureOf } from '../support/failure.ts';
import { type TestHub, testClock, testHub } from '../support/hub.ts';

const guidOf = (n: number) => `6f9619ff-8b86-4011-b42d-${String(n).padStart(12, '0')}`;
const objectId = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const everyone = [1, 2, 3, 4];
const logOnOf = (n: number) => ({ email: `p${n}@acme.example`, given_name: `Given${n}`, family_name: `Family${n}` });
const ldapDefaults = Object.fromEntries(
  Object.entries(ldap.settings).flatMap(([name, { default: value }]) => (value === undefined ? [] : [[name, value]])),
);

/** The same people in an LDAP directory and in Microsoft 365, both live. */
describe('one person in LDAP and in Microsoft 365', function () {
  this.timeout(60_000);
  const clock = testClock(NOW);
  let hub: TestHub;
  let directory: SandboxDirectory;
  let source: SandboxGraph;
  let tenant: HubTenantStore;
  /** Our ids of those who log on, by their number. */
  let ids: Map<number, string>;

  before(async () => {
    hub = await testHub({ connectors: [ldap, graph], clock });
  });
  beforeEach(async () => {
    clock.set(NOW);
    directory = await startSandboxDirectory({ seed: 1, people: 10, logOns: 1, password: 'reader' });
    source = await sandbox({ clock });
    for (const n of everyone) {
      inLdap(n);
      inGraph(n);
    }
  });
  afterEach(async () => {
    await source.stop();
    await directory.stop();
  });

  function inLdap(n: number, more: Record<string, string[]> = {}): void {
    directory.put({
      uuid: guidOf(n),
      dn: `uid=p${n},ou=people,dc=acme,dc=example`,
      attributes: {
        objectClass: ['top', 'person', 'organizationalPerson', 'inetOrgPerson'],
        entryUUID: [guidOf(n)],
        uid: [`p${n}`],
        cn: [`Given${n} Family${n}`],
        givenName: [`Given${n}`],
        sn: [`Family${n}`],
        mail: [`p${n}@acme.example`],
        title: [`LDAP ${n}`],
        departmentNumber: ['LDAP'],
        ...more,
      },
    });
  }
  function inGraph(n: number, more: Record<string, string | boolean | null> = {}): void {
    source.putUser({
      id: objectId(n),
      mail: `p${n}@acme.example`,
      givenName: `Given${n}`,
      surname: `Family${n}`,
      jobTitle: `Graph ${n}`,
      accountEnabled: true,
      userType: 'Member',
      onPremisesImmutableId: immutableIdOf(guidOf(n)),
      ...more,
    });
  }

  const configured = (sources: readonly string[], linked: boolean): Partial<TenantConfiguration> => ({
    users: { admit: 'first-logon', sources, leaver_grace_ms: 7 * 86_400_000, domains: [] },
    connections: [
      {
        name: 'people',
        connector: 'ldap',
        settings: {
          ...ldapDefaults,
          url: directory.url,
          bind_dn: directory.bindDn,
          bind_password: directory.bindPassword,
          base_dn: 'ou=people,dc=acme,dc=example',
          filter: '(objectClass=inetOrgPerson)',
        },
        streams: {},
        paused: false,
      },
      {
        name: 'm365',
        connector: 'microsoft-graph',
        settings: completed({
          ...settingsFor(source),
          directory: `entra:${tenantId}`,
          ...(linked ? { on_premises_directory: 'people' } : {}),
        }),
        streams: {},
        paused: false,
      },
    ],
  });
  async function open(given: { sources?: readonly string[]; linked?: boolean; logOns?: readonly number[] } = {}) {
    const { sources = ['people', 'm365'], linked = true, logOns = everyone } = given;
    tenant = await hub.tenant(() => configured(sources, linked));
    ids = new Map();
    for (const n of logOns) ids.set(n, (await tenant.users.logOn(logOnOf(n))).user.id);
  }
  async function run(connection: 'people' | 'm365', mode?: 'full') {
    clock.advance(60_000);
    const order = { tenantId: tenant.tenantId, connection, trigger: 'manual' as const, ...(mode ? { mode } : {}) };
    const receipt = await hub.sync.run(order);
    expect(receipt.status, receipt.error ?? undefined).to.equal('succeeded');
    return receipt.streams.users!;
  }
  const user = async (n: number) => (await tenant.users.get(ids.get(n)!))!;
  const title = async (n: number) => (await user(n)).fields.job_title;
  const suppliers = async (n: number) =>
    (await tenant.users.account(ids.get(n)!)).contributions.map(({ supplier }) => supplier).sort();
  async function reconfigure(change: (live: TenantConfiguration) => Partial<TenantConfiguration>) {
    const { configuration, version } = (await tenant.configuration.read())!;
    await tenant.configuration.write(
      { ...configuration, ...change(configuration) },
      { expected: version, resume: true },
    );
  }
  /** Every change since the cursor, and where it leads. */
  async function changesSince(cursor: string | undefined) {
    const kinds = ['user', 'space', 'event', 'locker'] as const;
    return tenant.changes.read({ cursor, limit: 1_000, kinds });
  }
  /** Everything there is to see of a tenant without looking into the tables. */
  async function everything() {
    const { items } = await tenant.users.list({ after: undefined, limit: 100 });
    const accounts = await Promise.all(items.map(({ id }) => tenant.users.account(id)));
    const live = await tenant.configuration.read();
    return JSON.stringify([accounts, live, await tenant.connections.list(), await changesSince(undefined)]);
  }
  const replace = (yes: boolean, names = { old: 'people', by: 'm365' }) =>
    replaceConnection({ store: tenant, ...names, connectors: [ldap, graph], yes });

  for (const [first, second, said] of [
    ['people', 'm365', 'LDAP 1'],
    ['m365', 'people', 'Graph 1'],
  ] as const) {
    for (const order of [[first, second] as const, [second, first] as const]) {
      it(`has the title of ${first}, which stands first in sources, read ${order.join(' and then ')}`, async () => {
        await open({ sources: [first, second] });
        for (const name of order) await run(name);
        expect(await title(1)).to.equal(said);
        expect(await suppliers(1)).to.deep.equal(['log-on', 'm365', 'people']);
      });
    }
  }

  it('follows the order of sources when that is changed', async () => {
    await open();
    await run('people');
    await run('m365');
    expect(await title(1)).to.equal('LDAP 1');
    await reconfigure(({ users }) => ({ users: { ...users, sources: ['m365', 'people'] } }));
    expect(await title(1)).to.equal('Graph 1');
  });

  it('has the other’s title when the winner removes the person', async () => {
    await open({ sources: ['m365', 'people'] });
    await run('m365');
    await run('people');
    source.removeUser(objectId(1), 'deleted');
    expect(await run('m365')).to.include({ gone: 1, removed: 1 });
    expect(await title(1)).to.equal('LDAP 1');
    expect((await user(1)).status).to.equal('active');
  });

  it('has the other’s title when the winner puts the person out of scope', async () => {
    await open({ sources: ['m365', 'people'] });
    await run('m365');
    await run('people');
    inGraph(1, { accountEnabled: false });
    await run('m365');
    expect(await title(1)).to.equal('LDAP 1');
  });

  it('has no title when the winner empties it, and the other’s department that the winner never had', async () => {
    await open({ sources: ['m365', 'people'] });
    await reconfigure(({ connections }) => ({
      connections: connections.map((one) =>
        one.name === 'people' ? { ...one, streams: { users: { fields: { department: 'departmentNumber' } } } } : one,
      ),
    }));
    await run('m365');
    await run('people');
    inGraph(1, { jobTitle: null });
    await run('m365');
    // A null in a complete record is a value; so is what a complete record lacks.
    expect(await title(1)).to.equal(undefined);
    expect((await user(1)).fields.department).to.equal(undefined);
    source.removeUser(objectId(1), 'changed');
    await run('m365');
    expect((await user(1)).fields).to.include({ job_title: 'LDAP 1', department: 'LDAP' });
  });

  it('loses with a removed connection what that one told, and nothing else', async () => {
    await open({ sources: ['m365', 'people'] });
    await run('m365');
    await run('people');
    await reconfigure(({ connections }) => ({ connections: connections.filter(({ name }) => name !== 'm365') }));
    for (const n of everyone) {
      expect(await title(n)).to.equal(`LDAP ${n}`);
      expect(await suppliers(n)).to.deep.equal(['log-on', 'people']);
      expect((await user(n)).confirmed).to.equal(true);
    }
  });

  for (const [order, where] of [
    [['people', 'm365'] as const, 'm365'],
    [['m365', 'people'] as const, 'people'],
  ] as const) {
    it(`is one user by the on-premises id, though ${where} has another address and is read last`, async () => {
      if (where === 'm365') inGraph(1, { mail: 'one@acme.example' });
      else inLdap(1, { mail: ['one@acme.example'] });
      await open({ logOns: [1] });
      for (const name of order) await run(name);
      expect(await suppliers(1)).to.deep.equal(['log-on', 'm365', 'people']);
      expect((await tenant.users.list({ after: undefined, limit: 10 })).items).to.have.length(1);
    });
  }

  it('is not recognised by another address where the setting names no directory', async () => {
    inGraph(1, { mail: 'one@acme.example' });
    await open({ logOns: [1], linked: false });
    await run('people');
    expect(await run('m365')).to.include({ kept: 0 });
    expect(source.requests().some(({ url }) => url.includes('onPremisesImmutableId'))).to.equal(false);
  });

  it('is not recognised by an immutable id that is no GUID', async () => {
    inGraph(1, { mail: 'one@acme.example', onPremisesImmutableId: 'P-00001' });
    inGraph(2, { mail: 'two@acme.example', onPremisesImmutableId: guidOf(2) });
    await open({ logOns: [1, 2] });
    await run('people');
    expect((await run('m365')).dropped).to.deep.equal({ 'not-a-user': 4 });
    expect(await suppliers(1)).to.deep.equal(['log-on', 'people']);
  });

  it('whose immutable id and address name two users is nobody’s, and counted as ambiguous', async () => {
    inGraph(1, { mail: 'p2@acme.example' });
    source.removeUser(objectId(2), 'deleted');
    await open({ logOns: [1, 2] });
    await run('people');
    expect((await run('m365')).dropped).to.deep.equal({ ambiguous: 1, 'not-a-user': 2 });
    expect(await suppliers(1)).to.deep.equal(['log-on', 'people']);
    expect(await suppliers(2)).to.deep.equal(['log-on', 'people']);
  });

  it('keeps the on-premises id through a change that does not tell it', async () => {
    await open({ logOns: [1] });
    await run('m365');
    const known = async () =>
      (await tenant.users.account(ids.get(1)!)).match_values.map(({ value }) => value).includes(`people:${guidOf(1)}`);
    expect(await known()).to.equal(true);
    // As a source that tells changes only; the sandbox tells all that is selected.
    const { connection, rules } = await lookInto('m365');
    await tenant.applyLookup(connection, clock.now(), () => [
      {
        kept: true,
        key: objectId(1),
        person: { user: ids.get(1)!, keyDigest: rules, newBinding: false },
        fields: { job_title: 'Changed' },
        matches: [{ kind: 'directory-id', value: `entra:${tenantId}:${objectId(1)}` }],
        partial: true,
        unsaid: [{ kind: 'directory-id', directory: 'people' }],
      },
    ]);
    expect(await title(1)).to.equal('Changed');
    expect(await known()).to.equal(true);
    inGraph(1, { onPremisesImmutableId: null });
    await run('m365');
    expect(await known(), 'emptied').to.equal(false);
  });
  async function lookInto(name: string) {
    const { id } = await tenant.connections.get(name);
    return { connection: id, rules: tenant.digest('directory-id', 'none') };
  }

  it('is looked up in Microsoft 365 by the id that a log-on brings from on-premises', async () => {
    inGraph(1, { mail: 'one@acme.example' });
    await open({ logOns: [] });
    const { user: fresh } = await tenant.users.logOn({ ...logOnOf(1), directory_id: `people:${guidOf(1)}` });
    ids.set(1, fresh.id);
    await reconfigure(({ connections }) => ({
      connections: connections.map((one) => (one.name === 'people' ? { ...one, paused: true } : one)),
    }));
    await lookUp(hub.runDeps, tenant, [fresh.id]);
    expect(await suppliers(1)).to.deep.equal(['log-on', 'm365']);
    expect(await title(1)).to.equal('Graph 1');
  });

  describe('when Microsoft 365 takes the place of LDAP', () => {
    it('stays the same user, in the feed too, with the word of the one that is left', async () => {
      inGraph(1, { mail: 'one@acme.example' });
      await open();
      await run('people');
      await run('m365');
      const { next } = await changesSince(undefined);
      const before = new Map(ids);
      const { outcome, shown, configuration } = await replace(true);
      expect(outcome).to.equal('replaced');
      expect(shown.users).to.deep.equal({ known: 4, matched: 4, elsewhere: 0, unmatched: [] });
      expect(configuration.users.sources).to.deep.equal(['m365']);
      expect((await tenant.connections.list()).map(({ name }) => name)).to.deep.equal(['m365']);
      const { items } = await changesSince(next);
      expect(items.map(({ op }) => op)).to.deep.equal(['upsert', 'upsert', 'upsert', 'upsert']);
      expect(items.map(({ id }) => id)).to.have.members([...before.values()]);
      for (const n of everyone) {
        expect(await user(n)).to.include({ status: 'active', confirmed: true });
        expect(await title(n)).to.equal(`Graph ${n}`);
        expect(await suppliers(n)).to.deep.equal(['log-on', 'm365']);
      }
      // Those who log on go on naming the forest, and are known by it.
      const again = await tenant.users.logOn({ ...logOnOf(1), directory_id: `people:${guidOf(1)}` });
      expect([again.outcome, again.user.id]).to.deep.equal(['known', ids.get(1)]);
      // And the connection goes on as if nothing had happened.
      expect(await run('m365', 'full')).to.include({ unchanged: 4, created: 0, removed: 0 });
    });

    it('shows first who would be known by no directory, and writes nothing', async () => {
      inGraph(3, { mail: 'three@acme.example', onPremisesImmutableId: null });
      source.removeUser(objectId(4), 'deleted');
      await open();
      await run('people');
      await run('m365');
      const before = await everything();
      const { outcome, shown } = await replace(false);
      expect(outcome).to.equal('shown');
      expect(shown.users).to.deep.equal({
        known: 4,
        matched: 2,
        elsewhere: 0,
        unmatched: [ids.get(3)!, ids.get(4)!].sort(),
      });
      expect(await everything()).to.equal(before);
    });

    it('leaves whom it does not know as users by their log-on alone', async () => {
      source.removeUser(objectId(4), 'deleted');
      await open();
      await run('people');
      await run('m365');
      await replace(true);
      expect(await user(4)).to.include({ status: 'active', confirmed: false });
      expect(await title(4)).to.equal(undefined);
      expect(await suppliers(4)).to.deep.equal(['log-on']);
      expect((await changesSince(undefined)).items.map(({ op }) => op)).not.to.include('remove');
    });

    it('takes its place in sources, wherever it stood itself', async () => {
      for (const [sources, then] of [
        [['people', 'm365'], ['m365']],
        [['m365', 'people'], ['m365']],
        [['people'], ['m365']],
        [['m365'], ['m365']],
        [[], []],
      ] as const) {
        await open({ sources, logOns: [] });
        await run('people');
        await run('m365');
        expect((await replace(true)).configuration.users.sources, sources.join()).to.deep.equal(then);
      }
    });

    it('waits until it has read everybody once', async () => {
      await open();
      await run('people');
      const before = await everything();
      expect((await failureOf(replace(true))).message).to.match(
        /m365 has not read its users to the end yet.*let it run/,
      );
      expect(await everything()).to.equal(before);
      expect((await replace(false)).shown.users.unmatched).to.have.length(4);
    });

    it('waits until neither is being read', async () => {
      await open();
      await run('people');
      await run('m365');
      for (const name of ['people', 'm365']) {
        const lease = await tenant.acquire((await tenant.connections.get(name)).id, { trigger: 'manual' });
        expect((await replace(false)).shown.running).to.deep.equal([name]);
        expect(await failureOf(replace(true))).to.include({ kind: 'already-running' });
        await tenant.end(lease, { status: 'cancelled', failure: null, requests: 0, bytes: 0 });
      }
      expect((await replace(true)).outcome).to.equal('replaced');
    });

    it('does nothing when meanwhile it knows fewer than were shown', async () => {
      await open();
      await run('people');
      await run('m365');
      const shown = replaceConnection({
        store: tenant,
        old: 'people',
        by: 'm365',
        connectors: [ldap, graph],
        yes: true,
        onShown: async () => {
          source.removeUser(objectId(4), 'deleted');
          await run('m365');
        },
      });
      expect(await failureOf(shown)).to.include({ kind: 'conflict' });
      expect(await suppliers(1)).to.deep.equal(['log-on', 'm365', 'people']);
    });

    it('is refused its own place, and that of one that is not there', async () => {
      await open({ logOns: [] });
      expect((await failureOf(replace(false, { old: 'people', by: 'people' }))).message).to.match(/its own place/);
      expect(await failureOf(replace(false, { old: 'nobody', by: 'm365' }))).to.include({ kind: 'not-found' });
    });
  });
});
