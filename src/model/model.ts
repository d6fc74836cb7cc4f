import type { Feature } from './features.ts';

/**
 * What we may know, declared once. From this follow the attributes asked of a source, what the gate lets through,
 * the columns that may exist, the "what we read and why" table and what a leak test may find.
 */

export type FieldType =
  | 'text'
  | 'email'
  | 'phone'
  | 'instant'
  | 'flag'
  | 'choice'
  /** A number of people or things: a whole number from 0, sent as a number or as text. */
  | 'count'
  /** An IANA time zone. */
  | 'zone'
  /** Short words, each once and in order. */
  | 'codes'
  /** An e-mail address inside a record that is not about a person: kept as the user it is, or not at all. */
  | 'person'
  /** A name of the source's by which records belong together: kept as a keyed digest. */
  | 'group';

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
  /** Without it the record is `invalid`. */
  readonly required?: boolean;
}

type Given = { feature?: Feature; personal?: boolean; maxLength?: number; required?: boolean };
const field = (type: FieldType, purpose: string, given: Given = {}): FieldDeclaration => ({
  type,
  purpose,
  maxLength: given.maxLength ?? 256,
  personal: given.personal ?? false,
  ...(given.feature ? { feature: given.feature } : {}),
  ...(given.required ? { required: true } : {}),
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

export const spaceFields = {
  name: field('text', 'Name the space as people call it.', { feature: 'room-booking' }),
  kind: {
    ...field('choice', 'Tell buildings, floors and zones from what can be booked.', { feature: 'room-booking' }),
    choices: ['building', 'floor', 'zone', 'room', 'desk'],
    otherwise: 'room',
  },
  parent: field('text', 'Say in which space it is, by the source system’s key.', { feature: 'room-booking' }),
  capacity: field('count', 'Choose a room that is large enough.', { feature: 'room-booking' }),
  time_zone: field('zone', 'Show its times as its clock shows them.', { feature: 'room-booking' }),
  equipment: field('codes', 'Choose a room that has what is needed.', { feature: 'room-booking' }),
} as const satisfies Record<string, FieldDeclaration>;

export const eventFields = {
  space: field('text', 'Say which space is taken, by the source system’s key.', {
    feature: 'room-booking',
    required: true,
  }),
  starts_at: field('instant', 'Say from when the space is taken.', { feature: 'room-booking', required: true }),
  ends_at: field('instant', 'Say until when the space is taken.', { feature: 'room-booking', required: true }),
  time_zone: field('zone', 'Show its times as they were meant.', { feature: 'room-booking' }),
  all_day: field('flag', 'Show that it takes the whole day.', { feature: 'room-booking' }),
  show_as: {
    ...field('choice', 'Say whether the space is taken for certain.', { feature: 'room-booking' }),
    choices: ['free', 'tentative', 'busy'],
    // What a source says that we do not know may well mean taken.
    otherwise: 'busy',
  },
  organizer: field('person', 'Let a user find their own booking; until it ends, and of users only.', {
    feature: 'room-booking',
    personal: true,
  }),
  series: field('group', 'Replace a series as a whole.', { feature: 'room-booking', maxLength: 1024 }),
} as const satisfies Record<string, FieldDeclaration>;

export const userEventFields = {
  starts_at: field('instant', 'Say from when the user is busy.', { feature: 'hybrid-meetings', required: true }),
  ends_at: field('instant', 'Say until when the user is busy.', { feature: 'hybrid-meetings', required: true }),
  time_zone: field('zone', 'Show its times as they were meant.', { feature: 'hybrid-meetings' }),
  all_day: field('flag', 'Show that it takes the whole day.', { feature: 'hybrid-meetings' }),
  show_as: {
    ...field('choice', 'Say whether the user is busy for certain.', { feature: 'hybrid-meetings' }),
    choices: ['free', 'tentative', 'busy'],
    otherwise: 'busy',
  },
  spaces: field('codes', 'Say in which of our spaces it is, by the source system’s keys.', {
    feature: 'hybrid-meetings',
  }),
} as const satisfies Record<string, FieldDeclaration>;

/** How a stream's records relate to a person. */
export type PersonRule =
  /** The record is about a person and is kept only if that person is a user. */
  | 'subject'
  /** The record is about a user who opted in: the hub names them to the source and asks about nobody else. */
  | 'opted-in'
  /** The record names no person. */
  | 'none';

export interface StreamDeclaration {
  readonly entity: 'user' | 'locker' | 'locker_assignment' | 'space' | 'event' | 'user_event';
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
  spaces: { entity: 'space', person: 'none', feature: 'room-booking', fields: spaceFields },
  events: { entity: 'event', person: 'none', feature: 'room-booking', fields: eventFields },
  user_events: { entity: 'user_event', person: 'opted-in', feature: 'hybrid-meetings', fields: userEventFields },
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
export const feedKinds = ['user', 'locker', 'space', 'event', 'user_event'] as const;
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
