import { systemClock } from '../../base/clock.ts';
import { AccessTokens } from './access-token.ts';
import type { Change } from './change.ts';
import { Faults } from './faults.ts';
import { Gateway } from './gateway.ts';
import { type Listener, listen } from './listener.ts';
import { Mailboxes } from './mailboxes.ts';
import { Notifier } from './notifier.ts';
import { People } from './people.ts';
import { Places } from './places.ts';
import { StateTokens } from './state-tokens.ts';
import { notify, Subscriptions, tellLifecycle } from './subscriptions.ts';
import type { Tenant } from './tenant.ts';
import type { GraphRequest, SandboxGraph, SandboxGraphOptions } from './types.ts';

export type * from './types.ts';

const keptRequests = 10_000;

/**
 * A live Microsoft Graph on loopback, with the Entra endpoints that give out its tokens. It is written against the
 * documentation and against what its users found out, oddities included, and knows what a reader of people, places and
 * calendars asks; anything else is refused as Graph refuses it. Nothing can be written to it but subscriptions.
 */
export async function startSandboxGraph(options: SandboxGraphOptions): Promise<SandboxGraph> {
  const { clock = systemClock } = options;
  const people = new People();
  const places = new Places();
  const tenant: Tenant = {
    id: options.tenantId,
    clientId: options.clientId,
    clientSecret: options.clientSecret,
    certificates: options.certificates ?? [],
    federated: options.federated ?? [],
    clock,
    pageSize: options.pageSize ?? 100,
    origin: '',
    linkOrigin: () => tenant.oddities.linkOrigin ?? tenant.origin,
    people,
    places,
    groups: new Map(),
    mailboxes: new Mailboxes(people, places),
    stateTokens: new StateTokens(clock, options.clientSecret),
    subscriptions: new Subscriptions(),
    notifier: new Notifier(options.notificationAuthority),
    roles: ['User.Read.All', 'Place.Read.All', 'Calendars.ReadBasic.All'],
    scope: undefined,
    inExchange: undefined,
    oddities: {},
  };
  const tell = (change: Change | undefined, mailbox?: string) => {
    if (change) notify(tenant, change, mailbox === undefined ? undefined : tenant.mailboxes.namesOf(mailbox));
  };
  const faults = new Faults();
  const requests: GraphRequest[] = [];
  const witness = (request: GraphRequest) => {
    requests.push(request);
    if (requests.length > keptRequests) requests.shift();
  };
  let gateway: Gateway | undefined;
  const listener: Listener = await listen(options.tls, options.port ?? 0, async (...request) => {
    gateway ??= new Gateway(tenant, new AccessTokens(clock, tenant.origin, tenant.id), faults, witness);
    return gateway.read(...request);
  });
  tenant.origin = `https://127.0.0.1:${listener.port}`;

  return {
    graphUrl: tenant.origin,
    loginUrl: tenant.origin,
    requests: () => [...requests],
    putUser: (user) => tell(people.put(user)),
    removeUser: (id, reason) => tell(people.remove(id, reason)),
    putPlace: (place) => places.put(place),
    removePlace: (id) => places.remove(id),
    putGroup: (id, members, mail) => tenant.groups.set(id.toLowerCase(), { members: [...members], mail }),
    putEvent: (mailbox, event) => tell(tenant.mailboxes.at(mailbox).put(event), mailbox),
    removeEvent: (mailbox, id) => tell(tenant.mailboxes.at(mailbox).remove(id), mailbox),
    expireTokens: (how) => tenant.stateTokens.expire(how),
    fault: (fault) => faults.add(fault),
    oddities: (oddities) => {
      tenant.oddities = { ...tenant.oddities, ...oddities };
      people.late(tenant.oddities.late);
      tenant.mailboxes.late(tenant.oddities.late);
    },
    grant: (roles) => {
      tenant.roles = [...roles];
    },
    scopeMailboxes: (mailboxes) => {
      tenant.scope = mailboxes && new Set(mailboxes.map((one) => one.toLowerCase()));
    },
    grantInExchange: (mailboxes) => {
      tenant.inExchange = mailboxes && new Set(mailboxes.map((one) => one.toLowerCase()));
    },
    subscriptions: () =>
      tenant.subscriptions
        .alive(clock.now())
        .map(({ id, resource, expirationDateTime }) => ({ id, resource, expirationDateTime })),
    lifecycle: (event, resource) => tellLifecycle(tenant, event, resource),
    stop: () => {
      tenant.notifier.stop();
      return listener.stop();
    },
  };
}
