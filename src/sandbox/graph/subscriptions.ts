import { randomUUID } from 'node:crypto';
import { type Answer, badRequest, ok, Refusal } from './answer.ts';
import type { Ask } from './ask.ts';
import { openCalendar } from './calendar-access.ts';
import type { Change } from './change.ts';
import { type Area, demand } from './permissions.ts';
import type { Route } from './route.ts';
import type { Tenant } from './tenant.ts';
import type { Json } from './types.ts';

/** Longest life in minutes (api/subscription-post): of users under 29 days, of Outlook events under seven. */
const longest_min = { users: 41_760, events: 10_080 };
const longestClientState = 128;
const changeTypes = ['created', 'updated', 'deleted'];

interface Subscription {
  readonly id: string;
  readonly resource: string;
  readonly changeType: string;
  readonly notificationUrl: string;
  readonly lifecycleNotificationUrl: string | null;
  readonly clientState: string | null;
  readonly applicationId: string;
  expirationDateTime: string;
}

/** What clients want to be told of, and the telling. One that has run out is no longer there. */
export class Subscriptions {
  readonly #byId = new Map<string, Subscription>();

  alive(now: Date): Subscription[] {
    for (const one of this.#byId.values()) if (new Date(one.expirationDateTime) <= now) this.#byId.delete(one.id);
    return [...this.#byId.values()];
  }

  add(one: Subscription): void {
    this.#byId.set(one.id, one);
  }

  remove(id: string): void {
    this.#byId.delete(id);
  }
}

export const subscriptionRoutes: readonly Route[] = [
  { method: 'POST', path: 'subscriptions', answer: create },
  { method: 'GET', path: 'subscriptions', answer: list },
  { method: 'GET', path: 'subscriptions/{id}', answer: (tenant, _, [id]) => ok(shown(find(tenant, id))) },
  { method: 'PATCH', path: 'subscriptions/{id}', answer: renew },
  {
    method: 'DELETE',
    path: 'subscriptions/{id}',
    answer: (tenant, _, [id]) => {
      tenant.subscriptions.remove(find(tenant, id).id);
      return { status: 204 };
    },
  },
];

async function create(tenant: Tenant, ask: Ask): Promise<Answer> {
  const told = ask.body as Record<string, unknown> | undefined;
  const text = (name: string) => (typeof told?.[name] === 'string' ? (told[name] as string) : '');
  const resource = text('resource').replace(/^\//, '');
  const kind = kindOf(resource);
  demand(ask, kind === 'users' ? 'users' : ('calendarChanges' satisfies Area));
  // Of a mailbox that it may not open nobody is told anything.
  if (kind === 'events') openCalendar(tenant, resource.split('/')[1] ?? '');
  const types = text('changeType').split(',');
  if (types.some((one) => !changeTypes.includes(one))) throw badRequest('Invalid changeType.');
  if (!text('notificationUrl').startsWith('https://')) {
    throw new Refusal(400, 'InvalidRequest', 'The notification URL must be an https URL.');
  }
  if (text('clientState').length > longestClientState) throw badRequest('clientState may have 128 characters at most.');
  const made: Subscription = {
    id: randomUUID(),
    resource,
    changeType: types.join(','),
    notificationUrl: text('notificationUrl'),
    lifecycleNotificationUrl: text('lifecycleNotificationUrl') || null,
    clientState: text('clientState') || null,
    applicationId: ask.token.appId,
    expirationDateTime: expiry(tenant, text('expirationDateTime'), kind),
  };
  const alike = (one: Subscription) =>
    one.resource.toLowerCase() === made.resource.toLowerCase() &&
    one.changeType === made.changeType &&
    one.notificationUrl === made.notificationUrl;
  const refuseTwin = () => {
    if (tenant.subscriptions.alive(tenant.clock.now()).some(alike)) {
      throw new Refusal(409, 'ExtensionError', 'A subscription with the same resource and changeType exists already.');
    }
  };
  refuseTwin();
  for (const url of [made.notificationUrl, made.lifecycleNotificationUrl]) {
    if (url && !(await tenant.notifier.validates(url))) {
      const text =
        'Subscription validation request failed. Response must exactly match validationToken query parameter.';
      throw new Refusal(400, 'ValidationError', text);
    }
  }
  // Another may have been made while the endpoint was asked.
  refuseTwin();
  tenant.subscriptions.add(made);
  return { status: 201, body: { ...(shown(made) as object), clientState: made.clientState } };
}

function list(tenant: Tenant): Answer {
  return ok({ value: tenant.subscriptions.alive(tenant.clock.now()).map(shown) });
}

/** A new end, and nothing else: a lifecycle URL in particular cannot be added later. */
function renew(tenant: Tenant, ask: Ask, [id = '']: readonly string[]): Answer {
  const one = find(tenant, id);
  const told = Object.entries((ask.body ?? {}) as Record<string, unknown>);
  if (told.some(([name]) => name !== 'expirationDateTime')) {
    throw badRequest('Only expirationDateTime can be changed.');
  }
  one.expirationDateTime = expiry(tenant, String(told[0]?.[1] ?? ''), kindOf(one.resource));
  return ok(shown(one));
}

/** Tells whoever subscribed. The notice names what changed and says nothing of its content. */
export function notify(tenant: Tenant, change: Change, mailbox?: readonly string[]): void {
  for (const one of tenant.subscriptions.alive(tenant.clock.now())) {
    const [, owner = '', events] = /^users(?:\/([^/]+)(\/(?:calendar\/)?events)?)?$/i.exec(one.resource) ?? [];
    const fits = mailbox ? events && mailbox.includes(owner.toLowerCase()) : !events && (!owner || owner === change.id);
    // A user who comes is told as an update: there is no `created` of users alone (api/subscription-post).
    const type = !mailbox && change.type === 'created' ? 'updated' : change.type;
    if (!fits || !one.changeType.split(',').includes(type)) continue;
    const resource = mailbox ? `Users/${owner}/Events/${change.id}` : `Users/${change.id}`;
    tenant.notifier.send(one.notificationUrl, [
      {
        subscriptionId: one.id,
        subscriptionExpirationDateTime: one.expirationDateTime,
        changeType: type,
        resource,
        resourceData: {
          '@odata.type': mailbox ? '#Microsoft.Graph.Event' : '#Microsoft.Graph.User',
          '@odata.id': resource,
          id: change.id,
        },
        clientState: one.clientState,
        tenantId: tenant.id,
      },
    ]);
  }
}

export type LifecycleEvent = 'missed' | 'reauthorizationRequired' | 'subscriptionRemoved';

/** Tells of the subscriptions to this resource themselves, wherever they want to hear of that; one removed is gone. */
export function tellLifecycle(tenant: Tenant, event: LifecycleEvent, resource: string): void {
  for (const one of tenant.subscriptions.alive(tenant.clock.now())) {
    if (one.resource.toLowerCase() !== resource.toLowerCase()) continue;
    if (event === 'subscriptionRemoved') tenant.subscriptions.remove(one.id);
    if (!one.lifecycleNotificationUrl) continue;
    tenant.notifier.send(one.lifecycleNotificationUrl, [
      {
        subscriptionId: one.id,
        subscriptionExpirationDateTime: one.expirationDateTime,
        lifecycleEvent: event,
        clientState: one.clientState,
        tenantId: tenant.id,
      },
    ]);
  }
}

function kindOf(resource: string): 'users' | 'events' {
  if (/^users(\/[^/]+)?$/i.test(resource)) return 'users';
  if (/^users\/[^/]+\/(calendar\/)?events$/i.test(resource)) return 'events';
  throw badRequest('The sandbox tells of users, users/{id} and users/{mailbox}/events.');
}

function expiry(tenant: Tenant, text: string, kind: keyof typeof longest_min): string {
  const at = Date.parse(text);
  const ahead_min = (at - tenant.clock.now().getTime()) / 60_000;
  if (!(ahead_min > 0)) throw badRequest('Subscription expiration must be a time in the future.');
  if (ahead_min > longest_min[kind]) {
    throw badRequest(`Subscription expiration can only be ${longest_min[kind]} minutes in the future.`);
  }
  return new Date(at).toISOString();
}

function find(tenant: Tenant, id: string | undefined): Subscription {
  const one = tenant.subscriptions.alive(tenant.clock.now()).find((other) => other.id === id);
  if (!one) throw new Refusal(404, 'ResourceNotFound', 'The object was not found.');
  return one;
}

/** clientState is a secret: shown when made, and never again. */
const shown = (one: Subscription): Json => ({ ...one, clientState: null });
