import { type Clock, systemClock } from '../base/clock.ts';
import { Refused } from '../base/errors.ts';
import { type MasterKey, rewrapped, TenantKeys } from '../crypto/keys.ts';
import type { Kept } from '../gate/gate.ts';
import type { Feature } from '../model/features.ts';
import type { StreamName } from '../model/model.ts';
import { type KeyVerification, keyStore, parseKey } from './api-keys.ts';
import { applyPage, type PageInput, type PageOutcome } from './apply-page.ts';
import { settleDirectory } from './bound-directory.ts';
import { changeStore } from './changes.ts';
import { type AskedAs, configurationStore, type EssentialSettings, type NamedDirectory } from './configuration.ts';
import { connectionStore } from './connections.ts';
import { inTenant, type TenantContext } from './context.ts';
import { Database, type Tx } from './database.ts';
import { eventStore } from './events.ts';
import { type ExpiryDue, markExpiries } from './expiries.ts';
import { forgetRefused, type RunAccount } from './forget-refused.ts';
import { idempotencyStore } from './idempotency.ts';
import { acquireLease, endRun, type HealthChange, holdLease, type Lease, type RunEnd, yieldLease } from './lease.ts';
import { leaveAlone, leftAloneUntil } from './left-alone.ts';
import { lockerStore } from './lockers.ts';
import { applyLookup, peopleSought } from './lookup.ts';
import {
  applyOptedIn,
  applyOptedInNow,
  forgetOptedIn,
  type OptedIn,
  type OptedInPage,
  type OptedInPass,
  optedIn,
} from './opted-in.ts';
import { beginPass, forgetPartitions, type Pass, partitionsOf } from './pass.ts';
import { isProven, type PresentedPushToken, parsePushToken, pushToken } from './push-token.ts';
import { type QuietStore, quietStore, type RemovedConnection } from './quiet.ts';
import { openRegistry, type Registry } from './registry.ts';
import { lockRules, RulesInMemory } from './rules.ts';
import { type RunDecisions, runStore } from './runs.ts';
import { spaceStore } from './spaces.ts';
import { sql } from './sql.ts';
import { type SubscriptionStore, subscriptionStore } from './subscriptions.ts';
import type { ConnectionStatus, TenantStore, VerifiedKey } from './types.ts';
import { upkeep } from './upkeep.ts';
import { userCalendarStore } from './user-events.ts';
import { userStore } from './users.ts';

export { ConfigurationChanged, type JudgedPage, type PageOutcome } from './apply-page.ts';
export { cursorSeq } from './changes.ts';
export { type HealthChange, type Lease, LostLease } from './lease.ts';
export { keptWait, LONGEST_WAIT_MS } from './left-alone.ts';
export { migrate, planMigrations } from './migrate.ts';
export type { OptedIn, OptedInPage } from './opted-in.ts';
export type { Pass } from './pass.ts';
export type { QuietStore, RemovedConnection } from './quiet.ts';
export type { DueConnection, Registry } from './registry.ts';
export type { RulesInMemory } from './rules.ts';
export type { RulesView } from './rules-view.ts';
export type { Wish } from './subscriptions.ts';
export * from './types.ts';
export type { ToldOfUser } from './user-events.ts';

/** What runs need of one tenant's store beyond what the API does. */
export interface HubTenantStore extends TenantStore {
  readonly runs: TenantStore['runs'] & RunDecisions;
  readonly keys: TenantStore['keys'] & KeyVerification;
  readonly subscriptions: SubscriptionStore;
  readonly quiet: QuietStore;
  /** What a source calls this connection by. It is a secret: it goes into an address, and nowhere else. */
  pushToken(connectionId: string): string;
  provesPush(presented: PresentedPushToken): boolean;
  acquire(connectionId: string, wanted: { trigger: string; run?: string }): Promise<Lease>;
  /** @throws LostLease */
  hold(lease: Lease): Promise<{ cancelled: boolean }>;
  end(lease: Lease, end: RunEnd, within?: (tx: Tx, health: HealthChange) => Promise<void>): Promise<HealthChange>;
  yieldLease(lease: Lease): Promise<void>;
  beginPass(lease: Lease, wanted: Parameters<typeof beginPass>[2]): Promise<Pass>;
  /** Names of the partitions of a stream that were ever read. */
  partitionsOf(connectionId: string, stream: StreamName): Promise<readonly string[]>;
  /** Those of them that are read no more, as soon as nothing of theirs is left. */
  forgetPartitions(lease: Lease, stream: StreamName, names: readonly string[]): Promise<void>;
  /** All that was kept of calendars that ought never to have been read; see `forgetRefused`. */
  forgetRefused(lease: Lease, names: readonly string[], account: RunAccount): ReturnType<typeof forgetRefused>;
  applyPage(pass: Pass, rules: RulesInMemory, page: PageInput): Promise<PageOutcome>;
  /** Who is let in now. */
  loadedRules(connectionId: string): Promise<RulesInMemory>;
  /** Users who opted in to a feature, with what a connection may ask about them by. */
  optedIn(feature: Feature, directory: string, wanted: Parameters<typeof optedIn>[3]): Promise<OptedIn[]>;
  applyOptedIn(pass: OptedInPass, page: OptedInPage, ofRun: Parameters<typeof applyOptedIn>[3]): Promise<PageOutcome>;
  applyOptedInNow(connectionId: string, page: OptedInPage): Promise<void>;
  /** What the connection told of users goes: its settings switched that off. */
  forgetOptedIn(lease: Lease): Promise<void>;
  /** @param elsewhere DIRECTORY of the other directory whose ids the connection's records carry */
  peopleSought(
    users: readonly string[],
    directory: string,
    elsewhere: string | undefined,
  ): ReturnType<typeof peopleSought>;
  applyLookup(connectionId: string, readAt: Date, judge: (rules: RulesInMemory) => readonly Kept[]): Promise<number>;
  /** The wish for a full run that no full run has met yet, if there is one: its number. */
  fullWanted(connectionId: string): Promise<number | undefined>;
  /** A full run that had read this wish when it began has ended; a later wish still stands. */
  fullDone(connectionId: string, wish: number): Promise<void>;
  /** The next run, whenever it comes, reads everything. */
  wantFull(connectionId: string): Promise<void>;
  /** A connection that cannot look people up is read in full soon: at its next slot, a minute from now at most. */
  wantSoon(connectionId: string): Promise<void>;
  /** Until when the connection's source asked to be left alone; `undefined`: it may be asked now. */
  leftAloneUntil(connectionId: string): Promise<Date | undefined>;
  /** Nothing is asked of it before, a day at most. @returns the instant that stands */
  leaveAlone(connectionId: string, until: Date): Promise<Date>;
  /** Keyed by the tenant: tells equal from different and nothing else. Hexadecimal. */
  digest(kind: string, value: string): string;
  upkeep(graceMs: number): Promise<{ leavers: number }>;
  /** Before records are judged under this DIRECTORY; see `settleDirectory`. */
  settleDirectory(connectionId: string, directory: string, named: string | null): Promise<void>;
  /** Tells each threshold before the end of a certificate or secret once; see `markExpiries`. */
  markExpiries(
    connectionId: string,
    standing: readonly ExpiryDue[],
    tell: (tx: Tx, due: ExpiryDue) => Promise<void>,
  ): Promise<readonly ExpiryDue[]>;
}

export interface Store {
  readonly registry: Registry;
  /** @throws Refused `not-found` */
  tenant(id: string): Promise<HubTenantStore>;
  tenantByName(name: string): Promise<HubTenantStore>;
  /** The key as presented by a caller; `undefined` for anything that opens nothing. */
  authenticate(token: string): Promise<VerifiedKey | undefined>;
  /** The connection that a push token names; `undefined` for anything that opens nothing. */
  openPush(token: string): Promise<{ tenant: HubTenantStore; connection: ConnectionStatus } | undefined>;
  close(): Promise<void>;
}

export interface StoreOptions {
  readonly url: string;
  readonly master: MasterKey;
  readonly applicationName: string;
  readonly clock?: Clock;
  readonly poolSize?: number;
  /** Changing only other settings is not a material change; left out: every setting counts. */
  readonly essentialSettings?: EssentialSettings;
  /** Only another value of these ends a wait that the source asked for; left out: of any setting. */
  readonly askedAs?: AskedAs;
  /** DIRECTORY of a connection as far as its settings say one; left out: what the setting `directory` says. */
  readonly namedDirectory?: NamedDirectory;
  /** Called for each connection that was removed, once that is durable. Waited for; it must not throw. */
  readonly removed?: (connection: RemovedConnection) => Promise<void>;
}

/** Opens a store over a migrated database. */
export function openStore(options: StoreOptions): Store {
  const clock = options.clock ?? systemClock;
  const db = new Database(options);
  const registry = openRegistry(db, options.master);
  const opened = new Map<string, HubTenantStore>();

  async function open(id: string): Promise<HubTenantStore> {
    const there = opened.get(id);
    if (there) return there;
    const [row] = await db.tenant(id, (tx) =>
      tx.rows<{ name: string; data_key: Buffer; digest_key: Buffer }>(sql`
        SELECT t.name, k.data_key, k.digest_key FROM registry.tenant t
          JOIN sluice.tenant_key k ON k.tenant_id = t.id WHERE t.id = ${id}`),
    );
    if (!row) throw new Refused('not-found', 'There is no such tenant.');
    const wrapped = { dataKey: row.data_key, digestKey: row.digest_key };
    const keys = new TenantKeys(options.master, id, wrapped);
    // A rotation of SLUICE_KEY is over for a tenant as soon as it is opened: the old key is needed no more.
    const again = rewrapped(options.master, id, wrapped);
    if (again) {
      await db.tenant(id, (tx) =>
        tx.run(sql`
          UPDATE sluice.tenant_key SET data_key = ${again.dataKey}, digest_key = ${again.digestKey}
           WHERE tenant_id = ${id} AND data_key = ${wrapped.dataKey}`),
      );
    }
    const tenant = tenantStore({ db, clock, tenant: row.name, tenantId: id, keys }, options);
    opened.set(id, tenant);
    return tenant;
  }

  return {
    registry,
    tenant: open,
    async tenantByName(name) {
      const found = await registry.byName(name);
      if (!found)
        throw new Refused(
          'not-found',
          `There is no tenant ${/^[a-z0-9-]{1,40}$/.test(name) ? name : 'of that name'} on this hub; \`sluice apply FILE\` makes one.`,
        );
      return open(found.id);
    },
    async authenticate(token) {
      const presented = parseKey(token);
      const found = presented && (await registry.byName(presented.tenant));
      if (!presented || !found) return undefined;
      const key = await (await open(found.id)).keys.verify(presented);
      return key && { tenantId: found.id, tenant: found.name, key };
    },
    async openPush(token) {
      const presented = parsePushToken(token);
      const found = presented && (await registry.byName(presented.tenant));
      if (!presented || !found) return undefined;
      const tenant = await open(found.id);
      if (!tenant.provesPush(presented)) return undefined;
      const connection = (await tenant.connections.list()).find(({ id }) => id === presented.connectionId);
      return connection && { tenant, connection };
    },
    close: () => db.close(),
  };
}

const everySetting: EssentialSettings = ({ settings }) => settings;
const byItsSetting: NamedDirectory = ({ settings: { directory } }) =>
  typeof directory === 'string' && directory !== '' ? directory : undefined;

function tenantStore(
  context: TenantContext,
  { essentialSettings = everySetting, askedAs = everySetting, namedDirectory = byItsSetting, removed }: StoreOptions,
): HubTenantStore {
  const { tenant, tenantId } = context;
  const reading = { essential: essentialSettings, askedAs, namedDirectory };
  const configuration = configurationStore(context, reading, removed);
  const domains = async () => (await configuration.read())?.configuration.users.domains ?? [];
  return {
    tenant,
    tenantId,
    users: userStore(context, domains),
    configuration,
    changes: changeStore(context),
    lockers: lockerStore(context),
    spaces: spaceStore(context),
    events: eventStore(context),
    userCalendars: userCalendarStore(context),
    connections: connectionStore(context, (tx) => configuration.current(tx)),
    runs: runStore(context),
    keys: keyStore(context),
    subscriptions: subscriptionStore(context),
    quiet: quietStore(context),
    pushToken: (connectionId) => pushToken(context.keys, tenant, connectionId),
    provesPush: (presented) => isProven(context.keys, presented),
    idempotency: idempotencyStore(context),
    acquire: (connectionId, wanted) => acquireLease(context, connectionId, wanted),
    hold: (lease) => inTenant(context, (tx) => holdLease(tx, tenantId, lease)),
    end: (lease, end, within) => endRun(context, lease, end, within),
    yieldLease: (lease) => yieldLease(context, lease),
    beginPass: (lease, wanted) => beginPass(context, lease, wanted),
    partitionsOf: (connectionId, stream) => partitionsOf(context, connectionId, stream),
    forgetPartitions: (lease, stream, names) => forgetPartitions(context, lease, stream, names),
    forgetRefused: (lease, names, account) => forgetRefused(context, lease, names, account),
    applyPage: (pass, rules, page) => applyPage(context, pass, rules, page),
    async loadedRules(connectionId) {
      const rules = new RulesInMemory(context, connectionId);
      await inTenant(context, async (tx) => rules.load(tx, await lockRules(tx, tenantId, 'shared')));
      return rules;
    },
    optedIn: (feature, directory, wanted) => optedIn(context, feature, directory, wanted),
    applyOptedIn: (pass, page, ofRun) => applyOptedIn(context, pass, page, ofRun),
    applyOptedInNow: (connectionId, page) => applyOptedInNow(context, connectionId, page),
    forgetOptedIn: (lease) => forgetOptedIn(context, lease),
    peopleSought: (users, directory, elsewhere) => peopleSought(context, users, directory, elsewhere),
    applyLookup: (connectionId, readAt, judge) =>
      applyLookup(context, connectionId, new RulesInMemory(context, connectionId), readAt, judge),
    fullWanted: (connectionId) =>
      inTenant(context, async (tx) => {
        const [row] = await tx.rows<{ wish: number }>(sql`
          SELECT full_wanted AS wish FROM registry.connection
           WHERE tenant_id = ${tenantId} AND id = ${connectionId} AND full_wanted > full_done`);
        return row?.wish;
      }),
    fullDone: async (connectionId, wish) => {
      await inTenant(context, (tx) =>
        tx.run(sql`
          UPDATE registry.connection SET full_done = greatest(full_done, ${wish})
           WHERE tenant_id = ${tenantId} AND id = ${connectionId}`),
      );
    },
    wantFull: async (connectionId) => {
      await inTenant(context, (tx) =>
        tx.run(sql`
          UPDATE registry.connection SET full_wanted = full_wanted + 1
           WHERE tenant_id = ${tenantId} AND id = ${connectionId}`),
      );
    },
    wantSoon: async (connectionId) => {
      const soon = new Date(context.clock.now().getTime() + 60_000);
      await inTenant(context, (tx) =>
        tx.run(sql`
          UPDATE registry.connection
             SET full_wanted = full_wanted + 1,
                 next_due_at = CASE WHEN paused OR schedule IS NULL THEN next_due_at ELSE least(next_due_at, ${soon}::timestamptz) END
           WHERE tenant_id = ${tenantId} AND id = ${connectionId}`),
      );
    },
    leftAloneUntil: (connectionId) => leftAloneUntil(context, connectionId),
    leaveAlone: (connectionId, until) => inTenant(context, (tx) => leaveAlone(tx, context, connectionId, until)),
    digest: (kind, value) => context.keys.digest(kind, value).toString('hex'),
    upkeep: (graceMs) => upkeep(context, graceMs),
    settleDirectory: (connectionId, directory, named) => settleDirectory(context, connectionId, directory, named),
    markExpiries: (connectionId, standing, tell) => markExpiries(context, connectionId, standing, tell),
  };
}
