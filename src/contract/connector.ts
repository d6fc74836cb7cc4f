import type { FieldOf, MatchKind, StreamName } from '../model/model.ts';
import type { CheckReport } from './check.ts';
import type { Net } from './net.ts';
import type { Notifications } from './notifications.ts';
import type { Item, SourceRecord, State } from './record.ts';
import type { Scope } from './scope.ts';
import type { SettingsOf, SettingsShape } from './settings.ts';

/** A source's name for a field, or several in order of preference: the first that has a value counts. */
export type Theirs = string | readonly string[];

export interface ReadContext<S extends SettingsShape> {
  readonly settings: SettingsOf<S>;
  readonly net: Net;
  /** All that may be asked of the source: the union of the roles, less what no enabled feature needs. */
  readonly fields: readonly string[];
  /** The tenant's scope, to be pushed into the source's own filter where that is possible. */
  readonly scope: Scope | undefined;
  /** The instant of this reading by the hub's clock; from here a window of time is counted. */
  readonly now: Date;
  readonly partition: string;
  /** Only of a stream about users who opted in: whom it is asked about, and nobody else. */
  readonly people?: readonly PersonAsked[];
  readonly mode: 'full' | 'incremental';
  /** Where the last page or pass ended; `null` starts from the beginning. */
  readonly state: State | null;
  /** Aborted when the run is cancelled or its deadline passes. */
  readonly signal: AbortSignal;
}

/** A person to look for: every value by which the connection's streams could recognise them. */
export interface PersonSought {
  readonly email?: string;
  /** The UUID part of a directory-id whose DIRECTORY is this connection's. */
  readonly directoryId?: string;
  /** The same of the other DIRECTORY that a setting of this connection names; see `elsewhere`. */
  readonly elsewhereId?: string;
}

/** A user who opted in and is asked about. What is told of them is `whole(ref, records)`, also when it is nothing. */
export interface PersonAsked extends PersonSought {
  /** For the hub; it means nothing to the source and is not sent there. */
  readonly ref: string;
}

export type CheckContext<S extends SettingsShape> = Omit<ReadContext<S>, 'partition' | 'people' | 'mode' | 'state'>;

export interface LookupContext<S extends SettingsShape> extends CheckContext<S> {
  readonly people: readonly PersonSought[];
}

/** A part of a stream that is read by itself and has a state of its own: a mailbox, a bank, a base DN. */
export interface Partition {
  readonly name: string;
  /** Of events: the source key of the one space they take, so that an empty calendar is known to be that space's. */
  readonly about?: string;
  /** Of events: it is not to be read. Its name may be a person's address, so nothing of it is written down. */
  readonly refused?: Refusal;
}

/** Why a partition is not read although the settings name it. */
export interface Refusal {
  /** One sentence for tenant IT: what, where, what to do. It names nobody. */
  readonly why: string;
  /**
   * What was read of it before goes at once, whatever the limit of removals: it ought never to have been read. Not what was
   * read for a space (`about` was not its own name): whether that is no space any more, the source says only by silence.
   */
  readonly forget: boolean;
}

export interface StreamDefinition<K extends StreamName, S extends SettingsShape> {
  /** Names the record for good (role *key*). */
  readonly key: Theirs;
  /** Names a person (role *match*); digested. A `directory-id` is prefixed with the connection's directory. */
  readonly match?: { readonly [M in MatchKind]?: Theirs };
  /**
   * The person's id in another directory, from which this one was filled (role *match*): a directory-id of the DIRECTORY
   * that the setting named here names. While that setting is empty the field is neither asked for nor looked at. Told as
   * a canonical UUID; anything else is nobody's id.
   */
  readonly elsewhere?: { readonly setting: string; readonly theirs: Theirs };
  /** Looked at by scope or state, then forgotten (role *decide*); each with the reason, for tenant IT. */
  readonly decide?: Readonly<Record<string, string>>;
  /** Ours on the left, theirs on the right (role *keep*). */
  readonly keep: { readonly [F in FieldOf<K>]?: Theirs };
  /** The connector's own scope, over decide fields only: disabled accounts, machines. False is `out-of-scope`. */
  readonly inScope?: (decide: SourceRecord) => boolean;
  /** Whether a page's state still works on a new connection; if not, a killed pass starts at its first page. */
  readonly resumable?: boolean;
  /** Whether a complete reading leaves a state from which only changes are read; some leave it to a setting. */
  readonly incremental?: boolean | ((settings: SettingsOf<S>) => boolean);
  /** Whether it asks its source for the next page before it has told the last of this one. */
  readonly asksAhead?: boolean;
  /** Of a stream about users who opted in: how many of them one reading is asked about at most. */
  readonly peopleAtOnce?: number;
  /** Of the same: whether these settings want it at all. Where they do not any more, what was told goes. */
  readonly wanted?: (settings: SettingsOf<S>) => boolean;
  /** The partitions of this stream; one unnamed partition if absent. */
  readonly partitions?: (context: CheckContext<S>) => Promise<readonly Partition[]>;
  /** How many partitions may be read at a time, if the stream matches nobody; one after the other if absent. */
  readonly sideBySide?: (settings: SettingsOf<S>) => number;
  read(context: ReadContext<S>): AsyncIterable<Item>;
  /** Fetch these people now, batched; records only, removes nothing. */
  readonly lookup?: (context: LookupContext<S>) => AsyncIterable<SourceRecord>;
}

/** Something that a setting holds ends to be valid at this instant. */
export interface Expiry {
  readonly setting: string;
  readonly at: Date;
}

export interface ConnectorDefinition<S extends SettingsShape> {
  readonly name: string;
  readonly summary: string;
  /** Part of the fingerprint: another version starts a full pass. */
  readonly version: number;
  readonly settings: S;
  /** Hosts and ports to open, for the firewall page. */
  readonly network: string;
  /** The permission to grant at the source, and how to grant no more. */
  readonly permission: string;
  /** Field names the vendor documents: only these may be counted by name when they arrive undeclared. */
  readonly knownFields?: readonly string[];
  readonly streams: { readonly [K in StreamName]?: StreamDefinition<K, S> };
  /**
   * DIRECTORY of the connection's directory-ids where the setting `directory` names none; without it, the connection's
   * name. Pure. Another answer for the same settings is another directory: people are recognised anew, in a full pass.
   */
  readonly directory?: (settings: SettingsOf<S>) => string | undefined;
  /**
   * What of the secrets shows by itself when it ends, such as a certificate. Settings of the kinds `certificates` and
   * `expiry` the hub knows by itself. Pure and cheap; of a value that cannot be read it says nothing.
   */
  readonly expiries?: (settings: SettingsOf<S>) => readonly Expiry[];
  /** Can we connect; are we allowed too little or too much. Throws TryLater or NeedsAttention like a reading. */
  check(context: CheckContext<S>): Promise<CheckReport>;
  /** If the source can tell that something changed; schedules read all the same. */
  readonly notifications?: Notifications<S>;
}

/** A connector whose settings' types are forgotten: what the hub handles. */
export type Connector = ConnectorDefinition<SettingsShape>;
export type ConnectorStream = StreamDefinition<StreamName, SettingsShape>;

/** Declares a connector; the compiler refuses a field that the model does not have. */
export function connector<const S extends SettingsShape>(definition: ConnectorDefinition<S>): Connector {
  return definition as unknown as Connector;
}

/** The stream of a connector by name, typed for the hub. */
export function streamOf(of: Connector, name: StreamName): ConnectorStream | undefined {
  return of.streams[name] as ConnectorStream | undefined;
}
