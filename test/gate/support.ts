import { type Connector, complete, connector, type Item, type SourceRecord } from '../../src/contract/index.ts';
import type { Rules } from '../../src/gate/gate.ts';
import { type PlanInput, planStream, type StreamPlan } from '../../src/gate/plan.ts';
import type { StreamName } from '../../src/model/model.ts';
import { employee, memorySource } from '../support/memory-source.ts';

async function* nothing(): AsyncIterable<Item> {
  yield complete();
}

/** Lockers and assignments as a facility system tells them. */
export const lockersConnector: Connector = connector({
  name: 'lockers',
  summary: 'Lockers of a test.',
  version: 1,
  network: 'None.',
  permission: 'None.',
  settings: {},
  streams: {
    lockers: { key: 'No', keep: { number: 'No', status: 'Status', place: ['Place', 'Room'] }, read: nothing },
    locker_assignments: {
      key: 'Id',
      match: { email: 'Mail' },
      keep: { locker: 'No', until: 'Until', shared: 'Shared' },
      read: nothing,
    },
  },
  check: async () => ({ findings: [] }),
});

export const usersConnector: Connector = { ...memorySource().connector, knownFields: ['pager', 'homePhone'] };

export function planOf(stream: StreamName, given: Partial<PlanInput> = {}): StreamPlan {
  const connector = stream === 'users' ? usersConnector : lockersConnector;
  return planStream({
    connector,
    stream,
    directory: 'people',
    features: new Set(['people-directory', 'lockers']),
    ...given,
  });
}

/** A user as a test knows them: by the values that recognise them and the keys of entries that are bound to them. */
export interface KnownUser {
  readonly id: string;
  readonly email?: string;
  readonly directoryIds?: readonly string[];
  readonly bound?: readonly string[];
  readonly left?: boolean;
}

/** Rules in memory whose digests can be read. `asked` lists every value that was digested. */
export function rulesOf(users: readonly KnownUser[]): Rules & { readonly asked: string[] } {
  const asked: string[] = [];
  const digest = (kind: string, value: string) => {
    asked.push(value);
    return `${kind} ${value}`;
  };
  const recognisedBy = ({ email, directoryIds = [] }: KnownUser) => [
    ...(email ? [`email ${email}`] : []),
    ...directoryIds.map((id) => `directory-id ${id}`),
  ];
  return {
    asked,
    digest,
    bound: (key) => {
      const user = users.find(({ bound = [] }) => bound.some((one) => `directory-id people:${one}` === key));
      return user && { user: user.id, left: user.left ?? false };
    },
    hasBinding: (id) => users.some((user) => user.id === id && !user.left && (user.bound ?? []).length > 0),
    matching: (_kind, digested) =>
      users.flatMap((user) => (!user.left && recognisedBy(user).includes(digested) ? [user.id] : [])),
  };
}

/** The directory's entry of person `n`, and the user that person is. */
export const entry = (n: number, more: SourceRecord = {}): SourceRecord => employee(n, more);
export const keyOf = (n: number): string => String(employee(n).id);
export const userOf = (n: number, more: Partial<KnownUser> = {}): KnownUser => ({
  id: `user-${n}`,
  email: `p${n}@acme.example`,
  ...more,
});
