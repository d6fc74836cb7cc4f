import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { createHttpServer } from '../../src/api/http-server.ts';
import { scopeNames } from '../../src/api/scopes.ts';
import { createApi } from '../../src/api/server.ts';
import { safeSentence } from '../../src/base/errors.ts';
import type { Log } from '../../src/base/log.ts';
import type { Connector } from '../../src/contract/index.ts';
import { featureNames } from '../../src/model/features.ts';
import { logFile, pgData } from '../../src/store/embedded/place.ts';
import type { HubTenantStore } from '../../src/store/index.ts';
import { createJobQueue, type JobQueue } from '../../src/sync/jobs.ts';
import { lookUp } from '../../src/sync/lookup.ts';
import { createMetrics } from '../../src/sync/metrics.ts';
import { runConnection } from '../../src/sync/run.ts';
import { placeOf } from '../store/embedded-support.ts';
import { ByteSearch, type Found } from '../support/byte-search.ts';
import { addDigests, addInClear } from '../support/disguises.ts';
import { checkpoint, dumpDatabase } from '../support/dump.ts';
import { type TestDatabase, type TestHub, testDatabase, testHub } from '../support/hub.ts';
import { employee, logOnOf, memorySource, peopleConnection } from '../support/memory-source.ts';
import {
  type HostileConnector,
  hostileConnector,
  hostileEndings,
  type Marker,
  type Markers,
} from './hostile-connector.ts';

/** Each a connection of its own. */
const ways = [...hostileEndings, 'malformed'] as const;
const users = [1, 2].map((n) => logOnOf(n).email);

describe('what a hostile source plants', function () {
  this.timeout(120_000);
  /** One per way of ending, each under a name of its own. */
  const hostiles = new Map<string, HostileConnector>();
  const memory = memorySource();
  const told: string[] = [];
  const answers: string[] = [];
  const metrics = createMetrics();
  let database: TestDatabase;
  let hub: TestHub;
  let jobs: JobQueue;
  let tenant: HubTenantStore;
  let printed = '';
  let listed = '';

  before(async () => {
    const unprinted = capturePrinting((text) => {
      printed += text;
    });
    try {
      await letThemIn();
    } finally {
      unprinted();
    }
  });

  async function letThemIn(): Promise<void> {
    const connectors: Connector[] = [memory.connector];
    for (const ending of ways) {
      // Items that are none end the reading where they stand: one source is made of them, the others reach their end.
      const hostile = hostileConnector(ending === 'malformed' ? { users } : { users, ending, malformed: false });
      hostiles.set(ending, hostile);
      connectors.push({ ...hostile.connector, name: `hostile-${ending}` });
    }
    database = await testDatabase();
    const log: Log = { event: (level, event) => void told.push(JSON.stringify({ level, ...event })) };
    jobs = createJobQueue(database.url, log, 'work');
    await jobs.start();
    hub = await testHub({ connectors, jobs, log });
    const runDeps = {
      ...hub.runDeps,
      ended: async (one: HubTenantStore, receipt: Parameters<typeof hub.runDeps.ended>[1]) =>
        metrics.runEnded(receipt, one.tenant, 'manual'),
    };
    tenant = await hub.tenant(() => ({
      features: featureNames,
      connections: [
        peopleConnection,
        ...ways.map((ending) => ({
          name: ending,
          connector: `hostile-${ending}`,
          settings: {},
          streams: {},
          paused: false,
        })),
      ],
    }));
    memory.people = Array.from({ length: 20 }, (_, n) => employee(n));
    for (const n of [1, 2]) await tenant.users.logOn(logOnOf(n));
    for (const feature of ['find-colleague', 'hybrid-meetings', 'check-in'] as const) {
      const { items } = await tenant.users.list({ after: undefined, limit: 1 });
      await tenant.users.optIn(items[0]!.id, feature, { text_version: '1', locale: 'nl' });
    }
    // Runs and look-ups from the queue, as a worker takes them, and once more in this process, with what they throw.
    const { items } = await tenant.users.list({ after: undefined, limit: 10 });
    const ids = items.map(({ id }) => id);
    const worked = new Set<string>();
    await jobs.work('run', { atOnce: 2 }, async ([job]) => {
      const { connection, tenantId } = job!;
      if (tenantId !== tenant.tenantId) return; // another test's, left in the queue
      await runConnection(runDeps, tenant, { connection, trigger: 'schedule' }).finally(() => worked.add(connection));
    });
    await jobs.work('lookup', { atOnce: 1 }, async ([job]) => {
      if (job!.tenantId === tenant.tenantId) await lookUp(runDeps, tenant, ids).finally(() => worked.add('look-up'));
    });
    const names = ['people', ...ways];
    for (const connection of names) await jobs.send('run', { tenantId: tenant.tenantId, connection });
    await jobs.send('lookup', { tenantId: tenant.tenantId, users: ids });
    for (const until = Date.now() + 20_000; worked.size <= names.length && Date.now() < until; )
      await new Promise((resolve) => setTimeout(resolve, 50));
    expect([...worked].sort()).to.deep.equal([...names, 'look-up'].sort());
    // A source that asked to be left alone is made to speak all the same.
    const whenItMayBeAsked = async (connection: string) => {
      hub.clock.set(undefined);
      hub.clock.set(await tenant.leftAloneUntil((await tenant.connections.get(connection)).id));
    };
    for (const connection of names) {
      await whenItMayBeAsked(connection);
      const receipt = await runConnection(runDeps, tenant, { connection, trigger: 'manual', mode: 'full' });
      answers.push(JSON.stringify(receipt));
      await whenItMayBeAsked(connection);
      const failure = await hub.sync.check(tenant.tenantId, connection).then(() => '', safeSentence);
      await whenItMayBeAsked(connection);
      answers.push(
        failure,
        await hub.sync
          .preview(tenant.tenantId, connection, { asUser: users[0]! })
          .then((report) => JSON.stringify(report), safeSentence),
      );
    }
    hub.clock.set(undefined);
    await askTheApi();
  }

  /** Every reading route, and the two that make the connector speak, through the real interface. */
  async function askTheApi(): Promise<void> {
    const { key } = await tenant.keys.create({
      name: 'reader',
      scopes: [...scopeNames],
      features: null,
      expires_at: null,
    });
    const server = createHttpServer(
      createApi({
        authenticate: (token) => hub.store.authenticate(token),
        tenantStore: (id) => hub.store.tenant(id),
        sync: hub.sync,
        readiness: async () => ({ ready: true, reasons: [] }),
        metrics: () => metrics.text(),
        clock: hub.clock,
        waitForChange: async () => {},
        requestLookup: async () => {},
        log: (event) => void told.push(JSON.stringify(event)),
      }),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const ask = async (method: string, path: string, body?: unknown) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, {
        method,
        headers: { authorization: `Bearer ${key}`, ...(body ? { 'content-type': 'application/json' } : {}) },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      const text = await response.text();
      answers.push(JSON.stringify([...response.headers]), text);
      return { status: response.status, text };
    };
    try {
      listed = (await ask('GET', '/v1/users')).text;
      for (const path of [
        '/v1/changes?include=entities&limit=1000',
        '/v1/sources',
        '/v1/spaces?limit=1000',
        '/v1/events?limit=1000',
        '/admin/v1/connections',
        '/admin/v1/runs',
        '/admin/v1/keys',
        '/metrics',
      ])
        expect((await ask('GET', path)).status, path).to.equal(200);
      const free = { where: {}, from: '2999-12-01T00:00:00Z', to: '2999-12-02T00:00:00Z' };
      expect((await ask('POST', '/v1/availability', free)).text).to.include('"status":"known"');
      for (const ending of ways) {
        await ask('POST', `/admin/v1/connections/${ending}/check`, {});
        await ask('POST', `/admin/v1/connections/${ending}/preview`, { as_user: users[0] });
      }
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  after(() => jobs.stop());

  /** Everything outside the database. */
  const spoken = () =>
    new Map(
      Object.entries({ log: told.join('\n'), answers: answers.join('\n'), printed }).map(([where, text]) => [
        where,
        Buffer.from(text),
      ]),
    );

  function searchFor(...kinds: (keyof Markers)[]): ByteSearch {
    const search = new ByteSearch();
    let turn = 0;
    for (const [ending, hostile] of hostiles)
      for (const kind of kinds)
        for (const { text, where } of worthSeeking(hostile.markers()[kind]))
          disguise(search, `${kind}: ${where} (${ending})`, text, turn++);
    return search;
  }

  const lookIn = (search: ByteSearch, sinks: ReadonlyMap<string, Buffer>): Found[] =>
    [...sinks].flatMap(([where, bytes]) => search.look(where, bytes));

  /** The dump, and the server's files as they stand and after all of its memory is written out. */
  async function lookInDatabase(search: ByteSearch): Promise<Found[]> {
    const place = await placeOf(database.dataDir);
    const found = lookIn(search, await dumpDatabase(database.migrateUrl));
    found.push(...search.look('server.log', await readFile(logFile(place))));
    for (const moment of ['before', 'after'] as const) {
      if (moment === 'after') await checkpoint(database.migrateUrl);
      const files = await search.lookInFolder(pgData(place));
      expect(files.files).to.be.above(500);
      found.push(...files.found);
    }
    return found;
  }

  it('was told, by every way of ending, to the hub’s log and in its answers', () => {
    expect(told.filter((line) => line.includes('run-ended')).length).to.be.at.least(2 * ways.length);
    expect(listed).to.include('"items"');
    for (const hostile of hostiles.values()) expect(hostile.markers().never.length).to.be.above(1_000);
  });

  it('is in no log line, receipt, answer, metric or output', () => {
    expect(lookIn(searchFor('never', 'state'), spoken())).to.deep.equal([]);
  });

  describe('in the database', () => {
    let found: Found[];
    before(async () => {
      found = await lookInDatabase(searchFor('never', 'state', 'sealed', 'clear'));
    });
    const about = (kind: keyof Markers) => found.filter(({ what }) => what.includes(`${kind}: `));

    it('is in no table, file, write-ahead log or statistic', () => {
      expect([...about('never'), ...about('state')]).to.deep.equal([]);
    });

    it('is nowhere in clear where it is kept for a user, and is in the answer of the interface', () => {
      expect(about('sealed')).to.deep.equal([]);
      const names = [...hostiles.values()].flatMap((hostile) => hostile.markers().sealed);
      expect(names.some(({ text }) => listed.includes(text))).to.equal(true);
    });

    it('is found where it names no person: a locker’s number, a room’s name, in tables, write-ahead log and dump', () => {
      const where = (part: string) => about('clear').some((one) => one.where.includes(part));
      expect(
        ['/pg_wal/', '/base/', 'sluice.locker', 'sluice.space', 'sluice.event'].filter((part) => !where(part)),
      ).to.deep.equal([]);
    });
  });

  it('would be found in a log line that quoted it, in whatever disguise', () => {
    const [marker] = hostiles.get('plain-error')!.markers().never;
    const search = new ByteSearch();
    disguise(search, marker!.where, marker!.text, 0);
    const disguised = [
      marker!.text,
      Buffer.from(`..${marker!.text}`).toString('base64'),
      Buffer.from(marker!.text).toString('hex'),
      Buffer.from(marker!.text, 'utf16le'),
    ];
    for (const text of disguised)
      expect(
        search.look('log', Buffer.concat([Buffer.from('{"level":30,"msg":"'), Buffer.from(text), Buffer.from('"}\n')])),
      ).to.have.length(1);
  });
});

/** Of the thousands of field names and addresses in one record, a few stand for all. */
function worthSeeking(markers: readonly Marker[]): Marker[] {
  let many = 0;
  return markers.filter(({ where }) => !where.startsWith('one of many') || many++ % 250 === 0);
}

/** Every marker as it is; each in its turn also encoded and digested, which costs sixty times as much. */
function disguise(search: ByteSearch, what: string, text: string, turn: number): void {
  search.add(what, Buffer.from(text));
  if (turn % 25 !== 0) return;
  addInClear(search, what, text);
  addDigests(search, what, text);
}

/** What is written to standard output and error meanwhile, by anybody. */
function capturePrinting(take: (text: string) => void): () => void {
  const originals = [process.stdout, process.stderr].map((stream) => {
    const { write } = stream;
    stream.write = ((...args: Parameters<typeof write>) => {
      take(String(args[0]));
      return Reflect.apply(write, stream, args) as boolean;
    }) as typeof write;
    return () => {
      stream.write = write;
    };
  });
  return () => {
    for (const restore of originals) restore();
  };
}
