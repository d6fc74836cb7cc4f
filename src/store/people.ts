import type { UserKey } from '../crypto/keys.ts';
import { type Contribution, deriveUser, type MatchValue } from '../users/derive.ts';
import { CORRECTION, isConnection, LOG_ON, type TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { announce, type FeedEntry } from './feed.ts';
import { sql } from './sql.ts';

/**
 * Users being changed in one transaction: loaded and locked in id order, changed in memory, derived and written
 * once. What did not change is not written, so an unchanged pass leaves no trace.
 */

type Fields = Contribution['fields'];

interface HeldContribution extends Contribution {
  readonly readAt: Date;
}

interface HeldMatch {
  readonly kind: MatchValue['kind'];
  readonly digest: Buffer;
  readonly sealed: Buffer;
}

export type Written = 'created' | 'updated' | 'unchanged' | 'stale';

export class Person {
  readonly id: string;
  readonly key: UserKey;
  readonly isNew: boolean;
  status: 'active' | 'left';
  confirmed: boolean;
  readonly contributions: Map<string, HeldContribution>;
  /** Match values as they are stored, by kind and digest. */
  readonly recognisedBy: Map<string, HeldMatch>;
  readonly touched = new Set<string>();
  /** Has left, or is leaving now: match values and optional fields go, the grace runs. */
  leaving: boolean;
  readonly #openFields: () => Fields;
  #fields: Fields | undefined;

  /** @param given.openFields called at most once, when the fields are first looked at: opening is what costs */
  constructor(given: {
    id: string;
    key: UserKey;
    isNew: boolean;
    status: 'active' | 'left';
    confirmed: boolean;
    openFields: () => Fields;
  }) {
    this.id = given.id;
    this.key = given.key;
    this.isNew = given.isNew;
    this.status = given.status;
    this.confirmed = given.confirmed;
    this.#openFields = given.openFields;
    this.leaving = given.status === 'left';
    this.contributions = new Map();
    this.recognisedBy = new Map();
  }

  get fields(): Fields {
    this.#fields ??= this.#openFields();
    return this.#fields;
  }

  /** Opened, for whoever must see the values themselves. */
  matches(): MatchValue[] {
    return [...this.recognisedBy.values()].map(({ kind, sealed }) => ({
      kind,
      value: this.key.open('match_value', kind, this.id, sealed),
    }));
  }

  /** A supplier's word; an older reading never replaces a newer one. */
  say(supplier: string, contribution: Contribution, readAt: Date): Written {
    const before = this.contributions.get(supplier);
    if (before && before.readAt > readAt) return 'stale';
    const same = before !== undefined && sameContribution(before, contribution);
    if (same && this.status === 'active') return 'unchanged';
    this.leaving = false;
    this.contributions.set(supplier, { ...contribution, readAt });
    this.touched.add(supplier);
    return before ? 'updated' : 'created';
  }

  /** Records that the supplier said the same again, now: a lookup is newer than a pass that began before it. */
  confirmReadAt(supplier: string, readAt: Date): void {
    const before = this.contributions.get(supplier);
    if (!before || before.readAt >= readAt) return;
    this.contributions.set(supplier, { ...before, readAt });
    this.touched.add(supplier);
  }

  unsay(supplier: string): boolean {
    const had = this.contributions.delete(supplier);
    if (had) this.touched.add(supplier);
    return had;
  }

  get hasDirectory(): boolean {
    return [...this.contributions.keys()].some(isConnection);
  }
}

const canonical = ({ fields, matches }: Contribution): string =>
  JSON.stringify([Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)), matches]);
const sameContribution = (a: Contribution, b: Contribution): boolean => canonical(a) === canonical(b);

/** The digest stored beside a contribution: equal words of one user have equal digests, and nobody else's compare. */
export function contributionDigest({ keys }: TenantContext, user: string, contribution: Contribution): Buffer {
  return keys.digest('contribution', `${user} ${canonical(contribution)}`);
}

interface UserRow {
  id: string;
  status: 'active' | 'left';
  confirmed: boolean;
  fields: Buffer;
  wrapped: Buffer;
}

/**
 * Locks the users, in id order as everybody does, and opens what is known of them. Unknown ids are absent. The lock
 * lets rows that refer to a user (another page's locker assignments) be written meanwhile, in whatever order.
 */
export async function loadPeople(tx: Tx, context: TenantContext, ids: readonly string[]): Promise<Map<string, Person>> {
  const people = new Map<string, Person>();
  if (ids.length === 0) return people;
  const { tenantId, keys } = context;
  const wanted = [...new Set(ids)].sort();
  const rows = await tx.rows<UserRow>(sql`
    SELECT u.id, u.status, u.confirmed, u.fields,
           (SELECT k.wrapped FROM sluice.user_key k WHERE k.tenant_id = u.tenant_id AND k.user_id = u.id) AS wrapped
      FROM sluice.users u
     WHERE u.tenant_id = ${tenantId} AND u.id = ANY(${wanted}::uuid[])
     ORDER BY u.id FOR NO KEY UPDATE OF u`);
  for (const row of rows) {
    const key = keys.userKey(row.id, row.wrapped);
    const openFields = () => JSON.parse(key.open('users', 'fields', row.id, row.fields)) as Fields;
    people.set(row.id, new Person({ ...row, key, openFields, isNew: false }));
  }
  await loadContributions(tx, context, people);
  const matches = await tx.rows<HeldMatch & { user_id: string }>(sql`
    SELECT user_id, kind, digest, value AS sealed FROM sluice.match_value
     WHERE tenant_id = ${tenantId} AND user_id = ANY(${[...people.keys()]}::uuid[])`);
  for (const { user_id, ...match } of matches) people.get(user_id)!.recognisedBy.set(nameOf(match), match);
  return people;
}

const nameOf = ({ kind, digest }: Pick<HeldMatch, 'kind' | 'digest'>) => `${kind} ${digest.toString('latin1')}`;

async function loadContributions(tx: Tx, { tenantId }: TenantContext, people: Map<string, Person>): Promise<void> {
  const rows = await tx.rows<{ user_id: string; supplier: string; fields: Buffer; read_at: Date }>(sql`
    SELECT user_id, supplier, fields, read_at FROM sluice.contribution
     WHERE tenant_id = ${tenantId} AND user_id = ANY(${[...people.keys()]}::uuid[])`);
  for (const { user_id, supplier, fields, read_at } of rows) {
    const person = people.get(user_id)!;
    const opened = JSON.parse(person.key.open('contribution', supplier, user_id, fields)) as Contribution;
    person.contributions.set(supplier, { ...opened, readAt: read_at });
  }
}

/** A user who does not exist yet; `savePeople` writes them, with a key of their own. */
export async function newPerson(tx: Tx, { tenantId, keys }: TenantContext, id: string): Promise<Person> {
  const { key, wrapped } = keys.newUserKey(id);
  await tx.run(sql`INSERT INTO sluice.user_key (tenant_id, user_id, wrapped) VALUES (${tenantId}, ${id}, ${wrapped})`);
  return new Person({ id, key, isNew: true, status: 'active', confirmed: false, openFields: () => ({}) });
}

/** Whose word counts first: correction, connections as the tenant ordered them, log-on. */
export async function supplierOrder(tx: Tx, { tenantId }: TenantContext): Promise<string[]> {
  const rows = await tx.rows<{ id: string }>(sql`
    SELECT id FROM registry.connection WHERE tenant_id = ${tenantId} ORDER BY source_rank NULLS LAST, name`);
  return [CORRECTION, ...rows.map(({ id }) => id), LOG_ON];
}

export interface Saved {
  /** Users whose entity changed. */
  readonly changed: readonly string[];
  /** Match values came or went: whoever gates from memory must read the rules again. */
  readonly identityChanged: boolean;
  readonly came: readonly Recognised[];
  readonly went: readonly Recognised[];
}

/** One match value as the gate knows it. */
export interface Recognised {
  readonly kind: MatchValue['kind'];
  readonly digest: Buffer;
  readonly user: string;
}

interface Settled {
  readonly person: Person;
  readonly fields: Partial<Record<string, string>>;
  readonly came: readonly (Recognised & MatchValue)[];
  readonly went: readonly Recognised[];
  readonly changed: boolean;
}

/** What writing this person changes, of them and of who is recognised. */
function settle({ keys }: TenantContext, person: Person, order: readonly string[]): Settled {
  const inOrder = order.flatMap((supplier) => person.contributions.get(supplier) ?? []);
  const derived = deriveUser(inOrder);
  const fields = person.leaving ? namesOnly(person.fields) : derived.fields;
  const matches = person.leaving ? [] : derived.matches;
  const wanted = new Map(
    matches.map(({ kind, value }) => {
      const match = { kind, value, digest: keys.digest(kind, value), user: person.id };
      return [nameOf(match), match];
    }),
  );
  const came = [...wanted].flatMap(([name, match]) => (person.recognisedBy.has(name) ? [] : [match]));
  const went = [...person.recognisedBy].flatMap(([name, { kind, digest }]) =>
    wanted.has(name) ? [] : [{ kind, digest, user: person.id }],
  );
  const status = person.leaving ? 'left' : 'active';
  const changed =
    person.isNew ||
    status !== person.status ||
    person.hasDirectory !== person.confirmed ||
    !sameFields(fields, person.fields);
  return { person, fields, came, went, changed };
}

function sameFields(one: Fields, other: Fields): boolean {
  const names = Object.keys(one) as (keyof Fields)[];
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}

function namesOnly(fields: Fields): Partial<Record<string, string>> {
  const kept: Partial<Record<string, string>> = {};
  for (const name of ['given_name', 'family_name', 'email'] as const) {
    const value = fields[name];
    if (value) kept[name] = value;
  }
  return kept;
}

/** Derives and writes; the feed head is taken last. `extra` are announcements that belong to the same transaction. */
export async function savePeople(
  tx: Tx,
  context: TenantContext,
  people: Iterable<Person>,
  extra: readonly FeedEntry[] = [],
): Promise<Saved & { extraVersions: readonly number[] }> {
  const all = [...people];
  const order = all.length > 0 ? await supplierOrder(tx, context) : [];
  const settled = all.map((person) => settle(context, person, order));
  const changed = settled.filter((one) => one.changed);
  // New rows first: contributions and match values refer to them. Their number is filled in below.
  await insertNew(
    tx,
    context,
    changed.filter((one) => one.person.isNew),
  );
  await writeContributions(tx, context, all);
  const came = settled.flatMap((one) => one.came);
  const went = settled.flatMap((one) => one.went);
  await writeMatches(tx, context, settled, came, went);
  const numbers = await announce(tx, context, [
    ...changed.map((one): FeedEntry => ({ kind: 'user', id: one.person.id })),
    ...extra,
  ]);
  await updateUsers(tx, context, changed, numbers);
  return {
    changed: changed.map((one) => one.person.id),
    identityChanged: came.length + went.length > 0 || settled.some(statusChanged),
    came,
    went,
    extraVersions: numbers.slice(changed.length),
  };
}

const statusChanged = ({ person }: Settled) => person.isNew || (person.leaving ? 'left' : 'active') !== person.status;

const sealedFields = ({ person, fields }: Settled) =>
  person.key.seal('users', 'fields', person.id, JSON.stringify(fields));

async function insertNew(tx: Tx, { tenantId }: TenantContext, fresh: readonly Settled[]): Promise<void> {
  if (fresh.length === 0) return;
  await tx.run(sql`
    INSERT INTO sluice.users (tenant_id, id, status, fields, version)
    SELECT ${tenantId}, id, 'active', fields, 0
      FROM unnest(${fresh.map(({ person }) => person.id)}::uuid[], ${fresh.map(sealedFields)}::bytea[]) AS new (id, fields)`);
}

async function writeContributions(tx: Tx, context: TenantContext, people: readonly Person[]): Promise<void> {
  const { tenantId } = context;
  const said: { user: string; supplier: string; fields: Buffer; digest: Buffer; readAt: Date }[] = [];
  const unsaid: { user: string; supplier: string }[] = [];
  for (const person of people) {
    for (const supplier of person.touched) {
      const now = person.contributions.get(supplier);
      if (!now) unsaid.push({ user: person.id, supplier });
      else {
        const { readAt, ...contribution } = now;
        const text = JSON.stringify(contribution);
        said.push({
          user: person.id,
          supplier,
          fields: person.key.seal('contribution', supplier, person.id, text),
          digest: contributionDigest(context, person.id, contribution),
          readAt,
        });
      }
    }
  }
  if (said.length > 0) {
    await tx.run(sql`
      INSERT INTO sluice.contribution (tenant_id, user_id, supplier, fields, digest, read_at)
      SELECT ${tenantId}, user_id, supplier, fields, digest, read_at
        FROM unnest(${said.map((one) => one.user)}::uuid[], ${said.map((one) => one.supplier)}::uuid[],
                    ${said.map((one) => one.fields)}::bytea[], ${said.map((one) => one.digest)}::bytea[],
                    ${said.map((one) => one.readAt.toISOString())}::timestamptz[])
          AS new (user_id, supplier, fields, digest, read_at)
      ON CONFLICT (tenant_id, user_id, supplier) DO UPDATE
         SET fields = excluded.fields, digest = excluded.digest, read_at = excluded.read_at
       WHERE contribution.read_at <= excluded.read_at`);
  }
  if (unsaid.length > 0) {
    await tx.run(sql`
      DELETE FROM sluice.contribution
       WHERE tenant_id = ${tenantId}
         AND (user_id, supplier) IN (SELECT * FROM unnest(${unsaid.map((one) => one.user)}::uuid[],
                                                          ${unsaid.map((one) => one.supplier)}::uuid[]))`);
  }
}

async function writeMatches(
  tx: Tx,
  { tenantId }: TenantContext,
  settled: readonly Settled[],
  came: readonly Recognised[],
  went: readonly Recognised[],
): Promise<void> {
  if (went.length > 0) {
    await tx.run(sql`
      DELETE FROM sluice.match_value
       WHERE tenant_id = ${tenantId}
         AND (kind, digest, user_id) IN (SELECT * FROM unnest(${went.map(({ kind }) => kind)}::text[],
               ${went.map(({ digest }) => digest)}::bytea[], ${went.map(({ user }) => user)}::uuid[]))`);
  }
  if (came.length > 0) {
    const sealed = settled.flatMap(({ person, came: fresh }) =>
      fresh.map(({ kind, value }) => person.key.seal('match_value', kind, person.id, value)),
    );
    await tx.run(sql`
      INSERT INTO sluice.match_value (tenant_id, kind, digest, user_id, value)
      SELECT ${tenantId}, kind, digest, user_id, value
        FROM unnest(${came.map(({ kind }) => kind)}::text[], ${came.map(({ digest }) => digest)}::bytea[],
                    ${came.map(({ user }) => user)}::uuid[], ${sealed}::bytea[])
          AS new (kind, digest, user_id, value)
      ON CONFLICT (tenant_id, kind, digest, user_id) DO NOTHING`);
  }
}

async function updateUsers(
  tx: Tx,
  { tenantId, clock }: TenantContext,
  changed: readonly Settled[],
  numbers: readonly number[],
): Promise<void> {
  if (changed.length === 0) return;
  const now = clock.now();
  await tx.run(sql`
    UPDATE sluice.users u
       SET status = new.status, confirmed = new.confirmed, fields = new.fields, version = new.version,
           left_at = CASE WHEN new.status = 'left' THEN coalesce(u.left_at, ${now}::timestamptz) END
      FROM unnest(${changed.map(({ person }) => person.id)}::uuid[],
                  ${changed.map(({ person }) => (person.leaving ? 'left' : 'active'))}::text[],
                  ${changed.map(({ person }) => person.hasDirectory)}::boolean[],
                  ${changed.map(sealedFields)}::bytea[], ${numbers.slice(0, changed.length)}::bigint[])
        AS new (id, status, confirmed, fields, version)
     WHERE u.tenant_id = ${tenantId} AND u.id = new.id`);
}
