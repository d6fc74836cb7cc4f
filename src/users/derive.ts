import { type MatchKind, type UserField, userFieldNames } from '../model/model.ts';
import { normaliseEmail } from './normalise.ts';

export interface MatchValue {
  readonly kind: MatchKind;
  readonly value: string;
}

/** Equal sets of values are told in equal order: a contribution is compared as text. */
export const inOneOrder = (matches: readonly MatchValue[]): MatchValue[] =>
  [...matches].sort((a, b) => (a.kind + a.value < b.kind + b.value ? -1 : 1));

/** What one supplier knows about one user. An absent field says nothing; `null` says there is no value. */
export interface Contribution {
  readonly fields: Partial<Readonly<Record<UserField, string | null>>>;
  readonly matches: readonly MatchValue[];
}

export interface DerivedUser {
  readonly fields: Partial<Readonly<Record<UserField, string>>>;
  readonly matches: readonly MatchValue[];
}

/**
 * The user that suppliers together describe, field by field: the first supplier that says anything about a field
 * decides it. `inOrder` is: correction, connections in the order of the tenant's sources, log-on.
 * A directory that has no e-mail does not take it away: a user cannot be without one.
 */
export function deriveUser(inOrder: readonly Contribution[]): DerivedUser {
  const fields: Partial<Record<UserField, string>> = {};
  for (const name of userFieldNames) {
    for (const { fields: said } of inOrder) {
      const value = said[name];
      if (value === undefined || (value === null && name === 'email')) continue;
      if (value !== null) fields[name] = value;
      break;
    }
  }
  return { fields, matches: matchesOf(inOrder, fields.email) };
}

// Of e-mail addresses only the present one recognises the user: a former one may be somebody else's tomorrow.
function matchesOf(contributions: readonly Contribution[], email: string | undefined): MatchValue[] {
  const matches = new Map<string, MatchValue>();
  const add = (match: MatchValue) => matches.set(`${match.kind} ${match.value}`, match);
  const normalised = email === undefined ? undefined : normaliseEmail(email);
  if (normalised) add({ kind: 'email', value: normalised });
  for (const { matches: said } of contributions) for (const match of said) if (match.kind !== 'email') add(match);
  return [...matches.values()];
}
