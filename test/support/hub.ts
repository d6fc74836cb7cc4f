/**
 * The real store over a real embedded PostgreSQL, one server for all tests of a process: tests keep apart by tenant,
 * as tenants do. `mochaHooks` stops it at the end.
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { type Log, silentLog } from '../../src/base/log.ts';
import type { Connector } from '../../src/contract/index.ts';
import { askedAs, essential } from '../../src/contract/settings.ts';
import { newMasterKeyText, parseMasterKey } from '../../src/crypto/keys.ts';
import type { Receipt } from '../../src/model/receipt.ts';
import { attachEmbedded, type EmbeddedAttachment } from '../../src/store/embedded/index.ts';
import {
  type HubTenantStore,
  migrate,
  openStore,
  type Store,
  type TenantConfiguration,
} from '../../src/store/index.ts';
import type { JobQueue } from '../../src/sync/jobs.ts';
import { createNet, type NetRules, parseAddressRules } from '../../src/sync/net/index.ts';
import { namedDirectory } from '../../src/sync/plans.ts';
import { endOfRemoved } from '../../src/sync/quiet.ts';
import type { RunDeps } from '../../src/sync/run.ts';
import { createSyncService } from '../../src/sync/service.ts';
import type { NotificationDeps } from '../../src/sync/subscriptions.ts';
import type { SyncService } from '../../src/sync/types.ts';
import { removeData } from './remove-data.ts';

export interface TestDatabase extends EmbeddedAttachment {
  readonly dataDir: string;
  readonly masterKey: string;
}

let opening: Promise<TestDatabase> | undefined;

/** The migrated database of this process. */
export function testDatabase(): Promise<TestDatabase> {
  opening ??= (async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'sluice-test-'));
    const server = await attachEmbedded({ dataDir, purpose: 'tests' });
    await migrate(server.migrateUrl, new URL(server.url).username);
    return { ...server, dataDir, masterKey: newMasterKeyText() };
  })();
  return opening;
}

export interface TestClock extends Clock {
  /** Stands still at an instant; `undefined` follows the system's clock again. */
  set(at: Date | undefined): void;
  advance(ms: number): void;
}

export function testClock(at?: Date): TestClock {
  let still = at;
  return {
    now: () => still ?? systemClock.now(),
    set: (next) => {
      still = next;
    },
    advance: (ms) => {
      still = new Date((still ?? systemClock.now()).getTime() + ms);
    },
  };
}

export interface TestHub {
  readonly store: Store;
  readonly sync: SyncService;
  readonly runDeps: RunDeps;
  readonly clock: TestClock;
  readonly stop: AbortController;
  readonly ended: Receipt[];
  readonly masterKey: string;
  /** Another store over the same database, under other keys; the caller closes it. */
  under(key: string, previous?: string): Store;
  /** A tenant of its own, configured; its name is unique in the database. */
  tenant(configure?: (name: string) => Partial<TenantConfiguration>): Promise<HubTenantStore>;
  close(): Promise<void>;
}

export interface TestHubOptions {
  readonly connectors?: readonly Connector[];
  readonly clock?: TestClock;
  readonly log?: Log;
  readonly net?: Partial<NetRules>;
  readonly poolSize?: number;
  readonly jobs?: JobQueue;
  readonly notifications?: NotificationDeps;
  /** Another database than the one of this process, migrated. */
  readonly database?: { readonly url: string; readonly masterKey: string };
}

const open: TestHub[] = [];
let tenants = 0;

/** Loopback is allowed and so is clear text: test servers live there. */
const LOOPBACK = '127.0.0.0/8,::1/128';

export async function testHub(options: TestHubOptions = {}): Promise<TestHub> {
  const database = options.database ?? (await testDatabase());
  const clock = options.clock ?? testClock();
  const connectors = new Map((options.connectors ?? []).map((connector) => [connector.name, connector]));
  const under = (key: string, previous?: string) =>
    openStore({
      url: database.url,
      master: parseMasterKey(key, previous),
      applicationName: 'sluice tests',
      clock,
      poolSize: options.poolSize ?? 8,
      namedDirectory: ({ connector, settings }) => namedDirectory(connectors.get(connector), settings),
      essentialSettings: ({ connector, settings }) => essential(connectors.get(connector)?.settings ?? {}, settings),
      askedAs: ({ connector, settings }) => askedAs(connectors.get(connector)?.settings ?? {}, settings),
      removed: (connection) => endOfRemoved(runDeps, connection),
    });
  const masterKey = database.masterKey;
  const store = under(masterKey);
  const stop = new AbortController();
  const ended: Receipt[] = [];
  const rules: NetRules = {
    allow: parseAddressRules(LOOPBACK),
    cleartext: parseAddressRules(LOOPBACK),
    noProxy: [],
    ownPorts: [],
    ...options.net,
  };
  const runDeps: RunDeps = {
    clock,
    log: options.log ?? silentLog,
    connectors,
    net: ({ tenant, signal, maxRequests, deadline, mayAsk }) =>
      createNet({ tenant, rules, budget: { maxRequests, deadline }, signal, clock, mayAsk }),
    stopping: stop.signal,
    notifications: options.notifications,
    ended: async (_tenant, receipt) => {
      ended.push(receipt);
    },
  };
  const hub: TestHub = {
    store,
    masterKey,
    under,
    sync: createSyncService({ ...runDeps, store, jobs: options.jobs }),
    runDeps,
    clock,
    stop,
    ended,
    async tenant(configure) {
      const name = `t${process.pid}-${++tenants}`;
      const { id } = await store.registry.ensureTenant(name);
      const tenant = await store.tenant(id);
      await tenant.configuration.write(testConfiguration(name, configure?.(name)), { expected: null, resume: true });
      return tenant;
    },
    async close() {
      stop.abort();
      await store.close();
    },
  };
  open.push(hub);
  return hub;
}

export function testConfiguration(tenant: string, given: Partial<TenantConfiguration> = {}): TenantConfiguration {
  return {
    tenant,
    name: tenant,
    time_zone: 'Europe/Amsterdam',
    users: { admit: 'first-logon', sources: [], leaver_grace_ms: 7 * 24 * 3_600_000, domains: [], ...given.users },
    features: ['people-directory'],
    notify: [],
    connections: [],
    ...given,
  };
}

export const mochaHooks = {
  async afterAll(): Promise<void> {
    await Promise.all(open.map((hub) => hub.close().catch(() => {})));
    const database = await opening;
    if (!database) return;
    await database.release();
    await removeData(database.dataDir);
  },
};
