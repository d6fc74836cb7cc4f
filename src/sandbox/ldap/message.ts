import { encode, encodeInteger, encodeText, Malformed, Reader, tag } from './ber.ts';
import type { Attribute, Entry } from './entry.ts';
import { decodeFilter, type Filter } from './filter.ts';

/** Result codes of RFC 4511 appendix A that this directory answers with. */
export const code = {
  success: 0,
  protocolError: 2,
  sizeLimitExceeded: 4,
  authMethodNotSupported: 7,
  strongerAuthRequired: 8,
  unavailableCriticalExtension: 12,
  noSuchObject: 32,
  invalidDnSyntax: 34,
  invalidCredentials: 49,
  insufficientAccessRights: 50,
  unwillingToPerform: 53,
} as const;

export const oid = {
  paged: '1.2.840.113556.1.4.319',
  manageDsaIt: '2.16.840.1.113730.3.4.2',
  whoAmI: '1.3.6.1.4.1.4203.1.11.3',
  startTls: '1.3.6.1.4.1.1466.20037',
  noticeOfDisconnection: '1.3.6.1.4.1.1466.20036',
  allOperationalAttributes: '1.3.6.1.4.1.4203.1.5.1',
  trueFalseFilters: '1.3.6.1.4.1.4203.1.5.3',
} as const;

export interface Control {
  readonly type: string;
  readonly critical: boolean;
  readonly value: Buffer | undefined;
}

export interface SearchRequest {
  readonly base: string;
  readonly scope: 'base' | 'one' | 'sub';
  /** 0: no limit of the client's own. */
  readonly sizeLimit: number;
  readonly typesOnly: boolean;
  readonly filter: Filter;
  readonly attributes: readonly string[];
}

export type Request = { readonly id: number; readonly controls: readonly Control[] } & (
  | { readonly kind: 'bind'; readonly version: number; readonly name: string; readonly password: Buffer | undefined }
  | { readonly kind: 'search'; readonly search: SearchRequest }
  | { readonly kind: 'extended'; readonly name: string; readonly hasValue: boolean }
  | { readonly kind: 'unbind' | 'abandon' }
  /** Anything that writes or compares; answered with the response's tag. */
  | { readonly kind: 'other'; readonly responseTag: number; readonly writes: boolean }
);

const refusedOperations = new Map([
  [0x66, { responseTag: 0x67, writes: true }],
  [0x68, { responseTag: 0x69, writes: true }],
  [0x4a, { responseTag: 0x6b, writes: true }],
  [0x6c, { responseTag: 0x6d, writes: true }],
  [0x6e, { responseTag: 0x6f, writes: false }],
]);

/** Decodes one LDAPMessage (RFC 4511 4.1.1). Throws Malformed. */
export function decodeRequest(bytes: Buffer): Request {
  const message = new Reader(new Reader(bytes).expect(tag.sequence));
  const id = message.integer();
  if (id < 1) throw new Malformed('message id that is not positive');
  const operation = message.element();
  const controls = message.nextTag === 0xa0 ? decodeControls(message.element().content) : [];
  message.end();
  const common = { id, controls };
  const refused = refusedOperations.get(operation.tag);
  if (refused) return { ...common, kind: 'other', ...refused };
  switch (operation.tag) {
    case 0x60:
      return { ...common, ...decodeBind(new Reader(operation.content)) };
    case 0x63:
      return { ...common, kind: 'search', search: decodeSearch(new Reader(operation.content)) };
    case 0x77: {
      const body = new Reader(operation.content);
      return { ...common, kind: 'extended', name: body.text(0x80), hasValue: body.nextTag !== undefined };
    }
    case 0x42:
      return { ...common, kind: 'unbind' };
    case 0x50:
      return { ...common, kind: 'abandon' };
    default:
      throw new Malformed('unknown operation');
  }
}

function decodeBind(body: Reader) {
  const version = body.integer();
  const name = body.text();
  const { tag: method, content } = body.element();
  body.end();
  if (method !== 0x80 && method !== 0xa3) throw new Malformed('unknown bind method');
  return { kind: 'bind' as const, version, name, password: method === 0x80 ? content : undefined };
}

const scopes = ['base', 'one', 'sub'] as const;

function decodeSearch(body: Reader): SearchRequest {
  const base = body.text();
  const scope = scopes[body.integer(tag.enumerated)];
  const deref = body.integer(tag.enumerated);
  const sizeLimit = body.integer();
  const timeLimit = body.integer();
  if (!scope || deref < 0 || deref > 3 || sizeLimit < 0 || timeLimit < 0) throw new Malformed('search out of range');
  const typesOnly = body.boolean();
  const filter = decodeFilter(body.element());
  const list = new Reader(body.expect(tag.sequence));
  body.end();
  const attributes: string[] = [];
  while (list.nextTag !== undefined) attributes.push(list.text());
  return { base, scope, sizeLimit, typesOnly, filter, attributes };
}

function decodeControls(content: Buffer): Control[] {
  const list = new Reader(content);
  const controls: Control[] = [];
  while (list.nextTag !== undefined) {
    const control = new Reader(list.expect(tag.sequence));
    const type = control.text();
    const critical = control.nextTag === tag.boolean ? control.boolean() : false;
    const value = control.nextTag === undefined ? undefined : control.expect(tag.octetString);
    control.end();
    controls.push({ type, critical, value });
  }
  return controls;
}

/** The value of a paged results control (RFC 2696 2), in either direction. Throws Malformed. */
export function decodePaged(value: Buffer | undefined): { size: number; cookie: Buffer } {
  if (!value) throw new Malformed('paged results control without a value');
  const outer = new Reader(value);
  const body = new Reader(outer.expect(tag.sequence));
  outer.end();
  const size = body.integer();
  const cookie = body.expect(tag.octetString);
  body.end();
  if (size < 0) throw new Malformed('negative page size');
  return { size, cookie };
}

export function encodePaged(estimate: number, cookie: Buffer): Buffer {
  const value = encode(tag.sequence, encodeInteger(estimate), encodeText(cookie));
  return encode(tag.sequence, encodeText(oid.paged), encodeText(value));
}

export interface Result {
  readonly code: number;
  readonly matched?: string;
  readonly message?: string;
}

/** A response that is an LDAPResult, perhaps with more after it (RFC 4511 4.1.9). */
export function encodeResult(
  id: number,
  responseTag: number,
  result: Result,
  more: { fields?: readonly Buffer[]; controls?: readonly Buffer[] } = {},
): Buffer {
  const operation = encode(
    responseTag,
    encodeInteger(result.code, tag.enumerated),
    encodeText(result.matched ?? ''),
    encodeText(result.message ?? ''),
    ...(more.fields ?? []),
  );
  const controls = more.controls?.length ? [encode(0xa0, ...more.controls)] : [];
  return encode(tag.sequence, encodeInteger(id), operation, ...controls);
}

export function encodeEntry(id: number, entry: Entry, attributes: readonly Attribute[], typesOnly: boolean): Buffer {
  const list = attributes.map((attribute) => (typesOnly ? attribute.encodedType : attribute.encoded));
  const operation = encode(0x64, encodeText(entry.dn), encode(tag.sequence, ...list));
  return encode(tag.sequence, encodeInteger(id), operation);
}

/** Said before hanging up on a peer that does not speak LDAP (RFC 4511 4.4.1). */
export const noticeOfDisconnection = encodeResult(
  0,
  0x78,
  { code: code.protocolError, message: 'decoding error' },
  { fields: [encodeText(oid.noticeOfDisconnection, 0x8a)] },
);
