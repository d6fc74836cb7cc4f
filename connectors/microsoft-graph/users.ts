import {
  complete,
  gone,
  type Item,
  type LookupContext,
  NeedsAttention,
  page,
  partial,
  type ReadContext,
  record,
  records,
  type SourceRecord,
  type State,
  scopeFields,
  skip,
  TryLater,
} from '../../src/contract/index.ts';
import { type Answer, isTokenLost, refused, tokenLost } from './answer.ts';
import { immutableId, immutableIdOf, withGuid } from './immutable-id.ts';
import { isOurs } from './links.ts';
import { picked } from './picking.ts';
import { type Page, type Session, sessionOf } from './session.ts';
import type { settings as shape } from './settings.ts';

/** They decide whether somebody is let in, so of nobody may they be guessed. */
export const decidingUserFields = ['accountEnabled', 'userType'];
/** Clauses of a filter joined by `or` at most; more are refused (concepts/filter-query-parameter.md). */
const CLAUSES = 15;

const usersRefused = refused('the users of the directory', 'User.Read.All');

/** Statuses by which an operation is refused that is not there; how a tenant without change tracking says so, nobody documents. */
const NOT_THERE = [400, 404, 405, 501];

/**
 * What to say when users can be read and their changes cannot: customers' tenants have no change tracking
 * (concepts/delta-query-overview.md).
 */
export const changesRefused = (answer: Answer): NeedsAttention =>
  NOT_THERE.includes(answer.status)
    ? new NeedsAttention(
        `Microsoft Graph tells no changes of users in this tenant (${answer.status}), as in Azure AD B2C and external tenants of Microsoft Entra, which Sluice cannot read: enter in tenant_id the tenant in which your employees are.`,
      )
    : usersRefused(answer);

/**
 * One round of `users/delta`: from the beginning, or what changed since the last. A user may come several times, in any
 * order and again in a later round; told one after the other, the last word counts.
 */
export async function* readUsers(context: ReadContext<typeof shape>): AsyncGenerator<Item> {
  const session = sessionOf(context);
  const kept = linkIn(context.state);
  // Taken for changes, a reading from the beginning would miss nobody who is gone.
  if (context.mode === 'incremental' && kept === undefined) throw tokenLost();
  const seen = new Set<string>();
  let next = kept ?? `/v1.0/users/delta?$select=${selected(context.fields)}`;
  for (;;) {
    const told = await pageAt(session, next, kept !== undefined);
    yield* itemsOf(session, context, told, seen);
    if (told.delta !== undefined) return yield complete({ state: { delta: told.delta } });
    if (told.next === undefined)
      throw new TryLater('Microsoft Graph broke a round of users/delta off; the next run reads on.');
    next = told.next;
    yield page({ next });
  }
}

async function pageAt(session: Session, target: string, fromState: boolean): Promise<Page> {
  const answer = await session.get(target);
  if (answer.status === 200) return session.pageOf(answer);
  if (!isTokenLost(answer)) throw fromState ? usersRefused(answer) : changesRefused(answer);
  // A round that began here has no state to start over from: the next run begins it anew.
  if (fromState) throw tokenLost();
  throw new TryLater('Microsoft Graph lost its place in a round of users/delta; the next run starts it over.');
}

const linkIn = (state: State | null): string | undefined =>
  [state?.next, state?.delta].find((link) => isOurs(link) && /^\/v1\.0\/users\b/.test(link)) as string | undefined;

const selected = (fields: readonly string[]): string =>
  [...new Set(['id', ...fields])].map(encodeURIComponent).join(',');

async function* itemsOf(
  session: Session,
  context: ReadContext<typeof shape>,
  { entries }: Page,
  seen: Set<string>,
): AsyncGenerator<Item> {
  const wanting = new Set<string>();
  const deciding = [...decidingUserFields, ...scopeFields(context.scope)];
  let whole: SourceRecord[] = [];
  for (const told of entries) {
    const { id } = told;
    const isFirst = typeof id === 'string' && context.mode === 'full' && !seen.has(id);
    if (isFirst) seen.add(id);
    // Only the first telling in a first round is whole; in any other an absent property is unchanged.
    if (isFirst && id !== '' && !('@removed' in told)) {
      whole.push(personOf(session, context.fields, told));
      continue;
    }
    // What comes later must be told later: it may be about somebody in here.
    if (whole.length > 0) yield records(whole);
    whole = [];
    if (typeof id !== 'string' || id === '') {
      yield skip();
      continue;
    }
    wanting.delete(id);
    // `changed` is soft-deleted and may come back as an ordinary user; until then both have left.
    if ('@removed' in told) yield gone(id);
    else if (deciding.every((field) => Object.hasOwn(told, field)))
      yield partial(personOf(session, context.fields, told));
    else wanting.add(id);
  }
  if (whole.length > 0) yield records(whole);
  // A change told without the fields that decide would let a disabled account in: it is asked for whole.
  for await (const user of usersBy(session, context.fields, [...wanting].map(byId))) {
    wanting.delete(String(user.id));
    yield record(user);
  }
  // Told of in one place and not yet, or no more, to be found in another: counted, because the change will not be told again.
  for (const id of wanting) yield skip(id);
}

/** Without the setting a scope may still compare the immutable id, as it is. */
function personOf(
  { settings }: Session,
  fields: readonly string[],
  told: Readonly<Record<string, unknown>>,
): SourceRecord {
  const person = picked(fields, told);
  return settings.on_premises_directory ? withGuid(person) : person;
}

/** These people now, by id, on-premises id or e-mail address. Whoever is not found is simply not told. */
export async function* lookupUsers(context: LookupContext<typeof shape>): AsyncGenerator<SourceRecord> {
  const clauses = context.people.flatMap(({ directoryId, elsewhereId, email }) => [
    ...(directoryId ? [byId(directoryId)] : []),
    // `eq` needs no ConsistencyLevel (concepts/aad-advanced-queries.md). It may not tell `A` from `a`: the gate does.
    ...(elsewhereId ? [`${immutableId} eq ${quoted(immutableIdOf(elsewhereId))}`] : []),
    ...(email ? [`mail eq ${quoted(email)}`] : []),
  ]);
  if (clauses.length > 0) yield* usersBy(sessionOf(context), context.fields, clauses);
}

const byId = (id: string): string => `id eq ${quoted(id)}`;
/** OData doubles a quote within a text; without that an address could end it and go on as a filter. */
const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

async function* usersBy(
  session: Session,
  fields: readonly string[],
  clauses: readonly string[],
): AsyncGenerator<SourceRecord> {
  for (let from = 0; from < clauses.length; from += CLAUSES) {
    const filter = encodeURIComponent(clauses.slice(from, from + CLAUSES).join(' or '));
    const target = `/v1.0/users?$filter=${filter}&$select=${selected(fields)}`;
    for await (const { entries } of session.pages(target, (answer: Answer) => usersRefused(answer)))
      for (const told of entries) if (typeof told.id === 'string') yield personOf(session, fields, told);
  }
}
