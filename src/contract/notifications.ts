import type { StreamName } from '../model/model.ts';
import type { CheckContext } from './connector.ts';
import type { SettingsOf, SettingsShape } from './settings.ts';

/** What a source can be asked to tell changes of: one partition of one stream. */
export interface Watched {
  readonly stream: StreamName;
  readonly partition: string;
}

/** One standing request to be told of changes. */
export interface Subscription extends Watched {
  /** The source's name for it. */
  readonly id: string;
  readonly expiresAt: Date;
}

export interface HeldSubscription extends Subscription {
  /** The source asked for it to be renewed before its time. */
  readonly renew: boolean;
  /** The source said that it is no more. */
  readonly lost: boolean;
  /** The source calls another address than today's: it is to be ended, and made anew. */
  readonly moved: boolean;
}

export interface KeepContext<S extends SettingsShape>
  extends Pick<CheckContext<S>, 'settings' | 'net' | 'now' | 'signal'> {
  /** What the hub holds; those of partitions that are watched no more included. */
  readonly held: readonly HeldSubscription[];
  /** What is to be watched from now on; empty: nothing, whatever is held is to be ended. */
  readonly watched: readonly Watched[];
  /** Where the source is to call. It names the connection: a secret of its own, never to be shown. */
  readonly address: string;
  /** A new secret, which the source is to send along with every notification. At most 64 visible characters. */
  newSecret(): string;
}

/** What became of a subscription, told as soon as it is true at the source: a kill loses one at most. */
export type Kept =
  | { readonly kept: 'made'; readonly subscription: Subscription; readonly secret: string }
  | { readonly kept: 'renewed'; readonly subscription: Subscription }
  | { readonly kept: 'ended'; readonly id: string };

/** A request that arrived at the connection's address. Nothing in it can be believed yet. */
export interface Pushed {
  readonly query: Readonly<Record<string, string>>;
  /** JSON of at most 256 KiB; undefined if it brought none. */
  readonly body: unknown;
}

/**
 * `changed`: read this partition soon; `missed`: the same, because the source could not tell of every change; `renew`:
 * renew the subscription now; `removed`: the source has ended it, and may have changed since.
 */
export type NoticeOfChange = 'changed' | 'missed' | 'renew' | 'removed';

export interface Notice {
  /** The source's name for the subscription. */
  readonly subscription: string;
  /** As the source sent it; the hub compares it with the one that was told. */
  readonly secret: string;
  readonly kind: NoticeOfChange;
}

export type Received =
  /** The source tries the address: this plain text, sent back as it is, proves that somebody is there. */
  { readonly answer: string } | { readonly notices: readonly Notice[] };

/**
 * How a source tells that something changed. A notification is never the data: it says which partition to read, and
 * whoever forges one gains a reading that was due anyway.
 */
export interface Notifications<S extends SettingsShape> {
  /** Streams whose changes the source can tell. */
  readonly streams: readonly StreamName[];
  /** Whether tenant IT switched them on. */
  on(settings: SettingsOf<S>): boolean;
  /**
   * Makes, renews and ends subscriptions at the source until it holds what is watched. Only what is due costs a request.
   * A throw ends it and fails no run: schedules carry on.
   */
  keep(context: KeepContext<S>): AsyncIterable<Kept>;
  /** Pure, and quick: the source waits. Whatever is not understood is no notice. */
  receive(pushed: Pushed): Received;
}
