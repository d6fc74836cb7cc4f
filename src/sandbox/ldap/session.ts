import { encodeText, Malformed } from './ber.ts';
import { type Name, parseName } from './dn.ts';
import { type Attribute, type Entry, held } from './entry.ts';
import {
  type Control,
  code,
  decodePaged,
  encodeEntry,
  encodePaged,
  encodeResult,
  oid,
  type Request,
  type Result,
  type SearchRequest,
} from './message.ts';
import { describe } from './schema.ts';
import type { Tree } from './tree.ts';

/** What was asked of the directory, as it arrived: the witness of tests about asking for less. */
export interface Asked {
  readonly base: string;
  readonly scope: 'base' | 'one' | 'sub';
  readonly filter: string;
  readonly attributes: readonly string[];
  readonly typesOnly: boolean;
  /** Absent if the search was not paged. */
  readonly pageSize?: number;
  readonly answered: number;
}

/** What every connection of one directory shares. */
export interface Backend {
  readonly tree: Tree;
  readonly rootDse: Entry;
  readonly subschema: Entry;
  readonly account: { readonly dn: string; readonly name: Name; readonly password: Buffer };
  /** Most entries that an unpaged search gets, as OpenLDAP's `sizelimit`. */
  readonly sizeLimit: number;
  witness(asked: Asked): void;
}

interface Paging {
  readonly cookie: Buffer;
  readonly search: string;
  readonly after: number;
  readonly sent: number;
  readonly total: number;
}

/** One client's connection: who it is, and where its paged search stands. OpenLDAP, too, remembers one per connection. */
export class Session {
  readonly #backend: Backend;
  #boundAs: string | undefined;
  #paging: Paging | undefined;
  #pages = 0;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** The messages to send in answer; unbind, abandon and StartTLS are the connection's business. */
  answer(request: Request): Buffer[] {
    const unknown = request.controls.some(
      (one) => one.critical && one.type !== oid.paged && one.type !== oid.manageDsaIt,
    );
    if (unknown) {
      const result = { code: code.unavailableCriticalExtension, message: 'critical extension is not recognized' };
      return [encodeResult(request.id, responseTag(request), result)];
    }
    switch (request.kind) {
      case 'bind':
        return [encodeResult(request.id, 0x61, this.#bind(request))];
      case 'search':
        return this.#search(request.id, request.search, request.controls);
      case 'extended':
        return [this.#extended(request)];
      case 'other':
        return [encodeResult(request.id, request.responseTag, this.#refuse(request.writes))];
      default:
        return [];
    }
  }

  /** A name without a password would be taken for anonymous (RFC 4513 5.1.2): refused, as OpenLDAP does by default. */
  #bind({ version, name, password }: Request & { kind: 'bind' }): Result {
    this.#boundAs = undefined;
    this.#paging = undefined;
    if (version !== 3) return { code: code.protocolError, message: 'requested protocol version not supported' };
    if (!password) return { code: code.authMethodNotSupported, message: 'SASL is not supported' };
    let who: Name;
    try {
      who = parseName(name);
    } catch {
      return { code: code.invalidDnSyntax, message: 'invalid DN' };
    }
    if (password.length === 0) {
      if (who.depth === 0) return { code: code.success };
      return { code: code.unwillingToPerform, message: 'unauthenticated bind (DN with no password) disallowed' };
    }
    const { account } = this.#backend;
    if (who.path !== account.name.path || !account.password.equals(password)) return { code: code.invalidCredentials };
    this.#boundAs = account.dn;
    return { code: code.success };
  }

  #extended({ id, name, hasValue }: Request & { kind: 'extended' }): Buffer {
    if (name !== oid.whoAmI || hasValue) {
      return encodeResult(id, 0x78, { code: code.protocolError, message: 'unsupported extended operation' });
    }
    const identity = this.#boundAs ? `dn:${this.#boundAs}` : '';
    return encodeResult(id, 0x78, { code: code.success }, { fields: [encodeText(identity, 0x8b)] });
  }

  #refuse(writes: boolean): Result {
    if (!this.#boundAs) return { code: code.strongerAuthRequired, message: 'authentication required' };
    if (writes) return { code: code.insufficientAccessRights, message: 'no write access' };
    return { code: code.unwillingToPerform, message: 'operation restricted' };
  }

  #search(id: number, search: SearchRequest, controls: readonly Control[]): Buffer[] {
    const done = (result: Result, sent: readonly Buffer[] = [], control?: Buffer) => [
      ...sent,
      encodeResult(id, 0x65, result, { controls: control ? [control] : [] }),
    ];
    let base: Name;
    try {
      base = parseName(search.base);
    } catch {
      return done({ code: code.invalidDnSyntax, message: 'invalid DN' });
    }
    const own = search.scope === 'base' ? this.#ownEntry(base) : undefined;
    if (own) {
      const fits = search.filter.test(own) === true;
      this.#witness(search, undefined, fits ? 1 : 0);
      return done({ code: code.success }, fits ? [send(id, own, search)] : []);
    }
    if (!this.#boundAs) return done({ code: code.strongerAuthRequired, message: 'authentication required' });
    const paged = controls.find((control) => control.type === oid.paged);
    let page: { size: number; cookie: Buffer } | undefined;
    try {
      page = paged && decodePaged(paged.value);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      return done({ code: code.protocolError, message: 'paged results control could not be decoded' });
    }
    if (!this.#backend.tree.at(base)) {
      return done({ code: code.noSuchObject, matched: this.#backend.tree.nearestAbove(base) });
    }
    // RFC 2696 3: a page as large as the size limit makes the control pointless, and it is ignored.
    if (!page || (search.sizeLimit > 0 && page.size >= search.sizeLimit)) {
      const limit = Math.min(search.sizeLimit || Number.POSITIVE_INFINITY, this.#backend.sizeLimit);
      const { sent, more } = this.#collect(id, search, base, 0, limit);
      return done({ code: more ? code.sizeLimitExceeded : code.success }, sent);
    }
    return this.#searchPage(id, search, base, page, done);
  }

  #searchPage(
    id: number,
    search: SearchRequest,
    base: Name,
    page: { size: number; cookie: Buffer },
    done: (result: Result, sent?: readonly Buffer[], control?: Buffer) => Buffer[],
  ): Buffer[] {
    const { base: _, filter, ...rest } = search;
    const same = JSON.stringify([base.path, filter.text, rest]);
    let before: Paging | undefined;
    if (page.cookie.length > 0) {
      before = this.#paging;
      this.#paging = undefined;
      if (!before?.cookie.equals(page.cookie) || before.search !== same) {
        return done({ code: code.unwillingToPerform, message: 'paged results cookie is invalid' });
      }
    }
    // RFC 2696 3: size 0 gives the paging up.
    if (page.size === 0) return done({ code: code.success }, [], encodePaged(0, Buffer.alloc(0)));
    const total = before?.total ?? this.#count(search, base);
    const left = search.sizeLimit === 0 ? page.size : Math.min(page.size, search.sizeLimit - (before?.sent ?? 0));
    const { sent, more, last } = this.#collect(id, search, base, before?.after ?? 0, left, page.size);
    const exceeded = more && left < page.size;
    let cookie = Buffer.alloc(0);
    if (more && !exceeded) {
      this.#pages += 1;
      cookie = Buffer.alloc(8);
      cookie.writeUInt32BE(last, 0);
      cookie.writeUInt32BE(this.#pages, 4);
      this.#paging = { cookie, search: same, after: last, sent: (before?.sent ?? 0) + sent.length, total };
    }
    return done({ code: exceeded ? code.sizeLimitExceeded : code.success }, sent, encodePaged(total, cookie));
  }

  #collect(id: number, search: SearchRequest, base: Name, after: number, limit: number, pageSize?: number) {
    const sent: Buffer[] = [];
    let last = after;
    let more = false;
    for (const { number, entry } of this.#backend.tree.within(base, search.scope, after)) {
      if (search.filter.test(entry) !== true) continue;
      if (sent.length >= limit) {
        more = true;
        break;
      }
      sent.push(send(id, entry, search));
      last = number;
    }
    this.#witness(search, pageSize, sent.length);
    return { sent, more, last };
  }

  #count(search: SearchRequest, base: Name): number {
    let count = 0;
    for (const { entry } of this.#backend.tree.within(base, search.scope)) {
      if (search.filter.test(entry) === true) count += 1;
    }
    return count;
  }

  #ownEntry(base: Name): Entry | undefined {
    if (base.depth === 0) return this.#backend.rootDse;
    return base.path === this.#backend.subschema.name.path ? this.#backend.subschema : undefined;
  }

  #witness(search: SearchRequest, pageSize: number | undefined, answered: number): void {
    const { base, scope, filter, attributes, typesOnly } = search;
    const asked = { base, scope, filter: filter.text, attributes, typesOnly, answered };
    this.#backend.witness(pageSize === undefined ? asked : { ...asked, pageSize });
  }
}

function responseTag(request: Request): number {
  if (request.kind === 'bind') return 0x61;
  if (request.kind === 'search') return 0x65;
  return request.kind === 'other' ? request.responseTag : 0x78;
}

function send(id: number, entry: Entry, search: SearchRequest): Buffer {
  return encodeEntry(id, entry, select(entry, search.attributes), search.typesOnly);
}

/** RFC 4511 4.5.1.8 and RFC 3673: nothing named means all user attributes, `+` all operational, `1.1` none. */
function select(entry: Entry, asked: readonly string[]): readonly Attribute[] {
  const selected = new Set<Attribute>();
  for (const one of asked.length === 0 ? ['*'] : asked) {
    const wanted = one === '*' || one === '+' ? undefined : describe(one);
    const found = wanted
      ? held(entry, wanted)
      : entry.attributes.filter((attribute) => (attribute.description.type.operational ? one === '+' : one === '*'));
    for (const attribute of found) selected.add(attribute);
  }
  return [...selected];
}
