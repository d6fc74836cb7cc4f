import type { AccessToken } from './access-token.ts';
import { badRequest, Refusal } from './answer.ts';

/** One request to Graph, alone or from inside a batch. */
export interface Ask {
  readonly method: string;
  /** Path with query, as it arrived. */
  readonly url: string;
  /** What follows the version, each part decoded. */
  readonly segments: readonly string[];
  readonly query: Query;
  readonly prefer: Prefer;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly token: AccessToken;
}

/** OData's own options (`$top`) and Outlook's (`startDateTime`), by name in lower case: Graph takes them in any. */
export type Query = ReadonlyMap<string, string>;

/** RFC 7240 preferences, by name in lower case. Not followed unless sent with each request anew. */
export type Prefer = ReadonlyMap<string, string>;

export function parseQuery(url: string): Query {
  const mark = url.indexOf('?');
  const query = new Map<string, string>();
  // A bare `+` is a space here, as in Graph: an offset of `+02:00` must be sent as `%2B02:00`.
  for (const [name, value] of new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1))) {
    const known = name.toLowerCase();
    if (query.has(known)) throw badRequest(`Query option '${name}' was specified more than once, but it must be once.`);
    query.set(known, value);
  }
  return query;
}

/** The parts of the path after `/v1.0`. `delta()` and `microsoft.graph.delta()` are other ways to write `delta`. */
export function parsePath(url: string): readonly string[] {
  const [path = ''] = url.split('?', 1);
  let parts: string[];
  try {
    parts = path.split('/').filter(Boolean).map(decodeURIComponent);
  } catch {
    throw badRequest('The request URI is not valid.');
  }
  const [version, ...segments] = parts;
  if (version !== 'v1.0') throw badRequest('Invalid version.');
  return segments.map((one) => (/^(microsoft\.graph\.)?delta(\(\))?$/i.test(one) ? 'delta' : one));
}

export function parsePrefer(header: string | undefined): Prefer {
  const found = new Map<string, string>();
  for (const [, name = '', quoted, plain] of (header ?? '').matchAll(
    /([\w.-]+)(?:\s*=\s*(?:"([^"]*)"|([^\s,;]+)))?\s*(?:[,;]|$)/g,
  )) {
    found.set(name.toLowerCase(), quoted ?? plain ?? '');
  }
  return found;
}

/** The same path and query with other options of these names, as links have it. `undefined` takes one out. */
export function withOptions(url: string, options: Readonly<Record<string, string | undefined>>): string {
  const [path = '', ...rest] = url.split('?');
  const names = new Set(Object.keys(options));
  const kept = rest
    .join('?')
    .split('&')
    // Clients write `$` as `%24` too.
    .filter((pair) => pair !== '' && !names.has(pair.split('=', 1)[0]!.replace(/^%24/i, '$').toLowerCase()));
  for (const [name, value] of Object.entries(options)) if (value !== undefined) kept.push(`${name}=${value}`);
  return kept.length > 0 ? `${path}?${kept.join('&')}` : path;
}

/** Refuses what an operation does not support; names without `$` are nobody's business. */
export function allowOnly(query: Query, options: readonly string[], code = 'Request_UnsupportedQuery'): void {
  for (const name of query.keys()) {
    if (name.startsWith('$') && !options.includes(name)) {
      throw new Refusal(400, code, `The query option '${name}' is not supported by this operation.`);
    }
  }
}

export function wholeNumber(query: Query, name: string, least: number, most: number): number | undefined {
  const text = query.get(name);
  if (text === undefined) return undefined;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) {
    throw new Refusal(400, 'Request_BadRequest', `Invalid ${name}: it must be between ${least} and ${most}.`);
  }
  return value;
}
