import type { Scope } from '../../src/contract/index.ts';
import { and, equal, type Filter, not, or, present, substring } from './codec.ts';

/**
 * Attributes that servers compare without regard to case and spaces, whole and in parts (RFC 4519, RFC 2798, Active
 * Directory's schema). Only these may narrow a search: of any other, a server might find less than the gate would,
 * and what it does not tell looks gone.
 */
const comparable = new Set(
  [
    ...['employeeType', 'employeeNumber', 'department', 'departmentNumber', 'division', 'company', 'title', 'ou', 'o'],
    ...['l', 'st', 'street', 'physicalDeliveryOfficeName', 'businessCategory', 'preferredLanguage', 'displayName'],
    ...['cn', 'sn', 'givenName', 'uid', 'mail', 'sAMAccountName', 'userPrincipalName', 'description'],
    ...Array.from({ length: 15 }, (_, n) => `extensionAttribute${n + 1}`),
  ].map((name) => name.toLowerCase()),
);

/**
 * The part of the tenant's scope that the server can apply, as a filter that lets through at least what the gate
 * would. Undefined: nothing can be pushed, and the gate alone decides, as it does in any case.
 */
export function pushedScope(scope: Scope | undefined, pushesNot: boolean): Filter | undefined {
  if (!scope) return undefined;
  if ('and' in scope) {
    const parts = scope.and.map((part) => pushedScope(part, pushesNot)).filter((part) => part !== undefined);
    return parts.length > 0 ? and(parts) : undefined;
  }
  if ('or' in scope) return allOf(scope.or, (part) => pushedScope(part, pushesNot), or);
  if ('not' in scope) {
    const inner = pushesNot && isExact(scope.not) ? pushedScope(scope.not, false) : undefined;
    return inner && not(inner);
  }
  if ('present' in scope) return isComparable(scope.present) ? present(scope.present) : undefined;
  if ('in' in scope)
    return every(scope.in, (name, values) =>
      allOf(values, (value) => usable(value, () => equal(name, value.trim())), or),
    );
  if ('equals' in scope) return every(scope.equals, (name, value) => usable(value, () => equal(name, value.trim())));
  if ('starts-with' in scope)
    return every(scope['starts-with'], (name, value) => usable(value, () => substring(name, value.trim(), [], '')));
  return every(scope['ends-with'], (name, value) => usable(value, () => substring(name, '', [], value.trim())));
}

/** Whether the server's answer to the whole of it is the gate's: nothing was left out while pushing. */
function isExact(scope: Scope): boolean {
  if ('and' in scope) return scope.and.every(isExact);
  if ('or' in scope) return scope.or.every(isExact);
  if ('not' in scope) return false;
  if ('present' in scope) return isComparable(scope.present);
  const compared = Object.entries(Object.values(scope)[0] as Readonly<Record<string, string | readonly string[]>>);
  return compared.every(
    ([name, values]) => isComparable(name) && [values].flat().every((value) => value.trim() !== ''),
  );
}

function every<V>(compared: Readonly<Record<string, V>>, filter: (name: string, value: V) => Filter | undefined) {
  const parts = Object.entries(compared)
    .map(([name, value]) => (isComparable(name) ? filter(name, value) : undefined))
    .filter((part) => part !== undefined);
  return parts.length > 0 ? and(parts) : undefined;
}

/** An `or` is pushed whole or not at all: without one of its parts it would find less. */
function allOf<T>(of: readonly T[], filter: (one: T) => Filter | undefined, join: (parts: Filter[]) => Filter) {
  const parts = of.map(filter);
  return parts.length > 0 && parts.every((part) => part !== undefined) ? join(parts) : undefined;
}

const isComparable = (name: string): boolean => comparable.has(name.toLowerCase());
const usable = (value: string, filter: () => Filter): Filter | undefined =>
  value.trim() === '' ? undefined : filter();
