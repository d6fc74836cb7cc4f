import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import graph from '../../../connectors/microsoft-graph/index.ts';
import type { Log } from '../../../src/base/log.ts';
import type { SandboxGraph } from '../../../src/sandbox/graph/index.ts';
import { pgData } from '../../../src/store/embedded/place.ts';
import type { HubTenantStore, TenantConfiguration } from '../../../src/store/index.ts';
import { createMetrics } from '../../../src/sync/metrics.ts';
import { placeOf } from '../../store/embedded-support.ts';
import { ByteSearch } from '../../support/byte-search.ts';
import { addInClear } from '../../support/disguises.ts';
import { checkpoint, dumpDatabase } from '../../support/dump.ts';
import { type TestHub, testClock, testDatabase, testHub } from '../../support/hub.ts';
import { tablesHolding } from '../../support/owner.ts';
import { completed, meeting, NOW, sandbox, settingsFor } from './support.ts';

const ROOMS = ['r1', 'r2'];
const addressOf = (name: string) => `${name}@acme.example`;
const guid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const GROUP = guid(9_000);
/** So that it is found nowhere but where this test brought it. */
const unheardOf = (what: string) => addressOf(`${what}-${randomBytes(8).toString('hex')}`);
const all = { after: undefined, limit: 1_000 };

describe('mailboxes of Microsoft 365 that are people’s, through the hub', function () {
  this.timeout(120_000);
  const clock = testClock(NOW);
  const logged: string[] = [];
  const log: Log = { event: (level, event) => void logged.push(JSON.stringify({ level, ...event })) };
  let hub: TestHub;
  let source: SandboxGraph;
  let tenant: HubTenantStore;

  before(async () => {
    hub = await testHub({ connectors: [graph], clock, log });
  });
  beforeEach(async () => {
    clock.set(NOW);
    source = await sandbox({ clock });
    source.grant(['User.Read.All', 'Place.Read.All', 'GroupMember.Read.All', 'Calendars.ReadBasic.All']);
    for (const [n, room] of ROOMS.entries()) {
      putRoom(room, n);
      source.putEvent(addressOf(room), meeting(`${room}-e`, '09'));
    }
  });
  afterEach(() => source.stop());

  const putRoom = (room: string, n: number) =>
    source.putPlace({
      '@odata.type': '#microsoft.graph.room',
      id: guid(1_000 + n),
      displayName: `Room ${room}`,
      emailAddress: addressOf(room),
    });
  const putAccount = (mail: string, accountEnabled: boolean, more: object = {}) =>
    source.putUser({ id: guid(1), mail, accountEnabled, ...more });
  const fill = (mailbox: string, count: number, id = 'private') => {
    for (let n = 0; n < count; n++) source.putEvent(mailbox, meeting(`${id}-${n}`, '10'));
  };
  const configured = (mailboxes: readonly string[]): Partial<TenantConfiguration> => ({
    features: ['people-directory', 'room-booking'],
    connections: [
      {
        name: 'm365',
        connector: 'microsoft-graph',
        settings: completed({ ...settingsFor(source), mailboxes }),
        streams: {},
        schedule: '0 * * * *',
        paused: false,
      },
    ],
  });
  const named = async (mailboxes: readonly string[]) => {
    const { configuration, version } = (await tenant.configuration.read())!;
    const { connections } = configured(mailboxes);
    await tenant.configuration.write(
      { ...configuration, connections: connections! },
      { expected: version, resume: true },
    );
  };
  const read = async (mode?: 'full') => {
    clock.advance(60_000);
    const order = { tenantId: tenant.tenantId, connection: 'm365', trigger: 'manual' as const };
    return hub.sync.run({ ...order, ...(mode ? { mode } : {}) });
  };
  const known = async () => {
    const { items } = await tenant.events.list({ spaces: undefined, from: undefined, to: undefined, ...all });
    return items.map(({ key }) => key.replace(/-\d+$/, '')).sort();
  };
  const partitions = async () => tenant.partitionsOf((await tenant.connections.get('m365')).id, 'events');
  const removalsAfter = async (cursor: string) => {
    const { items } = await tenant.changes.read({ cursor, limit: 1_000, kinds: ['event'] });
    return items.filter(({ op }) => op === 'remove').map(({ kind }) => kind);
  };

  it('leave nothing anywhere, whatever address they are named by', async () => {
    const planted: [where: string, text: string][] = [];
    const mark = (where: string) => {
      const text = `mk${randomBytes(12).toString('hex')}`;
      planted.push([where, text]);
      return text;
    };
    const names = ['primary address', 'user principal name', 'alias', 'member'].map((where) => addressOf(mark(where)));
    const [mail, userPrincipalName, alias, member] = names as [string, string, string, string];
    putAccount(mail, true, {
      userPrincipalName,
      proxyAddresses: [`SMTP:${mail}`, `smtp:${alias}`],
      displayName: mark('name'),
    });
    source.putUser({ id: guid(2), mail: member, accountEnabled: true });
    source.putGroup(GROUP, [guid(2)]);
    const mistyped = addressOf(mark('mistyped address'));
    for (const one of [mail, member]) source.putEvent(one, meeting(mark('id of a meeting'), '10'));
    const mailboxes = [addressOf('r1'), mail, userPrincipalName, alias.toUpperCase(), GROUP, mistyped, addressOf('r2')];
    tenant = await hub.tenant(() => configured(mailboxes));

    const answers = [JSON.stringify(await read())];
    expect(answers[0]).to.match(/5 of 7 parts of events could not be read.*Entry 2 of the setting mailboxes/);
    expect(await known()).to.deep.equal(['r1-e', 'r2-e']);
    answers.push(JSON.stringify(await read('full')));
    answers.push(JSON.stringify(await hub.sync.preview(tenant.tenantId, 'm365', {})));
    answers.push(JSON.stringify(await hub.sync.check(tenant.tenantId, 'm365')));
    answers.push(JSON.stringify(await tenant.connections.list()), JSON.stringify(await tenant.connections.sources()));
    answers.push(JSON.stringify(await tenant.runs.list({ limit: 10 })));
    const opened = source
      .requests()
      .filter(({ url }) => /calendar/i.test(url) && planted.some(([, text]) => url.includes(text)));
    expect(opened).to.deep.equal([]);

    const search = new ByteSearch();
    for (const [where, text] of planted) addInClear(search, where, text);
    const { migrateUrl, dataDir } = await testDatabase();
    await checkpoint(migrateUrl);
    const found = [...(await dumpDatabase(migrateUrl))].flatMap(([name, bytes]) => search.look(name, bytes));
    found.push(...(await search.lookInFolder(pgData(await placeOf(dataDir)))).found);
    found.push(...search.look('log', Buffer.from(logged.join('\n'))));
    const metrics = createMetrics();
    for (const receipt of hub.ended) metrics.runEnded(receipt, 'acme', 'manual');
    found.push(...search.look('metrics', Buffer.from(await metrics.text())));
    found.push(...search.look('answers', Buffer.from(answers.join('\n'))));
    expect(found).to.deep.equal([]);
    // The search finds what is there: the room's address is kept in clear.
    expect(Object.keys(await tablesHolding(addressOf('r1')))).to.include('sluice.partition');
  });

  describe('that were read before', () => {
    // A leaver's, or read by a version that did not ask: it was taken for a room's.
    let mailbox: string;
    const BEFORE = 40;

    beforeEach(async () => {
      mailbox = unheardOf('was-a-room');
      putAccount(mailbox, false);
      fill(mailbox, BEFORE);
      tenant = await hub.tenant(() => configured([...ROOMS.map(addressOf), mailbox]));
      expect((await read()).status).to.equal('succeeded');
      expect(await known()).to.have.length(BEFORE + 2);
    });
    const gone = async () => {
      expect(await partitions()).to.deep.equal(ROOMS.map(addressOf));
      expect(await tablesHolding(mailbox)).to.deep.equal({});
    };

    it('go with the run that finds out, all at once, counted and told, and held for nobody', async () => {
      const { next: cursor } = await tenant.changes.read({ cursor: undefined, limit: 1_000, kinds: ['event'] });
      putAccount(mailbox, true);
      const receipt = await read();
      expect(receipt).to.include({ status: 'failed' });
      expect(receipt.error).to.match(/1 of 3 parts .* Entry 3 of the setting mailboxes .* it was not opened/);
      expect(receipt.streams.events).to.include({ removed: BEFORE, held: 0 });
      expect(await known()).to.deep.equal(['r1-e', 'r2-e']);
      await gone();
      expect(await removalsAfter(cursor)).to.deep.equal(Array(BEFORE).fill('event'));
      const again = await read();
      expect(again.streams.events).to.include({ removed: 0 });
    });

    it('count towards no limit: what a room lost on the same day is not held for it', async () => {
      fill(addressOf('r1'), 30, 'other');
      await read();
      putAccount(mailbox, true);
      source.removeEvent(addressOf('r1'), 'other-0');
      expect((await read()).streams.events).to.include({ removed: BEFORE + 1, held: 0 });
    });

    it('go though a person has to decide on them, or said to keep them', async () => {
      for (const decide of ['nobody', 'reject'] as const) {
        for (let n = 0; n < BEFORE; n++) source.removeEvent(mailbox, `private-${n}`);
        const held = await read();
        expect(held).to.include({ status: 'held' });
        if (decide === 'reject') await hub.sync.reject(tenant.tenantId, held.run, 'IT');
        expect(await known()).to.have.length(BEFORE + 2);
        putAccount(mailbox, true);
        expect((await read()).streams.events).to.include({ removed: BEFORE, held: 0 });
        await gone();
        putAccount(mailbox, false);
        fill(mailbox, BEFORE);
        clock.advance(86_400_000);
        await read();
      }
    });

    it('are read anew, from the beginning, once nobody signs in with them any more', async () => {
      putAccount(mailbox, true);
      await read();
      putAccount(mailbox, false);
      const receipt = await read();
      expect(receipt.status).to.equal('succeeded');
      expect(receipt.streams.events).to.include({ created: BEFORE });
    });

    it('stay as they are while nobody can tell whose they are, and are not read', async () => {
      source.removeUser(guid(1), 'deleted');
      const receipt = await read();
      expect(receipt.error).to.match(/entry 3 of the setting mailboxes belongs to no account/);
      expect(receipt.streams.events).to.include({ removed: 0, held: 0 });
      expect(await known()).to.have.length(BEFORE + 2);
    });

    it('stay as they are while Entra does not tell whether anybody signs in, or cannot look for them', async () => {
      source.putUser({ id: guid(1), mail: mailbox });
      const untold = await read();
      expect(untold.error).to.match(/1 of 3 parts .*entry 3 of the setting mailboxes belongs to no account/);
      expect(untold.streams.events).to.include({ removed: 0, held: 0 });
      for (const status of [400, 404]) {
        source.fault({ status, where: 'inner', path: '/users?$filter', code: 'Request_BadRequest' });
        const receipt = await read();
        expect(receipt.error, String(status)).to.match(/1 of 3 parts .*entry 3 of the setting mailboxes belongs/);
        expect(receipt.streams.events).to.include({ removed: 0, held: 0 });
      }
      expect(await known()).to.have.length(BEFORE + 2);
    });

    it('go though they are named no more, if they are named again while their removal waits', async () => {
      await named(ROOMS.map(addressOf));
      expect((await read()).streams.events).to.include({ held: BEFORE, removed: 0 });
      await named([...ROOMS.map(addressOf), mailbox]);
      putAccount(mailbox, true);
      expect((await read()).streams.events).to.include({ held: 0, removed: BEFORE });
      await gone();
    });

    it('go by the next run if the one that found out was killed, and are counted once', async () => {
      putAccount(mailbox, true);
      const { id } = await tenant.connections.get('m365');
      const lease = await tenant.acquire(id, { trigger: 'manual' });
      const account = { streams: {}, mode: 'incremental', requests: 0, bytes: 0 } as const;
      await tenant.forgetRefused(lease, [mailbox], account);
      await tenant.yieldLease(lease);
      const resumed = await read();
      expect(resumed.run).to.equal(lease.run);
      expect(resumed.streams.events).to.include({ removed: BEFORE });
      await gone();
    });
  });

  describe('that are rooms whose accounts are enabled', () => {
    const MEETINGS = 20;
    beforeEach(async () => {
      for (const [n, room] of ROOMS.entries()) {
        source.putUser({ id: guid(n + 1), mail: addressOf(room), accountEnabled: true });
        fill(addressOf(room), MEETINGS, room);
      }
      tenant = await hub.tenant(() => configured(ROOMS.map(addressOf)));
      expect((await read()).status).to.equal('succeeded');
    });
    const spaces = async () => (await tenant.spaces.list(all)).items.map(({ name }) => name).sort();
    const everything = async () => {
      expect(await known()).to.have.length(2 * (MEETINGS + 1));
      expect(await spaces()).to.deep.equal(['Room r1', 'Room r2']);
      expect(await partitions()).to.deep.equal(ROOMS.map(addressOf));
    };

    it('lose nothing while the list of places is empty: they are not read, and wait for a person', async () => {
      for (const n of ROOMS.keys()) source.removePlace(guid(1_000 + n));
      const asked = source.requests().length;
      for (const mode of [undefined, 'full'] as const) {
        const receipt = await read(mode);
        expect(receipt.error).to.match(/Entry 1 of the setting mailboxes .* it was not opened/);
        expect(receipt.streams.spaces).to.include({ held: 2, removed: 0 });
        expect(receipt.streams.events?.removed ?? 0).to.equal(0);
        await everything();
      }
      expect(
        source
          .requests()
          .slice(asked)
          .filter(({ url }) => /calendar/i.test(url)),
      ).to.deep.equal([]);
      for (const [n, room] of ROOMS.entries()) putRoom(room, n);
      const again = await read();
      expect(again).to.include({ status: 'succeeded' });
      expect(again.streams.spaces).to.include({ held: 0, removed: 0 });
      await everything();
    });

    it('are known to be theirs though nothing is booked: an empty calendar is a room’s, too', async () => {
      putRoom('r3', 3);
      source.putUser({ id: guid(4), mail: addressOf('r3'), accountEnabled: true });
      await named([...ROOMS, 'r3'].map(addressOf));
      await read();
      source.removePlace(guid(1_003));
      expect((await read()).error).to.match(/1 of 3 parts .* Entry 3 of the setting mailboxes/);
      expect(await partitions()).to.deep.equal([...ROOMS, 'r3'].map(addressOf));
    });

    it('lose nothing where a part of that list is not told', async () => {
      const pool = addressOf('pool');
      source.putPlace({
        '@odata.type': '#microsoft.graph.workspace',
        id: guid(2_000),
        displayName: 'Pool',
        emailAddress: pool,
      });
      source.putUser({ id: guid(9), mail: pool, accountEnabled: true });
      fill(pool, MEETINGS, 'pool');
      await named([...ROOMS, 'pool'].map(addressOf));
      await read();
      expect(await known()).to.have.length(2 * (MEETINGS + 1) + MEETINGS);
      source.fault({ path: 'microsoft.graph.workspace', status: 404, code: 'UnknownError' });
      const receipt = await read();
      expect(receipt.error).to.match(/1 of 3 parts .* Entry 3 of the setting mailboxes/);
      expect(receipt.streams.events).to.include({ removed: 0, held: 0 });
      expect(await known()).to.have.length(2 * (MEETINGS + 1) + MEETINGS);
    });

    it('lose nothing where they were read as shared mailboxes for as long as nobody signed in', async () => {
      for (const [n, room] of ROOMS.entries()) {
        source.removePlace(guid(1_000 + n));
        source.putUser({ id: guid(n + 1), mail: addressOf(room), accountEnabled: false });
      }
      await read();
      for (const [n, room] of ROOMS.entries())
        source.putUser({ id: guid(n + 1), mail: addressOf(room), accountEnabled: true });
      const receipt = await read();
      expect(receipt.error).to.match(/Entry 1 of the setting mailboxes/);
      expect(receipt.streams.events?.removed ?? 0).to.equal(0);
      await everything();
    });

    it('go as all removals do, within the limit, once they are named no more', async () => {
      source.removePlace(guid(1_000));
      await read();
      await named([addressOf('r2')]);
      expect((await read()).streams.events).to.include({ held: MEETINGS + 1, removed: 0 });
    });

    it('lose nothing by another address: the room is still there, and the old one is not opened', async () => {
      source.putPlace({
        '@odata.type': '#microsoft.graph.room',
        id: guid(1_000),
        displayName: 'Room r1',
        emailAddress: addressOf('r9'),
      });
      const receipt = await read();
      expect(receipt.error).to.match(/1 of 2 parts .* name by its primary address/);
      expect(receipt.streams.events).to.include({ removed: 0, held: 0 });
      await everything();
    });
  });
});
