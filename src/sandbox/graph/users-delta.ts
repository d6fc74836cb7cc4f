import { Refusal } from './answer.ts';
import { type Ask, allowOnly } from './ask.ts';
import { equalities } from './filter.ts';
import { changedProperties, type People, type Person, project, type State, touched } from './people.ts';
import { selectedOfUsers } from './properties.ts';
import { answerRound, type Unit } from './round.ts';
import type { Route } from './route.ts';
import type { Round } from './state-tokens.ts';
import type { Json } from './types.ts';

const mostIds = 50;

/**
 * GET /users/delta. What `$select` names is tracked and nothing else; `$top` cannot be said; removed users are told as
 * `@removed`, in the first round too; a restored one comes as an ordinary user (api/user-delta, delta-query-users).
 */
export const usersDelta: Route = {
  method: 'GET',
  path: 'users/delta',
  area: 'users',
  answer: (tenant, ask) => {
    const minimal = ask.prefer.get('return') === 'minimal' || tenant.oddities.sparse === true;
    return answerRound(tenant, ask, '/v1.0/users/delta', {
      of: 'users',
      now: tenant.people.now,
      limit: tenant.pageSize,
      context: `${tenant.origin}/v1.0/$metadata#users`,
      begin: () => begin(ask),
      units: (round, from) => units(tenant.people, round, from, minimal),
    });
  },
};

function begin(ask: Ask): Record<string, string> {
  allowOnly(ask.query, ['$select', '$filter', '$deltatoken']);
  const select = selectedOfUsers(ask.query);
  const ids = ask.query.get('$filter') === undefined ? undefined : filteredIds(ask.query.get('$filter')!);
  return { ...(select ? { select: select.join() } : {}), ...(ids ? { ids: ids.join() } : {}) };
}

function filteredIds(filter: string): string[] {
  const asked = equalities(filter);
  if (asked.some(({ property }) => property !== 'id')) {
    throw new Refusal(400, 'Request_UnsupportedQuery', 'Only id is supported in the filter of a delta query.');
  }
  if (asked.length > mostIds) {
    throw new Refusal(400, 'Request_UnsupportedQuery', `The filter of a delta query may name ${mostIds} ids at most.`);
  }
  return asked.map(({ value }) => value.toLowerCase());
}

function* units(people: People, round: Round, from: number, minimal: boolean): Generator<Unit> {
  const select = round.asked.select?.split(',');
  const tracked = select && new Set(select);
  const ids = round.asked.ids === undefined ? undefined : new Set(round.asked.ids.split(','));
  for (const person of people.toldFrom(from)) {
    if (ids && !ids.has(person.id.toLowerCase())) continue;
    if (!touched(person, round.since, tracked)) continue;
    yield {
      number: person.number,
      items: () => [show(person, person.state, minimal ? wanted(person, round.since, tracked) : select)],
      former: () => (person.former ? [show(person, person.former, select)] : []),
    };
  }
}

/** What has changed of what is tracked: all that `Prefer: return=minimal` lets through. */
function wanted(person: Person, since: number, tracked: ReadonlySet<string> | undefined): string[] {
  return changedProperties(person, since).filter((name) => tracked?.has(name) ?? true);
}

function show(person: Person, state: State, properties: readonly string[] | undefined): Json {
  if ('removed' in state) return { id: person.id, '@removed': { reason: state.removed } };
  return project(state.user, properties) as Json;
}
