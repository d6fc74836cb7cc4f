import type { Feature } from './features.ts';

/**
 * What we may know, declared once. From this follow the attributes asked of a source, what the gate lets through,
 * the columns that may exist, the "what we read and why" table and what a leak test may find.
 */

export type FieldType = 'text' | 'email' | 'phone' | 'instant' | 'flag' | 'choice';

export interface FieldDeclaration {
  readonly type: FieldType;
  /** Longest value in UTF-16 code units; a longer one makes its record `invalid`. */
  readonly maxLength: number;
  /** Why it is kept, in words for the record of processing. */
  readonly purpose: string;
  /** Kept only while this feature is on; absent: kept for every user. */
  readonly feature?: Feature;
  /** Whether it identifies a person: such values are sealed before they reach the database. */
  readonly personal: boolean;
  /** The closed list of values of a `choice`. */
  readonly choices?: readonly string[];
  /** What stands when the source says nothing that is one of the choices. */
  readonly otherwise?: string;
}

type Given = { feature?: Feature; personal?: boolean; maxLength?: number };
const field = (type: FieldType, purpose: string, given: Given = {}): FieldDeclaration => ({
  type,
  purpose,
  maxLength: given.maxLength ?? 256,
  personal: given.personal ?? false,
  ...(given.feature ? { feature: given.feature } : {}),
});
const personal = (type: FieldType, purpose: string, feature?: Feature) =>
  field(type, purpose, { personal: true, ...(feature ? { feature } : {}) });

/** The fields a connection may contribute about a user. */
export const userFields = {
  given_name: personal('text', 'Address the user and show who booked.'),
  family_name: personal('text', 'Address the user and show who booked.'),
  email: personal('email', 'Recognise the user and send what they asked for.'),
  phone: personal('phone', 'Reach the user about a booking.', 'people-directory'),
  job_title: personal('text', 'Show the role beside the name.', 'people-directory'),
  department: personal('text', 'Show the department beside the name.', 'people-directory'),
} as const satisfies Record<string, FieldDeclaration>;

export const lockerFields = {
  bank: field('text', 'Group lockers that stand together.', { feature: 'lockers' }),
  number: field('text', 'Name the locker as it is written on its door.', { feature: 'lockers' }),
  place: field('text', 'Say where the locker stands.', { feature: 'lockers' }),
  status: {
    ...field('choice', 'Show which lockers are free.', { feature: 'lockers' }),
    choices: ['free', 'occupied', 'blocked', 'unknown'],
    otherwise: 'unknown',
  },
  size: field('text', 'Choose a locker that is large enough.', { feature: 'lockers' }),
} as const satisfies Record<string, FieldDeclaration>;

export const lockerAssignmentFields = {
  locker: field('text', 'Say which locker it is, by the source system’s key.', { feature: 'lockers' }),
  until: field('instant', 'Say when the locker is handed back.', { feature: 'lockers' }),
  shared: field('flag', 'Say whether several people use the locker.', { feature: 'lockers' }),
} as const satisfies Record<string, FieldDeclaration>;

/** How a stream's records relate to a person. */
export type PersonRule =
  /** The record is about a person and is kept only if that person is a user. */
  | 'subject'
  /** The record names no person. */
  | 'none';

export interface StreamDeclaration {
  readonly entity: 'user' | 'locker' | 'locker_assignment';
  readonly person: PersonRule;
  /** The whole stream is refused unless this feature is on. */
  readonly feature?: Feature;
  readonly fields: Readonly<Record<string, FieldDeclaration>>;
}

export const streams = {
  users: { entity: 'user', person: 'subject', fields: userFields },
  lockers: { entity: 'locker', person: 'none', feature: 'lockers', fields: lockerFields },
  locker_assignments: {
    entity: 'locker_assignment',
    person: 'subject',
    feature: 'lockers',
    fields: lockerAssignmentFields,
  },
} as const satisfies Record<string, StreamDeclaration>;

export type StreamName = keyof typeof streams;
export type FieldOf<K extends StreamName> = keyof (typeof streams)[K]['fields'] & string;
export type UserField = keyof typeof userFields;
export const streamNames = Object.keys(streams) as StreamName[];
export const userFieldNames = Object.keys(userFields) as UserField[];

export function isStreamName(name: string): name is StreamName {
  return Object.hasOwn(streams, name);
}

/** Kinds of value by which a record names a person; kept as keyed digests, one key per kind. */
export const matchKinds = [
  'subject',
  'directory-id',
  'email',
  'upn',
  'employee-number',
  'badge',
  'card',
  'network-name',
] as const;
export type MatchKind = (typeof matchKinds)[number];

/** Kinds of entity that appear in the change feed. */
export const feedKinds = ['user', 'locker'] as const;
export type FeedKind = (typeof feedKinds)[number];

/** Why an entity left the feed. */
export const removalReasons = [
  'left',
  'erased',
  'opted-out',
  'feature-off',
  'expired',
  'source-removed',
  'out-of-scope',
] as const;
export type RemovalReason = (typeof removalReasons)[number];

/** Why the gate turned a record away. */
export const dropReasons = ['not-a-user', 'ambiguous', 'no-opt-in', 'out-of-scope', 'feature-off', 'invalid'] as const;
export type DropReason = (typeof dropReasons)[number];
