import { Refused } from '../base/errors.ts';
import { faultPoint } from '../base/faults.ts';
import { newId } from '../base/uuid.ts';
import type { MatchValue } from '../users/derive.ts';
import { type Candidate, decideLogOn } from '../users/log-on.ts';
import { normaliseDirectoryId, normaliseEmail } from '../users/normalise.ts';
import { inTenant, LOG_ON, type TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { loadPeople, newPerson, type Person, savePeople } from './people.ts';
import { lockRules, rulesChanged } from './rules.ts';
import { sql } from './sql.ts';
import type { LogOn } from './types.ts';

export interface LoggedOn {
  readonly outcome: 'created' | 'known' | 'returned';
  readonly user: string;
  /** It brought a match value that was not known before. */
  readonly lookUp: boolean;
}

/** A person exists here from this moment on. Writes nothing if nothing changed; the time is not kept. */
export async function logOn(context: TenantContext, given: LogOn, domains: readonly string[]): Promise<LoggedOn> {
  const email = normaliseEmail(given.email);
  if (!email)
    throw new Refused(
      'not-admitted',
      'The e-mail address of this log-on is not one; send the user’s business address.',
    );
  if (domains.length > 0 && !domains.includes(email.slice(email.lastIndexOf('@') + 1))) {
    throw new Refused(
      'not-admitted',
      'The domain of this e-mail address is not among the tenant’s; add it under users.domains if it should be.',
    );
  }
  const directoryId = given.directory_id === undefined ? undefined : normaliseDirectoryId(given.directory_id);
  if (given.directory_id !== undefined && !directoryId) {
    throw new Refused('not-admitted', 'directory_id must be DIRECTORY:UUID, as the connection names its directory.');
  }
  const matches: MatchValue[] = [];
  if (given.subject) matches.push({ kind: 'subject', value: given.subject });
  if (directoryId) matches.push({ kind: 'directory-id', value: directoryId });

  return inTenant(context, async (tx) => {
    await lockRules(tx, context.tenantId, 'alone');
    await faultPoint('log-on.locked');
    const decision = decideLogOn(
      { ...(given.subject ? { subject: given.subject } : {}), ...(directoryId ? { directory_id: directoryId } : {}) },
      await candidates(tx, context, [...matches, { kind: 'email', value: email }]),
    );
    if (decision.decision === 'conflict') throw new Refused('identity-conflict', decision.sentence);
    const person =
      decision.decision === 'known' ? await known(tx, context, decision.user) : await newPerson(tx, context, newId());
    const outcome = person.isNew ? 'created' : person.status === 'left' ? 'returned' : 'known';
    const said = person.contributions.get(LOG_ON)?.matches ?? [];
    const fields = { given_name: given.given_name.trim(), family_name: given.family_name.trim(), email };
    person.say(LOG_ON, { fields, matches: union(said, matches) }, context.clock.now());
    const saved = await savePeople(tx, context, [person]);
    if (saved.identityChanged) await rulesChanged(tx, context.tenantId);
    return { outcome, user: person.id, lookUp: saved.came.length > 0 };
  });
}

async function known(tx: Tx, context: TenantContext, id: string): Promise<Person> {
  const person = (await loadPeople(tx, context, [id])).get(id);
  if (!person) throw new Error('A user recognised by a match value has no row.');
  return person;
}

// A log-on without a subject does not take away the one that an earlier log-on brought.
function union(before: readonly MatchValue[], now: readonly MatchValue[]): MatchValue[] {
  const all = new Map([...before, ...now].map((match) => [`${match.kind} ${match.value}`, match]));
  return [...all.values()].sort((a, b) => (a.kind + a.value < b.kind + b.value ? -1 : 1));
}

/** Users whom one of the values names: by match value, or, while a leaver's grace runs, by the directory's binding. */
async function candidates(tx: Tx, context: TenantContext, values: readonly MatchValue[]): Promise<Candidate[]> {
  const { tenantId, keys } = context;
  const kinds = values.map(({ kind }) => kind);
  const digests = values.map(({ kind, value }) => keys.digest(kind, value));
  const found = await tx.rows<{ user_id: string; kind: 'subject' | 'directory-id' | 'email' }>(sql`
    SELECT m.user_id, m.kind FROM sluice.match_value m
     WHERE m.tenant_id = ${tenantId}
       AND (m.kind, m.digest) IN (SELECT * FROM unnest(${kinds}::text[], ${digests}::bytea[]))
    UNION
    SELECT b.user_id, 'directory-id' FROM sluice.binding b
     WHERE b.tenant_id = ${tenantId}
       AND b.key_digest = ANY(${digests.filter((_, index) => kinds[index] === 'directory-id')}::bytea[])`);
  const people = await loadPeople(
    tx,
    context,
    found.map((row) => row.user_id),
  );
  return [...people.values()].map((person) => ({
    id: person.id,
    matchedBy: found.filter((row) => row.user_id === person.id).map((row) => row.kind),
    matches: person.matches(),
  }));
}
