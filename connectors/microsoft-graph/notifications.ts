import {
  type HeldSubscription,
  type KeepContext,
  type Kept,
  NeedsAttention,
  type Notice,
  type NoticeOfChange,
  type Notifications,
  type Pushed,
  type Received,
  type Subscription,
  TryLater,
  type Watched,
} from '../../src/contract/index.ts';
import { type Answer, codeOf, isRecord } from './answer.ts';
import { mailboxOf } from './mailboxes.ts';
import { notGraph, type Session, sessionOf } from './session.ts';
import type { settings as shape } from './settings.ts';

/**
 * How long a subscription is asked for, in minutes. At most 41,760 of users and 10,080 of events (concepts/
 * change-notifications-overview.md, "Subscription lifetime"); less, lest our clock be behind theirs.
 */
const LIFE_MIN = { users: 41_700, events: 10_000 } as const;
type Kind = keyof typeof LIFE_MIN;
/** There is no `created` of users alone: who comes is told as an update. */
const CHANGES = { users: 'updated,deleted', events: 'created,updated,deleted' } as const;

const MOST_NOTICES = 1_000;
const page = 'as "Notifications" in the README of microsoft-graph says';

export const notifications: Notifications<typeof shape> = {
  streams: ['users', 'events'],
  on: ({ notifications: on }) => on === true,
  keep,
  receive,
};

/**
 * Graph tests the address with `validationToken`, decoded once from the query, and wants it back. Of a notification
 * nothing is looked at but whose it is: what `resource` and `resourceData` name would be somebody's meeting.
 */
function receive({ query, body }: Pushed): Received {
  const { validationToken } = query;
  if (validationToken !== undefined) return { answer: validationToken };
  const told = isRecord(body) && Array.isArray(body.value) ? body.value.slice(0, MOST_NOTICES) : [];
  return { notices: told.flatMap((one: unknown) => noticeIn(one) ?? []) };
}

/** By `lifecycleEvent`, where it is one (concepts/change-notifications-lifecycle-events.md). */
const LIFECYCLE: Readonly<Record<string, NoticeOfChange>> = {
  missed: 'missed',
  reauthorizationRequired: 'renew',
  subscriptionRemoved: 'removed',
};

function noticeIn(told: unknown): Notice | undefined {
  if (!isRecord(told)) return undefined;
  const { subscriptionId: subscription, clientState: secret, lifecycleEvent, changeType } = told;
  if (!isShort(subscription) || !isShort(secret)) return undefined;
  if (lifecycleEvent === undefined || lifecycleEvent === null)
    return typeof changeType === 'string' ? { subscription, secret, kind: 'changed' } : undefined;
  const kind = typeof lifecycleEvent === 'string' && Object.hasOwn(LIFECYCLE, lifecycleEvent);
  return kind ? { subscription, secret, kind: LIFECYCLE[lifecycleEvent]! } : undefined;
}

/** clientState has 128 characters at most; a subscription's id is a GUID. */
const isShort = (text: unknown): text is string => typeof text === 'string' && text.length > 0 && text.length <= 128;

async function* keep(context: KeepContext<typeof shape>): AsyncGenerator<Kept> {
  const keeping = new Keeping(context);
  const names = new Set(context.watched.map(nameOf));
  const standing = new Map<string, HeldSubscription>();
  const over: (() => Promise<Kept[]>)[] = [];
  for (const held of context.held) {
    const stands = names.has(nameOf(held)) && !standing.has(nameOf(held));
    if (stands && !held.lost && !held.moved && held.expiresAt > context.now) standing.set(nameOf(held), held);
    else over.push(() => keeping.end(held));
  }
  yield* keeping.each(over, 'ended');
  const due: (() => Promise<Kept[]>)[] = [];
  for (const watched of context.watched) {
    const held = standing.get(nameOf(watched));
    if (!held) due.push(() => keeping.make(watched));
    else if (held.renew || keeping.isHalfOver(held)) due.push(() => keeping.renew(held));
  }
  yield* keeping.each(due, 'had');
}

const nameOf = ({ stream, partition }: Watched): string => `${stream}/${partition}`;

class Keeping {
  readonly #context: KeepContext<typeof shape>;
  readonly #session: Session;

  constructor(context: KeepContext<typeof shape>) {
    this.#context = context;
    this.#session = sessionOf(context);
  }

  isHalfOver({ stream, expiresAt }: Subscription): boolean {
    return expiresAt.getTime() - this.#context.now.getTime() < (LIFE_MIN[stream as Kind] * 60_000) / 2;
  }

  /**
   * As many at a time as requests may be under way. One that is refused is told when all others have been tried, unless
   * none was granted: then the rest would fare no better.
   */
  async *each(due: readonly (() => Promise<Kept[]>)[], what: 'had' | 'ended'): AsyncGenerator<Kept> {
    const atOnce = this.#context.settings.in_flight;
    let refused: NeedsAttention | undefined;
    let count = 0;
    let granted = 0;
    for (let from = 0; from < due.length; from += atOnce) {
      const outcomes = await Promise.allSettled(due.slice(from, from + atOnce).map((one) => one()));
      for (const outcome of outcomes)
        if (outcome.status === 'fulfilled') {
          granted++;
          yield* outcome.value;
        }
      for (const outcome of outcomes) {
        if (outcome.status === 'fulfilled') continue;
        if (!(outcome.reason instanceof NeedsAttention)) throw outcome.reason;
        refused ??= outcome.reason;
        count++;
      }
      if (granted === 0) break;
    }
    if (!refused) return;
    throw new NeedsAttention(
      `${count === 1 ? 'One subscription' : `${count} subscriptions`} for notifications could not be ${what}, and schedules read all the same; of the first: ${refused.message}`,
    );
  }

  async end({ id, lost, expiresAt }: HeldSubscription): Promise<Kept[]> {
    if (!lost && expiresAt > this.#context.now) {
      const { status } = await this.#session.remove(pathOf(id));
      // 404: it has ended already.
      if (status !== 204 && status !== 200 && status !== 404) throw this.#refused({ status, headers: {}, body: null });
    }
    return [{ kept: 'ended', id }];
  }

  /** Renewing also confirms it, where Graph asked for that. One that is no longer there is made anew. */
  async renew(held: HeldSubscription): Promise<Kept[]> {
    const { id, stream, partition } = held;
    const asked = this.#end(stream as Kind);
    const answer = await this.#session.patch(pathOf(id), { expirationDateTime: asked.toISOString() });
    if (answer.status === 404) return [{ kept: 'ended', id }, ...(await this.make(held))];
    if (answer.status !== 200) throw this.#refused(answer);
    return [{ kept: 'renewed', subscription: { id, stream, partition, expiresAt: endIn(answer, asked) } }];
  }

  async make({ stream, partition }: Watched): Promise<Kept[]> {
    const resource = await this.#resource(stream as Kind, partition);
    const secret = this.#context.newSecret();
    const asked = this.#end(stream as Kind);
    const { address } = this.#context;
    const wanted = {
      changeType: CHANGES[stream as Kind],
      resource,
      notificationUrl: address,
      // Cannot be added later.
      lifecycleNotificationUrl: address,
      clientState: secret,
      expirationDateTime: asked.toISOString(),
    };
    let answer = await this.#session.post('/subscriptions', wanted);
    if (answer.status === 409) {
      await this.#removeTwins(resource);
      answer = await this.#session.post('/subscriptions', wanted);
    }
    if (answer.status !== 201) throw this.#refused(answer);
    const id = isRecord(answer.body) ? answer.body.id : undefined;
    if (typeof id !== 'string' || !isShort(id)) throw notGraph();
    return [{ kept: 'made', secret, subscription: { id, stream, partition, expiresAt: endIn(answer, asked) } }];
  }

  /** One that was made by a run which was killed before it could be written down: its secret is lost. */
  async #removeTwins(resource: string): Promise<void> {
    const twins: string[] = [];
    const alike = (text: unknown) =>
      typeof text === 'string' && text.replace(/^\//, '').toLowerCase() === resource.toLowerCase();
    for await (const { entries } of this.#session.pages('/v1.0/subscriptions', (answer) => this.#refused(answer)))
      for (const { id, resource: theirs, notificationUrl } of entries)
        if (typeof id === 'string' && alike(theirs) && notificationUrl === this.#context.address) twins.push(id);
    for (const id of twins) await this.#session.remove(pathOf(id));
  }

  async #resource(kind: Kind, partition: string): Promise<string> {
    if (kind === 'users') return 'users';
    // Asked once more: no subscription for a mailbox that tenant IT did not name, or that is refused.
    await mailboxOf(this.#session, partition);
    return `users/${partition}/events`;
  }

  #end(kind: Kind): Date {
    return new Date(this.#context.now.getTime() + LIFE_MIN[kind] * 60_000);
  }

  /** Its text quotes the address that was to be called. */
  #refused(answer: Answer): NeedsAttention | TryLater {
    const code = codeOf(answer);
    if (answer.status === 400 && code === 'validationerror')
      return new NeedsAttention(
        `Microsoft cannot reach this hub at SLUICE_PUBLIC_URL, or gets no answer in time: let requests to /push/v1/ through from the internet, ${page}.`,
      );
    if (answer.status === 403)
      return new NeedsAttention(
        `Microsoft Graph may not tell us of changes (403): for calendars this needs Calendars.Read, ${page}.`,
      );
    if (answer.status === 404)
      return new NeedsAttention('Microsoft Graph finds no mailbox to tell changes of (404): run `sluice check`.');
    if (answer.status >= 500) return new TryLater('Microsoft Graph cannot make a subscription at the moment.');
    return new NeedsAttention(
      `Microsoft Graph refuses a subscription for notifications (${answer.status}): report this; schedules carry on.`,
    );
  }
}

const pathOf = (id: string): string => `/subscriptions/${encodeURIComponent(id)}`;

/** Graph may have granted less, or more, than was asked for. */
function endIn({ body }: Answer, asked: Date): Date {
  const told =
    isRecord(body) && typeof body.expirationDateTime === 'string' ? Date.parse(body.expirationDateTime) : Number.NaN;
  return Number.isNaN(told) ? asked : new Date(told);
}
