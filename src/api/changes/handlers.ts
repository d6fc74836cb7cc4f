import { setTimeout as pause } from 'node:timers/promises';
import type { Feature } from '../../model/features.ts';
import type { FeedKind } from '../../model/model.ts';
import { feedKinds } from '../../model/model.ts';
import type { Change, ChangesPage, TenantStore, VerifiedKey } from '../../store/types.ts';
import { hasScope } from '../auth.ts';
import { userEventView } from '../events/of-user.ts';
import { eventView } from '../events/view.ts';
import { lockerView } from '../lockers/view.ts';
import type { Answer, Call } from '../route.ts';
import { scopeOfKind } from '../scopes.ts';
import { spaceView } from '../spaces/view.ts';
import { isFor, userView } from '../users/view.ts';
import type { ChangesQuery } from './schema.ts';

/**
 * A tenant whose feed moves all the time, in kinds this reader does not see, would otherwise be read as fast as the
 * database answers for as long as the poll lasts.
 */
const BETWEEN_READS_MS = 100;

export async function readChanges(call: Call<unknown, ChangesQuery>): Promise<Answer> {
  const { query, store, caller } = call;
  const kinds = visibleKinds(caller).filter((kind) => query.kinds === undefined || query.kinds.includes(kind));
  const page = await firstChanges(call, kinds);
  const entities = query.include === 'entities' ? await current(store, caller, page.items) : undefined;
  return {
    status: 200,
    body: {
      items: page.items.map(({ seq, kind, id, op, reason }) => ({
        seq,
        kind,
        id,
        op,
        ...(reason === undefined ? {} : { reason }),
        ...(entities && op === 'upsert' ? { entity: entities.get(id) ?? null } : {}),
      })),
      next: page.next,
      more: page.more,
    },
  };
}

/** Where every field of a kind is for one feature. */
const featureOfKind: Readonly<Partial<Record<FeedKind, Feature>>> = {
  locker: 'lockers',
  space: 'room-booking',
  event: 'room-booking',
  user_event: 'hybrid-meetings',
};

/** What the key may see: the kind's scope, and the feature that every one of its fields is for. */
export function visibleKinds(caller: VerifiedKey): FeedKind[] {
  return feedKinds.filter((kind) => {
    const feature = featureOfKind[kind];
    // Each is of a user: to whom may not read users, the id would be a name for somebody all the same.
    if (kind === 'user_event' && !hasScope(caller, 'users:read')) return false;
    return hasScope(caller, scopeOfKind[kind]) && (feature === undefined || isFor(caller, feature));
  });
}

/** Reads; if there is nothing and the caller is ready to wait, waits holding nothing, and reads again. */
async function firstChanges(call: Call<unknown, ChangesQuery>, kinds: readonly FeedKind[]): Promise<ChangesPage> {
  const { query, store, deps, signal } = call;
  const read = (cursor: string | undefined) => store.changes.read({ cursor, limit: query.limit, kinds });
  const endMs = performance.now() + query.wait * 1000;
  let page = await read(query.cursor);
  while (page.items.length === 0 && !page.more && !signal.aborted) {
    const leftMs = endMs - performance.now();
    if (leftMs <= 0) break;
    await deps.waitForChange(store.tenantId, page.next, leftMs, signal);
    if (signal.aborted) break;
    page = await read(page.next);
    if (page.items.length === 0) await pause(BETWEEN_READS_MS, undefined, { signal }).catch(() => undefined);
  }
  return page;
}

/** The entities of a page as they are now, in one query per kind; as a GET with this key would show them. */
async function current(
  store: TenantStore,
  caller: VerifiedKey,
  items: readonly Change[],
): Promise<ReadonlyMap<string, unknown>> {
  const ids = (kind: FeedKind) =>
    items.filter((item) => item.kind === kind && item.op === 'upsert').map(({ id }) => id);
  const views = new Map<string, unknown>();
  const users = ids('user');
  if (users.length > 0) for (const [id, user] of await store.users.many(users)) views.set(id, userView(user, caller));
  const lockers = ids('locker');
  if (lockers.length > 0)
    for (const [id, locker] of await store.lockers.many(lockers)) views.set(id, lockerView(locker));
  const spaces = ids('space');
  if (spaces.length > 0) for (const [id, space] of await store.spaces.many(spaces)) views.set(id, spaceView(space));
  const events = ids('event');
  if (events.length > 0)
    for (const [id, event] of await store.events.many(events)) views.set(id, eventView(event, caller));
  const userEvents = ids('user_event');
  if (userEvents.length > 0)
    for (const [id, event] of await store.userCalendars.many(userEvents)) views.set(id, userEventView(event));
  return views;
}
