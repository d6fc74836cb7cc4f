import type { Scope } from '../contract/scope.ts';
import type { Feature } from '../model/features.ts';
import type { FeedKind, RemovalReason, StreamName, UserField } from '../model/model.ts';
import type { Receipt } from '../model/receipt.ts';

/** Shapes the store takes and gives; the same words as the model and the HTTP interface. */

// ── configuration ────────────────────────────────────────────────────────────────────────────────────────────────

export interface RemovalLimit {
  /** More than this share of the rows, in percent … */
  readonly percent: number;
  /** … and more than this many rows is held. */
  readonly more_than: number;
}

export interface StreamSettings {
  readonly scope?: Scope;
  /** Ours on the left, theirs on the right: replaces the connector's own mapping for that field. */
  readonly fields?: Readonly<Record<string, string>>;
  readonly removals?: RemovalLimit;
}

export interface ConnectionConfiguration {
  readonly name: string;
  /** The name it had until now, if it is being renamed. */
  readonly was?: string;
  readonly connector: string;
  /** As its connector declares them, secrets included: sealed as one in the database. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly streams: Partial<Readonly<Record<StreamName, StreamSettings>>>;
  /** Cron expressions in the tenant's time zone; absent: only by hand. */
  readonly schedule?: string;
  readonly full?: string;
  /** What the file says: `true` keeps it idle, `false` says nothing; the live switch is `pause` and `resume`. */
  readonly paused: boolean;
}

export type Notify = { readonly email: string } | { readonly webhook: string; readonly secret?: string };

export interface TenantConfiguration {
  readonly tenant: string;
  readonly name: string;
  readonly time_zone: string;
  readonly users: {
    readonly admit: 'first-logon' | 'assigned';
    /** Connection names in order: whose word counts first, field by field. */
    readonly sources: readonly string[];
    readonly leaver_grace_ms: number;
    /** Lower-case A-label domains; empty: any. */
    readonly domains: readonly string[];
  };
  readonly features: readonly Feature[];
  readonly notify: readonly Notify[];
  readonly connections: readonly ConnectionConfiguration[];
}

export interface LiveConfiguration {
  readonly configuration: TenantConfiguration;
  /** Rises with every change; `apply` refuses when it is not the one its file was last applied at. */
  readonly version: number;
}

/** What applying would take away; shown as numbers before anything is destroyed. */
export interface Consequences {
  /** By connection name: rows that this connection alone supplies. */
  readonly connections: Readonly<
    Record<
      string,
      {
        contributions: number;
        lockers: number;
        assignments: number;
        spaces: number;
        events: number;
        user_events: number;
      }
    >
  >;
  /** By feature: users (or lockers) that lose values when it goes off. */
  readonly features: Partial<Readonly<Record<Feature, number>>>;
}

export interface ApplyOptions {
  /** The version the change was made against; `null` for a tenant that must not exist yet. */
  readonly expected: number | null;
  /** Connections that start unpaused although they are new or materially changed. */
  readonly resume: boolean;
  /** A connection that the change removes, whose place and ids another one takes. */
  readonly replaces?: Replaces;
}

export interface Replaces {
  readonly old: string;
  readonly by: string;
  /** Users known through the old one alone, as a person was shown: if there are more by now, nothing is done. */
  readonly unmatched: number;
}

/** Streams whose rows are named by a source key, and not by a person. */
export type ThingStream = 'spaces' | 'events' | 'lockers';

/** What would become of what one connection supplies if another took its place. */
export interface Replacement
  extends Readonly<Record<ThingStream, { readonly known: number; readonly matched: number }>> {
  readonly users: {
    /** For whom the old connection vouches. */
    readonly known: number;
    /** Of these, for whom the new one does too. */
    readonly matched: number;
    /** Of the rest, for whom a third one does. */
    readonly elsewhere: number;
    /** Ids of all others. */
    readonly unmatched: readonly string[];
  };
  /** Streams that the new connection has read to their end at least once. */
  readonly readCompletely: readonly StreamName[];
  /** Of the two, those that are being read at this moment. */
  readonly running: readonly string[];
}

// ── users ────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface LogOn {
  readonly email: string;
  readonly given_name: string;
  readonly family_name: string;
  /** `DIRECTORY:UUID`. */
  readonly directory_id?: string;
  /** `ISSUER SUBJECT` of a verified token. */
  readonly subject?: string;
}

export interface User {
  readonly id: string;
  readonly status: 'active' | 'left';
  /** Whether a directory vouches for the user, or ever did; false: known by log-on alone. */
  readonly confirmed: boolean;
  readonly fields: Partial<Readonly<Record<UserField, string>>>;
  readonly opt_ins: readonly Feature[];
  /** The feed number of the last change: the ETag. */
  readonly version: number;
}

export interface OptInEvidence {
  readonly text_version: string;
  readonly locale: string;
}

/** Everything held about one user, for the user. */
export interface UserAccount extends User {
  readonly contributions: readonly {
    readonly supplier: string; // a connection's name, `log-on` or `correction`
    readonly fields: Partial<Readonly<Record<UserField, string | null>>>;
    readonly read_at: string;
  }[];
  readonly match_values: readonly { readonly kind: string; readonly value: string }[];
  readonly lockers: readonly {
    readonly locker: string;
    readonly number: string | null;
    readonly until: string | null;
  }[];
  /** Events of spaces that they organise; until each ends. */
  readonly meetings: readonly {
    readonly connection: string;
    readonly space: string;
    readonly starts_at: string;
    readonly ends_at: string;
  }[];
  /** When they are busy, by the calendars of those connections; until each ends. */
  readonly busy: readonly {
    readonly connection: string;
    readonly starts_at: string;
    readonly ends_at: string;
    readonly time_zone: string | null;
    readonly all_day: boolean;
    readonly show_as: string;
    readonly spaces: readonly string[];
  }[];
  /** When those calendars were last read, and for which time. */
  readonly calendars: readonly {
    readonly connection: string;
    readonly read_at: string;
    readonly covers: { readonly from: string; readonly to: string };
  }[];
}

// ── lockers ──────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Locker {
  readonly id: string;
  readonly connection: string;
  readonly key: string;
  readonly bank: string | null;
  readonly number: string | null;
  readonly place: string | null;
  readonly status: 'free' | 'occupied' | 'blocked' | 'unknown';
  readonly size: string | null;
  readonly assignments: readonly { readonly user: string; readonly until: string | null; readonly shared: boolean }[];
  readonly version: number;
}

// ── spaces and their events ──────────────────────────────────────────────────────────────────────────────────────

export interface Space {
  readonly id: string;
  readonly connection: string;
  readonly key: string;
  readonly name: string | null;
  readonly kind: 'building' | 'floor' | 'zone' | 'room' | 'desk';
  /** The space it is in, if that one is known. */
  readonly parent: string | null;
  /** People. */
  readonly capacity: number | null;
  readonly time_zone: string | null;
  readonly equipment: readonly string[];
  readonly version: number;
}

export interface SpaceEvent {
  readonly id: string;
  readonly connection: string;
  readonly key: string;
  /** Null while no list has named it. */
  readonly space: string | null;
  readonly starts_at: string;
  readonly ends_at: string;
  readonly time_zone: string | null;
  readonly all_day: boolean;
  readonly show_as: 'free' | 'tentative' | 'busy';
  /** A user, until it ends. */
  readonly organizer: string | null;
  readonly version: number;
}

/** A time for which a user who opted in is busy. */
export interface UserEvent {
  readonly id: string;
  readonly user: string;
  readonly starts_at: string;
  readonly ends_at: string;
  readonly time_zone: string | null;
  readonly all_day: boolean;
  readonly show_as: 'free' | 'tentative' | 'busy';
  /** Spaces of ours it is in, as far as the source tells. */
  readonly spaces: readonly string[];
  readonly version: number;
}

/** When a space is taken, as far as is known. Intervals are half-open, in order, and do not touch. */
export interface SpaceAvailability {
  readonly space: string;
  /** `unknown`: never read completely, or not for all of the time asked about; `stale`: not within the last hour. */
  readonly status: 'known' | 'stale' | 'unknown';
  /** Start of the last complete reading. */
  readonly as_of: string | null;
  readonly busy: readonly { readonly from: string; readonly to: string; readonly tentative: boolean }[];
  /** Never what was not completely read. */
  readonly free: readonly { readonly from: string; readonly to: string }[];
}

export interface SpaceFilter {
  /** The space itself, and what is in it at any depth. */
  readonly within?: string;
  readonly kind?: Space['kind'];
  readonly capacity_min?: number;
  /** All of these. */
  readonly equipment?: readonly string[];
}

// ── change feed ──────────────────────────────────────────────────────────────────────────────────────────────────

export interface Change {
  readonly seq: number;
  readonly kind: FeedKind;
  readonly id: string;
  readonly op: 'upsert' | 'remove';
  readonly reason?: RemovalReason;
}

export interface ChangesPage {
  readonly items: readonly Change[];
  /** Never null. */
  readonly next: string;
  readonly more: boolean;
}

// ── connections, runs, sources ───────────────────────────────────────────────────────────────────────────────────

export type Health = 'never' | 'ok' | 'failing' | 'held' | 'quarantined' | 'stopped';

export interface ConnectionStatus {
  readonly id: string;
  readonly name: string;
  readonly connector: string;
  /** DIRECTORY of its directory-ids, unless its settings name one. */
  readonly directory: string;
  readonly paused: boolean;
  readonly schedule: string | null;
  readonly full: string | null;
  /** Not before `not_before`. */
  readonly next_due_at: string | null;
  /** Until when its source asked to be left alone: nothing is asked of it before; null: it may be asked. */
  readonly not_before: string | null;
  readonly health: Health;
  /** Since when it is not well, and why, in a sentence. */
  readonly failing_since: string | null;
  readonly failure: string | null;
  /** Why its source does not tell of all changes, or could not be told to stop; the schedule reads all the same. */
  readonly notifications_failure: string | null;
  readonly running: string | null;
}

export interface SourceStatus {
  readonly connection: string;
  readonly stream: StreamName;
  readonly first_complete_at: string | null;
  readonly last_success_at: string | null;
  /** The window of time that every part of it covers; null: not a matter of time, or not read yet. */
  readonly covers: { readonly from: string; readonly to: string } | null;
  readonly status: 'ok' | 'late' | 'held' | 'failing' | 'quarantined' | 'stopped' | 'paused' | 'never';
  /** Until when the source asked to be left alone: nothing is read before; null: it may be asked. */
  readonly not_before: string | null;
}

export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly string[];
  /** `null`: every feature the tenant has on. */
  readonly features: readonly Feature[] | null;
  readonly expires_at: string | null;
}

export interface ListPage<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

// ── the store ────────────────────────────────────────────────────────────────────────────────────────────────────

export interface UserStore {
  get(id: string): Promise<User | undefined>;
  /** By the e-mail the user has now; normalised here. */
  findByEmail(email: string): Promise<User | undefined>;
  list(page: { after: string | undefined; limit: number }): Promise<ListPage<User>>;
  many(ids: readonly string[]): Promise<ReadonlyMap<string, User>>;
  /**
   * `lookUp`: the log-on brought a value by which a directory may know the user; ask it now.
   * @throws Refused `not-admitted` (a domain the tenant does not admit) or `identity-conflict` (the values name
   * somebody else, or two people)
   */
  logOn(logOn: LogOn): Promise<{ outcome: 'created' | 'known' | 'returned'; user: User; lookUp: boolean }>;
  /** At once: rows, key first. False if there is no such user. */
  erase(id: string): Promise<boolean>;
  /**
   * `given`: it did not stand before, so a source may be asked now.
   * @throws Refused `feature-off`, `not-found`; `conflict` for a user who has left
   */
  optIn(id: string, feature: Feature, evidence: OptInEvidence): Promise<{ user: User; given: boolean }>;
  optOut(id: string, feature: Feature): Promise<User>;
  /** @throws Refused `not-found` */
  account(id: string): Promise<UserAccount>;
}

export interface ConfigurationStore {
  read(): Promise<LiveConfiguration | undefined>;
  consequences(next: TenantConfiguration): Promise<Consequences>;
  /** Whole or not at all. @throws Refused `conflict` when `expected` is not the live version */
  write(next: TenantConfiguration, options: ApplyOptions): Promise<{ version: number }>;
}

export interface ChangeStore {
  /** @throws Refused `cursor-too-old`, BadInput for a cursor that is none of ours */
  read(request: { cursor: string | undefined; limit: number; kinds: readonly FeedKind[] }): Promise<ChangesPage>;
}

export interface LockerStore {
  many(ids: readonly string[]): Promise<ReadonlyMap<string, Locker>>;
}

export interface SpaceStore {
  list(page: { after: string | undefined; limit: number }): Promise<ListPage<Space>>;
  many(ids: readonly string[]): Promise<ReadonlyMap<string, Space>>;
  /** Ids of the spaces that fit, in order, at most `limit`. */
  find(where: SpaceFilter, limit: number): Promise<readonly string[]>;
}

export interface EventStore {
  /** Overlapping `from` to `to`, in order of their ids. */
  list(page: {
    spaces: readonly string[] | undefined;
    from: string | undefined;
    to: string | undefined;
    after: string | undefined;
    limit: number;
  }): Promise<ListPage<SpaceEvent>>;
  many(ids: readonly string[]): Promise<ReadonlyMap<string, SpaceEvent>>;
  /** Of the spaces that exist, in the order asked. @param ignore events that do not count: the one being moved */
  availability(asked: {
    spaces: readonly string[];
    from: Date;
    to: Date;
    ignore: readonly string[];
    atLeastMs: number;
  }): Promise<readonly SpaceAvailability[]>;
}

export interface UserCalendarStore {
  /** What is not over, overlapping `from` to `to`, in order of ids. */
  list(page: {
    user: string;
    from: string | undefined;
    to: string | undefined;
    after: string | undefined;
    limit: number;
  }): Promise<ListPage<UserEvent>>;
  many(ids: readonly string[]): Promise<ReadonlyMap<string, UserEvent>>;
  /** Since when, and for which time, this user's calendars are known; nulls while none was read. */
  known(user: string): Promise<{
    readonly as_of: string | null;
    readonly covers: { readonly from: string; readonly to: string } | null;
  }>;
}

export interface ConnectionStore {
  list(): Promise<readonly ConnectionStatus[]>;
  /** @throws Refused `not-found` */
  get(name: string): Promise<ConnectionStatus>;
  setPaused(name: string, paused: boolean): Promise<ConnectionStatus>;
  sources(): Promise<readonly SourceStatus[]>;
  /** Writes nothing. @throws Refused `not-found` */
  replacement(old: string, by: string): Promise<Replacement>;
}

export interface RunStore {
  list(page: { connection?: string; after?: string; limit: number }): Promise<ListPage<Receipt>>;
  /** @throws Refused `not-found` */
  get(id: string): Promise<Receipt>;
}

export interface KeyStore {
  /** The whole key is in the answer and nowhere else: only a digest of its secret is stored. */
  create(key: {
    name: string;
    scopes: readonly string[];
    features: readonly Feature[] | null;
    expires_at: Date | null;
  }): Promise<{ key: string; id: string }>;
  list(): Promise<readonly ApiKey[]>;
  /** False if there is no such key. */
  revoke(id: string): Promise<boolean>;
}

/** One stored answer per key and Idempotency-Key, kept 24 h. */
export interface IdempotencyStore {
  /**
   * `new`: the caller does the work and calls `finish`; `replay`: the stored answer; `mismatch`: same key, other
   * request; `busy`: the first request is still under way.
   */
  begin(request: {
    apiKey: string;
    key: string;
    fingerprint: string;
  }): Promise<
    | { outcome: 'new' }
    | { outcome: 'replay'; status: number; body: string }
    | { outcome: 'mismatch' }
    | { outcome: 'busy' }
  >;
  /** `subject`: the user that the answer is about; their erasure takes it along. */
  finish(request: { apiKey: string; key: string; status: number; body: string; subject?: string }): Promise<void>;
  /** The work failed in a way that may be tried again. */
  forget(request: { apiKey: string; key: string }): Promise<void>;
}

/** One tenant's rows. It is given at birth and cannot be set. */
export interface TenantStore {
  readonly tenant: string;
  readonly tenantId: string;
  readonly users: UserStore;
  readonly configuration: ConfigurationStore;
  readonly changes: ChangeStore;
  readonly lockers: LockerStore;
  readonly spaces: SpaceStore;
  readonly events: EventStore;
  readonly userCalendars: UserCalendarStore;
  readonly connections: ConnectionStore;
  readonly runs: RunStore;
  readonly keys: KeyStore;
  readonly idempotency: IdempotencyStore;
}

/** A key presented by a caller, once its secret was compared. */
export interface VerifiedKey {
  readonly tenantId: string;
  readonly tenant: string;
  readonly key: ApiKey;
}
