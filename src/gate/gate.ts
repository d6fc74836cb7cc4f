import { isUuid } from '../base/uuid.ts';
import type { SourceRecord, SourceValue } from '../contract/record.ts';
import type { DropReason, MatchKind } from '../model/model.ts';
import { inOneOrder, type MatchValue } from '../users/derive.ts';
import { normaliseEmail } from '../users/normalise.ts';
import type { Unsaid } from '../users/unsaid.ts';
import { allTexts, firstText, InvalidValue, type KeptValue, mapValue, type Naming } from './map.ts';
import type { MatchField, StreamPlan } from './plan.ts';

/**
 * What a tenant lets in at this moment, for one connection. The functions answer from memory; the gate itself knows
 * no clock and no database.
 */
export interface Rules {
  /** Keyed digest of a value, as text usable as a map key. */
  digest(kind: string, value: string): string;
  /** The user bound to this key of this connection, and whether they have left (and wait out their grace). */
  bound(keyDigest: string): { readonly user: string; readonly left: boolean } | undefined;
  /** Whether this connection already has a binding for the user. */
  hasBinding(user: string): boolean;
  /** Active users recognised by this value. */
  matching(kind: MatchKind, digest: string): readonly string[];
}

export interface Kept {
  readonly kept: true;
  readonly key: string;
  /** For streams about people. */
  readonly person: { readonly user: string; readonly keyDigest: string; readonly newBinding: boolean } | undefined;
  readonly fields: Readonly<Record<string, KeptValue>>;
  readonly matches: readonly MatchValue[];
  /** Absent fields mean unchanged. */
  readonly partial: boolean;
  /** Of a partial record of a person: the kinds of value (of a directory-id the DIRECTORY too) that it says nothing of. */
  readonly unsaid?: readonly Unsaid[];
}

export interface Dropped {
  readonly kept: false;
  readonly reason: DropReason;
  /** Digest of the key if it is bound: its row counts as seen when the record is merely `invalid`. */
  readonly boundUser: string | undefined;
  /** Digest of the key of a bound record, else undefined: nothing of a stranger leaves the gate. */
  readonly key: string | undefined;
  /** For a stranger's locker assignment: the locker, which is occupied. Names no person. */
  readonly locker: string | undefined;
}

export type Decision = Kept | Dropped;

const drop = (reason: DropReason, { boundUser, key, locker }: Partial<Dropped> = NOTHING): Dropped => ({
  kept: false,
  reason,
  boundUser,
  key,
  locker,
});
const NOTHING: Partial<Dropped> = {};

/** A database index holds no longer one. */
const LONGEST_KEY_BYTES = 512;

/**
 * From record to entity or to a reason for refusal: keep, scope, match, opt-in, map.
 * @param whole where `record` holds the plan's deciding fields alone: the same record with all its fields, asked for
 *   only if it is kept; undefined if it cannot be read
 */
export function gate(
  plan: StreamPlan,
  rules: Rules,
  record: SourceRecord,
  partial = false,
  whole: () => SourceRecord | undefined = () => record,
): Decision {
  if (!plan.featureOn) return drop('feature-off');
  if (!isRecord(record)) return drop('invalid');
  try {
    return judge(plan, rules, record, partial, whole);
  } catch (error) {
    if (!(error instanceof InvalidValue)) throw error;
    return invalid(plan, rules, record);
  }
}

// JSON may hold a null or a number where a record should be; one such entry must not end the reading.
const isRecord = (told: unknown): boolean => typeof told === 'object' && told !== null && !Array.isArray(told);

function readable(record: SourceRecord | undefined): SourceRecord {
  if (!record) throw new InvalidValue();
  return record;
}

// A value that cannot be read must not remove the row it belongs to, so the key is still looked at.
function invalid(plan: StreamPlan, rules: Rules, record: SourceRecord): Dropped {
  try {
    const key = textOf(record, plan.key);
    if (key === null) return drop('invalid');
    if (plan.declaration.person === 'none') return drop('invalid', { key });
    const bound = plan.stream === 'users' ? rules.bound(keyDigestOf(plan, rules, key)) : undefined;
    return drop('invalid', { boundUser: bound?.user, key: plan.stream === 'users' ? undefined : key });
  } catch {
    return drop('invalid');
  }
}

/**
 * The same for a record that was asked for about one user: what does not stand under their opt-in is nobody's.
 * @param user whom the source was asked about; undefined if their opt-in does not stand
 */
export function gateAbout(plan: StreamPlan, user: string | undefined, record: SourceRecord): Decision {
  if (!plan.featureOn) return drop('feature-off');
  if (!isRecord(record)) return drop('invalid');
  try {
    const key = textOf(record, plan.key);
    if (key === null || Buffer.byteLength(key) > LONGEST_KEY_BYTES) return drop('invalid');
    if (!plan.inScope(record)) return drop('out-of-scope');
    if (user === undefined) return drop('no-opt-in');
    const person = { user, keyDigest: '', newBinding: false };
    return { kept: true, key, person, fields: mapFields(plan, undefined, record, false), matches: [], partial: false };
  } catch (error) {
    if (!(error instanceof InvalidValue)) throw error;
    return drop('invalid');
  }
}

type Whole = () => SourceRecord | undefined;

function judge(plan: StreamPlan, rules: Rules, record: SourceRecord, partial: boolean, whole: Whole): Decision {
  const key = textOf(record, plan.key);
  if (key === null || Buffer.byteLength(key) > LONGEST_KEY_BYTES) return drop('invalid');
  // Whom it was asked about is not in the record: `gateAbout` is told.
  if (plan.declaration.person === 'opted-in') return drop('no-opt-in');
  if (plan.declaration.person === 'none') {
    if (!plan.inScope(record)) return drop('out-of-scope', { key });
    return {
      kept: true,
      key,
      person: undefined,
      fields: mapFields(plan, namingBy(rules), readable(whole()), partial),
      matches: [],
      partial,
    };
  }
  return plan.stream === 'users'
    ? judgeUser(plan, rules, record, key, partial, whole)
    : judgeOwned(plan, rules, record, key, partial, whole);
}

function judgeUser(
  plan: StreamPlan,
  rules: Rules,
  record: SourceRecord,
  key: string,
  partial: boolean,
  whole: Whole,
): Decision {
  const keyDigest = keyDigestOf(plan, rules, key);
  const bound = rules.bound(keyDigest);
  if (!plan.inScope(record)) return drop('out-of-scope', { boundUser: bound?.user });
  let user = bound?.user;
  // Someone who left and logged on anew is a new user; the record follows the person who is here now.
  if (!bound || bound.left) {
    const found = findPerson(plan, rules, record, bound ? undefined : { value: key, digest: keyDigest });
    if (found.length > 1) return drop('ambiguous', { boundUser: bound?.user });
    const [matched] = found;
    if (!matched && !bound) return drop('not-a-user');
    if (matched && matched !== bound?.user) {
      if (rules.hasBinding(matched)) return drop('ambiguous', { boundUser: bound?.user });
      user = matched;
    }
  }
  return {
    kept: true,
    key,
    person: { user: user!, keyDigest, newBinding: user !== bound?.user },
    fields: mapFields(plan, namingBy(rules), readable(whole()), partial),
    matches: matchValues(plan, record),
    partial,
    ...(partial ? { unsaid: plan.match.filter(({ theirs }) => !isTold(record, theirs)).map(unsaid) } : {}),
  };
}

const unsaid = ({ kind, directory }: MatchField): Unsaid => ({ kind, directory });

/** A thing that belongs to a person: it is kept for users, and for strangers nothing is. */
function judgeOwned(
  plan: StreamPlan,
  rules: Rules,
  record: SourceRecord,
  key: string,
  partial: boolean,
  whole: Whole,
): Decision {
  if (!plan.inScope(record)) return drop('out-of-scope', { key });
  const found = findPerson(plan, rules, record, undefined);
  const lockerField = plan.keep.find((field) => field.ours === 'locker');
  const locker = lockerField ? (textOf(record, lockerField.theirs) ?? undefined) : undefined;
  const named = plan.match.some((one) => textOf(record, one.theirs) !== null);
  if (found.length > 1) return drop('ambiguous', { locker });
  const [user] = found;
  if (lockerField && (!locker || Buffer.byteLength(locker) > LONGEST_KEY_BYTES)) return drop('invalid', { key });
  if (!user) return drop('not-a-user', named ? { locker } : {});
  return {
    kept: true,
    key,
    person: { user, keyDigest: '', newBinding: false },
    fields: mapFields(plan, namingBy(rules), readable(whole()), partial),
    matches: [],
    partial,
  };
}

const NOBODY: readonly string[] = [];

/** Everybody whom the record's values name, each once. */
function findPerson(
  plan: StreamPlan,
  rules: Rules,
  record: SourceRecord,
  ownKey: { readonly value: string; readonly digest: string } | undefined,
): readonly string[] {
  let found: readonly string[] = NOBODY;
  for (const field of plan.match) {
    const { kind } = field;
    // A directory's own key is digested as a directory-id already: that digest is reused.
    const own = kind === 'directory-id' && !field.elsewhere ? ownKey : undefined;
    for (const value of valuesOf(record, field.theirs)) {
      const digest = value === own?.value ? own.digest : matchDigest(rules, field, value);
      if (digest === undefined) continue;
      const users = rules.matching(kind, digest);
      // Nearly always nobody, and then one value's answer: only two make it worth comparing.
      if (users.length > 0) found = found.length === 0 ? users : [...new Set([...found, ...users])];
    }
  }
  return found;
}

function matchDigest(rules: Rules, field: MatchField, value: string): string | undefined {
  const normal = normaliseMatch(field, value);
  return normal === undefined ? undefined : rules.digest(field.kind, normal);
}

/** Values by which other connections and log-ons may recognise the user, less e-mail: that one is derived. */
function matchValues(plan: StreamPlan, record: SourceRecord): MatchValue[] {
  const matches: MatchValue[] = [];
  for (const field of plan.match) {
    if (field.kind === 'email') continue;
    for (const value of valuesOf(record, field.theirs)) {
      const normal = normaliseMatch(field, value);
      if (normal !== undefined) matches.push({ kind: field.kind, value: normal });
    }
  }
  return inOneOrder(matches);
}

function normaliseMatch({ kind, directory, elsewhere }: MatchField, value: string): string | undefined {
  if (kind === 'email' || kind === 'upn') return normaliseEmail(value);
  if (kind === 'directory-id') {
    const id = value.toLowerCase();
    // Of another directory's ids only one that is an id counts: it was copied, or stands for something else. A colon in it
    // would name a third directory.
    return elsewhere && !isUuid(id) ? undefined : `${directory}:${id}`;
  }
  return value.length <= 256 ? value : undefined;
}

const keyDigestOf = (plan: StreamPlan, rules: Rules, key: string) =>
  rules.digest('directory-id', `${plan.directory}:${key.toLowerCase()}`);

function mapFields(
  plan: StreamPlan,
  naming: Naming | undefined,
  record: SourceRecord,
  partial: boolean,
): Record<string, KeptValue> {
  const fields: Record<string, KeptValue> = {};
  for (const field of plan.keep) {
    if (partial && !isTold(record, field.theirs)) continue;
    const value = mapValue(field.declaration, firstOf(record, field.theirs), naming);
    if (value === null && field.declaration.required) throw new InvalidValue();
    fields[field.ours] = value;
  }
  const { starts_at, ends_at } = fields;
  if (typeof starts_at === 'string' && typeof ends_at === 'string' && ends_at < starts_at) throw new InvalidValue();
  return fields;
}

/** A stranger inside a record becomes nobody, and so does an address that two users have. */
const namingBy = (rules: Rules): Naming => ({
  person(email) {
    const users = rules.matching('email', rules.digest('email', email));
    return users.length === 1 ? users[0]! : null;
  },
  group: (name) => groupDigest(rules, name),
});

/** By which records belong together, without the source's name for it; also of a group that is told as a whole. */
export const groupDigest = (rules: Pick<Rules, 'digest'>, name: string): string =>
  Buffer.from(rules.digest('group', name), 'latin1').toString('base64url');

/** The first of their fields that has a value. Own properties only: a record may be hostile. */
function firstOf(record: SourceRecord, theirs: readonly string[]): SourceValue | undefined {
  for (const name of theirs) {
    if (!Object.hasOwn(record, name)) continue;
    const value = record[name];
    if (value !== undefined && value !== null && value !== '') return value;
  }
  return undefined;
}

const isTold = (record: SourceRecord, theirs: readonly string[]) => theirs.some((name) => Object.hasOwn(record, name));
const textOf = (record: SourceRecord, theirs: readonly string[]) => firstText(firstOf(record, theirs));
const valuesOf = (record: SourceRecord, theirs: readonly string[]) => allTexts(firstOf(record, theirs));

/**
 * Counts what arrived though nobody asked: by name where the vendor documents the name, else as `other`, because a
 * name can be a person's too.
 */
export function countUndeclared(plan: StreamPlan, record: SourceRecord, counts: Map<string, number>): void {
  if (!isRecord(record)) return;
  for (const name of Object.keys(record)) {
    if (plan.declared.has(name)) continue;
    const counted = plan.knownFields.has(name) ? name : 'other';
    counts.set(counted, (counts.get(counted) ?? 0) + 1);
  }
}
