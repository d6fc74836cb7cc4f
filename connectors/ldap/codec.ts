/**
 * The one file that knows ldapjs: its request messages, filters and paging control, as encoders. Not used of it:
 * its client (opens its own sockets, where no guard can check the address, and hangs on half-answered searches),
 * its filter parser (3.0.7 sends `\2a` as four characters) and its decoder (three times slower than `entry.ts`).
 */
import ldapjs from 'ldapjs';

interface Encodable {
  toBer(): { readonly buffer: Buffer };
}
/** A search filter as an object: values are bytes beside it, so nothing needs escaping and nothing can break out. */
export interface Filter extends Encodable {
  toString(): string;
}
type Make<O, R> = new (options: O) => R;
type Numbered = { messageId: number };

/** What the type package of ldapjs leaves out. */
const codec = ldapjs as unknown as {
  BindRequest: Make<Numbered & { name: string; credentials: string }, Encodable>;
  SearchRequest: Make<
    Numbered & {
      baseObject: object;
      scope: number;
      sizeLimit: number;
      timeLimit: number;
      typesOnly: boolean;
      filter: Filter;
      attributes: readonly string[];
      controls: readonly object[];
    },
    Encodable
  >;
  ExtendedRequest: Make<Numbered & { requestName: string }, Encodable>;
  AbandonRequest: Make<Numbered & { abandonId: number }, Encodable>;
  UnbindRequest: Make<Numbered, Encodable>;
  PagedResultsControl: Make<{ criticality: boolean; value: { size: number; cookie: Buffer } }, object>;
  EqualityFilter: Make<{ attribute: string; raw: Buffer }, Filter>;
  GreaterThanEqualsFilter: Make<{ attribute: string; value: string }, Filter>;
  LessThanEqualsFilter: Make<{ attribute: string; value: string }, Filter>;
  ApproximateFilter: Make<{ attribute: string; value: string }, Filter>;
  SubstringFilter: Make<{ attribute: string; initial: string; any: string[]; final: string }, Filter>;
  ExtensibleFilter: Make<{ attribute?: string; rule?: string; value: string; dnAttributes: boolean }, Filter>;
  PresenceFilter: Make<{ attribute: string }, Filter>;
  AndFilter: Make<{ filters: readonly Filter[] }, Filter>;
  OrFilter: Make<{ filters: readonly Filter[] }, Filter>;
  NotFilter: Make<{ filter: Filter }, Filter>;
};

export const equal = (attribute: string, value: string | Buffer): Filter =>
  new codec.EqualityFilter({ attribute, raw: Buffer.isBuffer(value) ? value : Buffer.from(value) });
export const atLeast = (attribute: string, value: string): Filter =>
  new codec.GreaterThanEqualsFilter({ attribute, value });
export const atMost = (attribute: string, value: string): Filter =>
  new codec.LessThanEqualsFilter({ attribute, value });
export const like = (attribute: string, value: string): Filter => new codec.ApproximateFilter({ attribute, value });
export const present = (attribute: string): Filter => new codec.PresenceFilter({ attribute });
/** `initial*any*…*final`; empty pieces are left out, at least one must not be empty. */
export const substring = (attribute: string, initial: string, any: string[], final: string): Filter =>
  new codec.SubstringFilter({ attribute, initial, any, final });
export const matching = (options: {
  attribute?: string;
  rule?: string;
  value: string;
  dnAttributes: boolean;
}): Filter => new codec.ExtensibleFilter(options);
export const and = (filters: readonly Filter[]): Filter =>
  filters.length === 1 ? filters[0]! : new codec.AndFilter({ filters });
export const or = (filters: readonly Filter[]): Filter =>
  filters.length === 1 ? filters[0]! : new codec.OrFilter({ filters });
export const not = (filter: Filter): Filter => new codec.NotFilter({ filter });

export const scopes = { base: 0, subtree: 2 } as const;

export interface Search {
  readonly base: string;
  readonly scope: keyof typeof scopes;
  readonly filter: Filter;
  readonly attributes: readonly string[];
  readonly sizeLimit?: number;
  readonly timeLimitS?: number;
  /** Names of attributes only: no value travels. */
  readonly typesOnly?: boolean;
  readonly paged?: { readonly size: number; readonly cookie: Buffer };
}

export const encodeBind = (messageId: number, name: string, credentials: string): Buffer =>
  new codec.BindRequest({ messageId, name, credentials }).toBer().buffer;
export const encodeExtended = (messageId: number, requestName: string): Buffer =>
  new codec.ExtendedRequest({ messageId, requestName }).toBer().buffer;
export const encodeAbandon = (messageId: number, abandonId: number): Buffer =>
  new codec.AbandonRequest({ messageId, abandonId }).toBer().buffer;
export const encodeUnbind = (messageId: number): Buffer => new codec.UnbindRequest({ messageId }).toBer().buffer;

export function encodeSearch(messageId: number, search: Search): Buffer {
  // An empty list would mean every attribute (RFC 4511 4.5.1.8); `*` and `+` are never ours to ask.
  if (search.attributes.length === 0 || search.attributes.some((name) => name === '*' || name === '+'))
    throw new TypeError('a search names the attributes it asks for');
  return new codec.SearchRequest({
    messageId,
    baseObject: verbatim(search.base),
    scope: scopes[search.scope],
    sizeLimit: search.sizeLimit ?? 0,
    timeLimit: search.timeLimitS ?? 0,
    typesOnly: search.typesOnly ?? false,
    filter: search.filter,
    attributes: search.attributes,
    // Not critical: a server without paging then answers in one piece instead of refusing.
    controls: search.paged ? [new codec.PagedResultsControl({ criticality: false, value: search.paged })] : [],
  }).toBer().buffer;
}

/** A DN exactly as it was written: the server judges it. ldapjs would parse it and write its own spelling. */
const verbatim = (dn: string): object => ({ [Symbol.toStringTag]: 'LdapDn', toString: () => dn });
