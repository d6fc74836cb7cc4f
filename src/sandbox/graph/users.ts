import { type Answer, ok, Refusal } from './answer.ts';
import { type Ask, allowOnly, wholeNumber, withOptions } from './ask.ts';
import { type Equality, equalities, refuseTooMany } from './filter.ts';
import { aliasesOf, project } from './people.ts';
import { isAllowed } from './permissions.ts';
import { selected, selectedOfUsers } from './properties.ts';
import type { Route } from './route.ts';
import type { Tenant } from './tenant.ts';
import type { GraphUser, Json } from './types.ts';
import { usersDelta } from './users-delta.ts';

/** What comes without `$select` (api/user-list). */
const usual = [
  'businessPhones',
  'displayName',
  'givenName',
  'jobTitle',
  'mail',
  'mobilePhone',
  'officeLocation',
  'preferredLanguage',
  'surname',
  'userPrincipalName',
];
const filterable = ['id', 'mail', 'userPrincipalName', 'employeeId', 'onPremisesImmutableId', 'displayName'];
/** The same of properties that hold several values, which only `any` looks into (concepts/filter-query-parameter.md). */
const filterableByAny = ['proxyAddresses'];

export const userRoutes: readonly Route[] = [
  usersDelta,
  { method: 'GET', path: 'users', area: 'users', answer: list },
  { method: 'GET', path: 'users/{id}', area: 'users', answer: one },
  { method: 'GET', path: 'groups/{id}/members', area: 'groups', answer: members },
];

/** GET /users: with the filter of a lookup, or all. */
function list(tenant: Tenant, ask: Ask): Answer {
  allowOnly(ask.query, ['$select', '$filter', '$top', '$skiptoken']);
  const select = selectedOfUsers(ask.query) ?? usual;
  const filter = ask.query.get('$filter');
  const asked = filter === undefined ? undefined : equalities(filter);
  if (asked) checkFilter(asked);
  const limit = wholeNumber(ask.query, '$top', 1, 999) ?? tenant.pageSize;
  const value: Json[] = [];
  for (const person of tenant.people.from(wholeNumber(ask.query, '$skiptoken', 0, 999_999_999) ?? 1)) {
    if ('removed' in person.state) continue;
    const { user } = person.state;
    if (asked && !asked.some((equality) => equals(user, equality))) continue;
    if (value.length === limit) {
      const link = `${tenant.linkOrigin()}${withOptions(ask.url, { $skiptoken: String(person.number) })}`;
      return ok({ '@odata.context': context(tenant, 'users'), '@odata.nextLink': link, value });
    }
    value.push(show(user, select));
  }
  return ok({ '@odata.context': context(tenant, 'users'), value });
}

function one(tenant: Tenant, ask: Ask, [name = '']: readonly string[]): Answer {
  allowOnly(ask.query, ['$select']);
  const select = selected(ask.query, 'user') ?? usual;
  const user = tenant.people.find(name);
  // By mail alone a user cannot be had, but its mailbox can.
  if (!user || ![user.id, user.userPrincipalName].some((own) => own?.toLowerCase() === name.toLowerCase())) {
    throw notFound(name);
  }
  return ok({ '@odata.context': context(tenant, 'users/$entity'), ...(show(user, select) as object) });
}

/** GET /groups/{id}/members: without the right to read users, members come without content (api/group-list-members). */
function members(tenant: Tenant, ask: Ask, [id = '']: readonly string[]): Answer {
  allowOnly(ask.query, ['$select', '$top', '$skiptoken']);
  const select = selected(ask.query, 'user') ?? usual;
  const group = tenant.groups.get(id.toLowerCase());
  if (!group) throw notFound(id);
  const ids = group.members;
  const limit = wholeNumber(ask.query, '$top', 1, 999) ?? tenant.pageSize;
  const from = wholeNumber(ask.query, '$skiptoken', 0, 999_999_999) ?? 0;
  const readable = isAllowed(ask, 'users');
  const value = ids.slice(from, from + limit).flatMap((member): Json[] => {
    // A group within the group is one member; its own are not told here.
    const within = tenant.groups.get(member.toLowerCase());
    if (within) {
      const told = project({ id: member, mail: within.mail ?? null }, select) as object;
      return [{ '@odata.type': '#microsoft.graph.group', ...told }];
    }
    const user = tenant.people.find(member);
    if (!user) return [];
    const type = { '@odata.type': '#microsoft.graph.user' };
    return [{ ...type, ...(show(readable ? user : { id: user.id }, select) as object) }];
  });
  const next = `${tenant.linkOrigin()}${withOptions(ask.url, { $skiptoken: String(from + limit) })}`;
  return ok({
    '@odata.context': context(tenant, 'directoryObjects'),
    ...(from + limit < ids.length ? { '@odata.nextLink': next } : {}),
    value,
  });
}

/** Here, unlike in delta, what was never set comes as null. */
function show(user: GraphUser, select: readonly string[]): Json {
  const empty = Object.fromEntries(select.map((name) => [name, name === 'businessPhones' ? [] : null]));
  return { ...empty, ...project(user, select) } as Json;
}

function checkFilter(asked: readonly Equality[]): void {
  refuseTooMany(asked);
  const bad = asked.find(({ property, any }) => !(any ? filterableByAny : filterable).includes(property));
  if (!bad) return;
  throw new Refusal(
    400,
    'Request_UnsupportedQuery',
    `Unsupported or invalid query filter clause specified for property '${bad.property}'.`,
  );
}

function equals(user: GraphUser, { property, value, any }: Equality): boolean {
  if (any) return aliasesOf(user).some((held) => sameAlias(held, value));
  const held = user[property];
  return typeof held === 'string' && held.toLowerCase() === value.toLowerCase();
}

/**
 * Whether Graph minds the letters of `SMTP:`, which marks the primary address, no page of Microsoft's says. Here they
 * count: whoever asks for one spelling alone is not told of the other.
 */
function sameAlias(held: string, asked: string): boolean {
  const [kind, address] = [held.indexOf(':'), asked.indexOf(':')];
  return held.slice(0, kind) === asked.slice(0, address) && held.toLowerCase() === asked.toLowerCase();
}

function notFound(name: string): Refusal {
  const text = `Resource '${name}' does not exist or one of its queried reference-property objects are not present.`;
  return new Refusal(404, 'Request_ResourceNotFound', text);
}

const context = (tenant: Tenant, what: string) => `${tenant.origin}/v1.0/$metadata#${what}`;
