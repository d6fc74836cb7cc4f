import { badRequest, Refusal } from './answer.ts';

export interface Equality {
  readonly property: string;
  readonly value: string;
  /** The property holds several values, and any of them may equal it. */
  readonly any?: true;
}

const term =
  /\s*(?:(\w+)\s+eq\s+('(?:[^']|'')*')|(\w+)\s+in\s+\(((?:\s*'(?:[^']|'')*'\s*,?)+)\)|(\w+)\/any\(\s*(\w+)\s*:\s*\6\s+eq\s+('(?:[^']|'')*')\s*\))\s*/y;
const or = /or\s/y;

/**
 * The `$filter` of a lookup: `id eq '…' or mail eq '…'`, `id in ('…','…')`, `proxyAddresses/any(p:p eq '…')`. A quote
 * inside a value is doubled. Anything else that OData can say is refused.
 */
export function equalities(filter: string): Equality[] {
  const found: Equality[] = [];
  let at = 0;
  do {
    term.lastIndex = at;
    const [whole, property, value, listed, list, several, , held] = term.exec(filter) ?? [];
    if (whole === undefined) throw badRequest('Invalid filter clause.');
    if (property) found.push({ property, value: unquote(value!) });
    else if (several) found.push({ property: several, value: unquote(held!), any: true });
    else for (const [one] of list!.matchAll(/'(?:[^']|'')*'/g)) found.push({ property: listed!, value: unquote(one) });
    at += whole.length;
    or.lastIndex = at;
    const joined = or.exec(filter);
    if (!joined) break;
    at += joined[0].length;
  } while (at < filter.length);
  if (at < filter.length) throw badRequest('Invalid filter clause.');
  return found;
}

/** Of `/users`, not of delta (microsoft-graph-docs#21098); advanced queries may say more. */
export const mostClauses = 15;

export function refuseTooMany(asked: readonly Equality[]): void {
  if (asked.length <= mostClauses) return;
  throw new Refusal(
    400,
    'Request_UnsupportedQuery',
    `Too many child clauses specified in search filter expression containing 'OR' operators: ${asked.length}. Max allowed: ${mostClauses}.`,
  );
}

const unquote = (text: string) => text.slice(1, -1).replaceAll("''", "'");
