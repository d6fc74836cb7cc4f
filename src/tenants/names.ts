import { domainToASCII } from 'node:url';

export const MAX_NAME_LENGTH = 40;
/** Names of tenants and connections. No double hyphen: that keeps `secretPrefix` injective. */
export const NAME = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;

/** The operator's settings begin with `SLUICE_`; suppliers of a user that are no connections; a trap of JavaScript. */
const RESERVED_TENANTS = ['sluice'];
const RESERVED_CONNECTIONS = ['log-on', 'correction', 'constructor'];

const grammar = `must begin with a small letter and hold small letters, digits and single hyphens, at most ${MAX_NAME_LENGTH}`;

/** What is wrong with a tenant's name, as the end of a sentence; `undefined` if nothing is. */
export function wrongTenantName(name: string): string | undefined {
  if (name.length > MAX_NAME_LENGTH || !NAME.test(name)) return `${grammar}; for example acme-eu`;
  return RESERVED_TENANTS.includes(name)
    ? `must not be ${name}, which is the hub's own word; choose another`
    : undefined;
}

export function wrongConnectionName(name: string): string | undefined {
  if (name.length > MAX_NAME_LENGTH || !NAME.test(name)) return `${grammar}; for example people`;
  return RESERVED_CONNECTIONS.includes(name)
    ? `must not be ${name}, which means something else; choose another`
    : undefined;
}

/**
 * What a tenant's secrets begin with: `acme-eu` has `ACME_EU__`. Injective: a name holds no underscore and no double
 * hyphen and ends with neither, so the first `__` of a variable ends the prefix of one possible tenant only.
 */
export function secretPrefix(tenant: string): string {
  return `${tenant.toUpperCase().replaceAll('-', '_')}__`;
}

/** Lower-case A-label form (RFC 5890) of a domain; `undefined` when it is none. */
export function normaliseDomain(text: string): string | undefined {
  const ascii = domainToASCII(text.trim().normalize('NFC').toLowerCase());
  const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
  return ascii.length <= 253 && new RegExp(`^${label}(?:\\.${label})*$`).test(ascii) && !/(?:^|\.)\d+$/.test(ascii)
    ? ascii
    : undefined;
}

/** With the domain as A-labels; `undefined` when it is no address. */
export function normaliseNotifyEmail(text: string): string | undefined {
  const trimmed = text.trim();
  const at = trimmed.lastIndexOf('@');
  const domain = normaliseDomain(trimmed.slice(at + 1));
  const local = trimmed.slice(0, at);
  return at > 0 && at <= 64 && domain && !/[\s\p{Cc}<>,;:"()[\]\\@]/u.test(local) ? `${local}@${domain}` : undefined;
}

/**
 * Whether a source could have a field of this name: attribute types with options, OIDs, JSON paths, headers of
 * tables. `*` and `+` are refused because they would ask for everything.
 */
export function isPlausibleField(name: string): boolean {
  return (
    name.length <= 128 &&
    /^[\p{L}\p{N}_$@](?:[\p{L}\p{M}\p{N} _.;:/@$#-]*[\p{L}\p{M}\p{N}_$#])?$/u.test(name) &&
    !(name in {})
  );
}
