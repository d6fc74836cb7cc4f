import type { Clock } from '../../base/clock.ts';

/**
 * What the sandbox holds, in Graph's own words and shapes (those of `@microsoft/microsoft-graph-types`). Only what it
 * must understand is typed; whatever else an entity carries is stored and sent as handed in.
 */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json | undefined };

/**
 * A user. A property that is absent was never set, and `users/delta` leaves it out; one that is null was emptied, and
 * is sent as null. A later `putUser` that no longer names a property counts as emptying it.
 */
export interface GraphUser {
  readonly id: string;
  readonly userPrincipalName?: string | null;
  /** Without one the user has no mailbox: its calendar answers 404 MailboxNotEnabledForRESTAPI. */
  readonly mail?: string | null;
  /** As Entra keeps them: `SMTP:` and the primary address, `smtp:` and an alias. The mailbox is found by each. */
  readonly proxyAddresses?: readonly string[] | null;
  /** Base64 of an objectGUID's bytes, or whatever else the tenant synchronises by. Only sent if selected. */
  readonly onPremisesImmutableId?: string | null;
  readonly [property: string]: Json | undefined;
}

export const placeTypes = ['building', 'floor', 'section', 'room', 'roomList', 'workspace', 'desk'] as const;
export type PlaceType = (typeof placeTypes)[number];

export interface GraphPlace {
  readonly '@odata.type': `#microsoft.graph.${PlaceType}`;
  readonly id: string;
  /** Of room, workspace and roomList. A room's is a mailbox with a calendar, empty until an event is put. */
  readonly emailAddress?: string | null;
  /** Sent as handed in: the CSDL says Int32, Microsoft's own example shows "50". */
  readonly capacity?: number | string | null;
  /** Of a roomList: the e-mail addresses of its rooms and workspaces. Navigation only: not sent with the list itself. */
  readonly rooms?: readonly string[];
  readonly [property: string]: Json | undefined;
}

// Aliases and not interfaces: an interface does not fit the index signature of GraphEvent.
export type DateTimeTimeZone = {
  /** Without an offset; up to 7 fractional digits. */
  readonly dateTime: string;
  /** IANA or a common Windows name. */
  readonly timeZone: string;
};

/** One date of a series, by which `recurrence` is expanded. The sandbox does not expand rules itself. */
export type GraphOccurrence = {
  readonly id: string;
  readonly start: DateTimeTimeZone;
  readonly end: DateTimeTimeZone;
};

export interface GraphEvent {
  readonly id: string;
  readonly type: 'singleInstance' | 'seriesMaster' | 'occurrence' | 'exception';
  /** Of a master: of its first occurrence. */
  readonly start: DateTimeTimeZone;
  readonly end: DateTimeTimeZone;
  readonly isAllDay?: boolean;
  /** Where an all-day event's dates belong: its own times come as midnight of whatever zone they are asked for in. */
  readonly originalStartTimeZone?: string | null;
  /** Of an occurrence or exception; its master must have been put. */
  readonly seriesMasterId?: string | null;
  readonly recurrence?: Json;
  /**
   * Of a master: its occurrences. Putting the master again with others replaces them, and one left out is deleted as
   * Outlook deletes one: without a word. Exceptions stay until `removeEvent`.
   */
  readonly occurrences?: readonly GraphOccurrence[];
  readonly showAs?: string;
  readonly sensitivity?: string;
  readonly isCancelled?: boolean;
  readonly subject?: string | null;
  readonly [property: string]: Json | undefined;
}

export interface GraphRequest {
  readonly method: string;
  /** Path with query, as it arrived; of a request inside a batch with `/v1.0` in front, as if it had come alone. */
  readonly url: string;
  /** Names in lower case; those of the inner request inside a batch. The bearer token itself is replaced by `***`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether it came inside a `$batch`. */
  readonly batched: boolean;
  readonly status: number;
  /** When it arrived, by this Graph's clock. */
  readonly at: Date;
}

/** An answer instead of the real one. */
export interface GraphFault {
  /** 429, 503, 504 … */
  readonly status: number;
  /** Only of this method. */
  readonly method?: string;
  /** Only where path with query contains this or matches it; of the authority too. Default: every request. */
  readonly path?: string | RegExp;
  /** `outer`: a request by itself, and the whole of a `$batch`. `inner`: one request inside a batch. Default `outer`. */
  readonly where?: 'outer' | 'inner';
  /** Retry-After: seconds, an HTTP date, or (absent) none at all, as some services send it. */
  readonly retryAfter?: number | Date;
  /** How many answers; default 1. */
  readonly times?: number;
  /** How many matching requests pass before the first; default 0. */
  readonly after?: number;
  /** Default: what Graph says at that status. */
  readonly code?: string;
  /** `html`: what a gateway before Graph answers. `cut`: half of the right answer, then the connection ends. */
  readonly body?: 'json' | 'html' | 'cut';
}

/** Oddities that the service shows now and then, here whenever switched on. All are off at first. */
export interface GraphOddities {
  /** Before every page of a delta round comes an empty one with a nextLink. */
  readonly emptyPages?: boolean;
  /** An entity comes twice in a round: its former state before its present one, and again at the next page's start. */
  readonly duplicates?: boolean;
  /** No page of a calendar's delta has more entries, whatever size was preferred; a series is told whole all the same. */
  readonly longestPage?: number;
  /** A later round tells the round before it again. */
  readonly replays?: boolean;
  /**
   * Ids of users, single events and series masters whose changes no delta tells while they are named here, not even a first
   * round; the first round after does. Of others it tells meanwhile, and reading by id shows what is. Notifications are sent.
   */
  readonly late?: readonly string[];
  /** A later round of users/delta tells the changed properties alone, though nobody preferred it. */
  readonly sparse?: boolean;
  /** getSchedule as the older page has it: "Busy" for "busy", and `0` in availabilityView for working elsewhere. */
  readonly olderSchedule?: boolean;
  /** A private event that calendarView lists cannot be had by its id (microsoft-graph-docs#14494). */
  readonly privateNotById?: boolean;
  /** nextLink and deltaLink point to this origin: what a client must refuse to follow. */
  readonly linkOrigin?: string;
  /** Answers take this long; then a fifth request to one mailbox at a time is 429 MailboxConcurrency. */
  readonly latency_ms?: number;
}

export interface TokenExpiry {
  readonly status: 400 | 410;
  /** As spelt here; Graph itself spells syncStateNotFound, SyncStateNotFound, resyncRequired. */
  readonly code: string;
  /** A Location header that starts over, with an empty `$deltatoken`; or one to this URL. */
  readonly location?: boolean | string;
}

/** An issuer that the application trusts to say who a workload is. */
export interface FederatedCredential {
  readonly issuer: string;
  readonly subject: string;
  /** Default: `api://AzureADTokenExchange`. */
  readonly audience?: string;
  /** PEM of the RSA key that the issuer publishes. */
  readonly publicKey: string;
}

export interface SandboxGraphOptions {
  readonly tls: { readonly key: string; readonly cert: string };
  /** GUID. */
  readonly tenantId: string;
  /** GUID. */
  readonly clientId: string;
  readonly clientSecret: string;
  /** PEM certificates whose keys may sign a client assertion. */
  readonly certificates?: readonly string[];
  /** Whose tokens sign the application in, without a secret. */
  readonly federated?: readonly FederatedCredential[];
  /** Default: any free one. */
  readonly port?: number;
  readonly clock?: Clock;
  /** Entries on a page where the client does not say; default 100. */
  readonly pageSize?: number;
  /** PEM of the authority that issued the certificates of notification endpoints. */
  readonly notificationAuthority?: string;
}

export interface SandboxGraph {
  /** `https://127.0.0.1:PORT` (no version; the client adds /v1.0). */
  readonly graphUrl: string;
  /** `https://127.0.0.1:PORT` (the authority host; POST /{tenant}/oauth2/v2.0/token). */
  readonly loginUrl: string;
  /** The last 10,000 requests, oldest first: method, path with query, and headers (no bodies). */
  requests(): readonly GraphRequest[];
  putUser(user: GraphUser): void;
  /** `changed`: soft-deleted, restorable with `putUser`. `deleted`: for good. */
  removeUser(id: string, reason: 'changed' | 'deleted'): void;
  putPlace(place: GraphPlace): void;
  removePlace(id: string): void;
  /**
   * @param members ids of users, and of groups put before
   * @param mail of a group that is also a distribution list
   */
  putGroup(id: string, members: readonly string[], mail?: string): void;
  /** @param mailbox e-mail address, user principal name or user id; it need not be that of a user or place */
  putEvent(mailbox: string, event: GraphEvent): void;
  /** Removing an occurrence takes it out of its series without a word; removing a master takes the whole series. */
  removeEvent(mailbox: string, id: string): void;
  /** Ends every delta token handed out before now. */
  expireTokens(how: TokenExpiry): void;
  /** The next answers that match are faults; several faults are tried in the order in which they were given. */
  fault(fault: GraphFault): void;
  oddities(oddities: GraphOddities): void;
  /**
   * Application permissions, as in the `roles` of tokens given out from now on (a token keeps the roles it was born
   * with). Default: User.Read.All, Place.Read.All, Calendars.ReadBasic.All.
   */
  grant(roles: readonly string[]): void;
  /**
   * The mailboxes to which an Application Access Policy limits what Entra grants; undefined: all. Others: 403
   * ErrorAccessDenied "Access to OData is disabled."
   */
  scopeMailboxes(mailboxes: readonly string[] | undefined): void;
  /**
   * The mailboxes for which Exchange grants `Application Calendars.Read` (RBAC for Applications). It adds to what Entra
   * grants, is in no token, and takes nothing away. To be told of changes it is taken for not enough: nobody has said.
   */
  grantInExchange(mailboxes: readonly string[] | undefined): void;
  /** Subscriptions that stand, by what they are about; never with their secrets. */
  subscriptions(): readonly { readonly id: string; readonly resource: string; readonly expirationDateTime: string }[];
  /** Tells whoever subscribed to this resource that something is the matter with the subscription itself. */
  lifecycle(event: 'missed' | 'reauthorizationRequired' | 'subscriptionRemoved', resource: string): void;
  stop(): Promise<void>;
}
