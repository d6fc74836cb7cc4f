import type { Clock } from '../../base/clock.ts';
import type { Mailboxes } from './mailboxes.ts';
import type { Notifier } from './notifier.ts';
import type { People } from './people.ts';
import type { Places } from './places.ts';
import type { StateTokens } from './state-tokens.ts';
import type { Subscriptions } from './subscriptions.ts';
import type { FederatedCredential, GraphOddities } from './types.ts';

/** One Microsoft 365 tenant: what it holds, who may read it, and how it misbehaves. Every operation is given it. */
export interface Tenant {
  readonly id: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly certificates: readonly string[];
  readonly federated: readonly FederatedCredential[];
  readonly clock: Clock;
  readonly pageSize: number;
  /** Where it listens; known once it does. */
  origin: string;
  /** What links in answers start with. */
  linkOrigin(): string;

  readonly people: People;
  readonly places: Places;
  /** By id; `members` are ids. */
  readonly groups: Map<string, { readonly members: readonly string[]; readonly mail?: string | undefined }>;
  readonly mailboxes: Mailboxes;
  readonly stateTokens: StateTokens;
  readonly subscriptions: Subscriptions;
  readonly notifier: Notifier;

  roles: readonly string[];
  /** In lower case. Beyond them what `roles` grants is kept away. */
  scope: ReadonlySet<string> | undefined;
  /** In lower case. What Exchange grants, whatever the roles and the scope. */
  inExchange: ReadonlySet<string> | undefined;
  oddities: GraphOddities;
}
