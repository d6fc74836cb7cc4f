import type { FeedKind } from '../model/model.ts';

/**
 * What a key may do, declared once: the keys a tenant makes, the routes and the published list follow from it.
 * A scope opens exactly what it says; `admin` opens `/admin/v1` and nothing of `/v1`.
 */
export const scopes = {
  'users:read': 'Read users and follow their changes.',
  'users:write': 'Tell the hub of a log-on.',
  'users:erase': 'Erase a user.',
  'opt-ins:write': 'Give and withdraw opt-ins for a user.',
  'spaces:read': 'Read buildings, floors, rooms and desks.',
  'events:read': 'Read when spaces and users are busy.',
  'lockers:read': 'Read lockers and follow their changes.',
  'lockers:act': 'Claim, open and release lockers.',
  'locations:read': 'Read where a user was last seen.',
  'presences:read': 'Read who is checked in at a site.',
  'occupancy:read': 'Read how many places are in use.',
  'changes:read': 'Follow the change feed, for the kinds the other scopes open.',
  'sources:read': 'Read how fresh each source is.',
  'requests:write': 'File a user’s request about their data.',
  admin: 'Everything under /admin/v1: connections, runs, keys.',
} as const satisfies Record<string, string>;

export type ScopeName = keyof typeof scopes;
export const scopeNames = Object.keys(scopes) as [ScopeName, ...ScopeName[]];

/** The scope that opens each kind of the change feed. */
export const scopeOfKind: Readonly<Record<FeedKind, ScopeName>> = {
  user: 'users:read',
  locker: 'lockers:read',
  space: 'spaces:read',
  event: 'events:read',
  user_event: 'events:read',
};
