import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import ipaddr from 'ipaddr.js';
import { NeedsAttention, TryLater } from '../../base/errors.ts';
import { type AddressRule, rulesCover, rulesName } from './rules.ts';

/**
 * Where a connection may go. A tenant chooses host names, so a name is only as good as every address behind it:
 * all are resolved, all are checked, and the socket goes to a checked address, never to the name a second time.
 */
export interface Guard {
  /**
   * The addresses of a host, each allowed for this port, in the order the resolver gave them.
   * @throws NeedsAttention unknown host, or an address that is not allowed (with the rule that would allow it)
   */
  addressesOf(host: string, port: number): Promise<string[]>;
}

export interface GuardOptions {
  readonly tenant: string;
  readonly allow: readonly AddressRule[];
  readonly ownPorts: readonly number[];
  readonly resolve?: (host: string) => Promise<string[]>;
}

export function createGuard({ tenant, allow, ownPorts, resolve = resolveBySystem }: GuardOptions): Guard {
  return {
    async addressesOf(host, port) {
      const name = canonicalHost(host);
      const addresses = ipaddr.isValid(name) ? [name] : await resolveName(name, resolve);
      // One bad address among good ones is refused as a whole: which one a client picks is up to chance.
      for (const address of addresses) {
        if (isNever(address, port, allow, ownPorts, tenant))
          throw new NeedsAttention(
            `${place(name, port)} leads to an address that connections may never reach (link-local, cloud metadata, or the hub itself); enter the address of the system you mean.`,
          );
        if (isPublic(address) || rulesCover(allow, tenant, address, port)) continue;
        const bits = address.includes(':') ? 128 : 32;
        throw new NeedsAttention(
          `${place(name, port)} is at ${address}, which is not a public address; if that is right, ask the operator of the hub to add ${tenant}=${address}/${bits}:${port} to SLUICE_ALLOW_ADDRESSES.`,
        );
      }
      return addresses;
    },
  };
}

/** `host:port` as sentences and URLs write it. */
export function place(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * A host name as WHATWG URL reads it, without brackets: `0x7f.1`, `2130706433` and full-width digits become
 * 127.0.0.1 here and are checked as that, instead of being read so by the resolver after the check.
 * @throws NeedsAttention if it is not a host name
 */
export function canonicalHost(host: string): string {
  const written = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  const wrong = new NeedsAttention('The host name of the source cannot be read; enter a host name or an IP address.');
  if (written === '' || /[\s/@?#\\%]/.test(written)) throw wrong;
  try {
    const url = new URL(`https://${written}`);
    if (url.port !== '' || url.hostname === '') throw wrong;
    const name = url.hostname.replace(/^\[(.*)\]$/, '$1');
    return ipaddr.isValid(name) ? ipaddr.process(name).toString() : name;
  } catch {
    throw wrong;
  }
}

async function resolveName(name: string, resolve: (host: string) => Promise<string[]>): Promise<string[]> {
  let answers: string[];
  try {
    answers = await resolve(name);
  } catch (error) {
    if ((error as { code?: unknown }).code === 'EAI_AGAIN')
      throw new TryLater(`The name server did not answer when asked for ${name}; the next run tries again.`);
    throw unknownHost(name);
  }
  // A scoped answer (fe80::1%eth0) is not valid here either and must not slip through unchecked.
  if (answers.length === 0 || !answers.every((answer) => ipaddr.isValid(answer) && !answer.includes('%')))
    throw unknownHost(name);
  return answers.map((answer) => ipaddr.process(answer).toString());
}

const unknownHost = (name: string) =>
  new NeedsAttention(
    `The host ${name} is unknown to the name server of the hub; correct the host name, or ask the operator to make it resolvable.`,
  );

/** The system's resolver, hosts file included: names of machines on the premises often live only there. */
export async function resolveBySystem(host: string): Promise<string[]> {
  const answers = await lookup(host, { all: true, verbatim: true });
  return answers.map((answer) => answer.address);
}

/**
 * Public means `unicast` in ipaddr.js, which is also its word for whatever it knows no name for: of IPv6 only
 * 2000::/3 is assigned (RFC 4291 2.4, IANA), and `::7f00:1` must not pass for more than it is.
 */
function isPublic(address: string): boolean {
  const parsed = ipaddr.process(address);
  return parsed.range() === 'unicast' && (parsed.kind() === 'ipv4' || (parsed.toByteArray()[0]! & 0xe0) === 0x20);
}

/**
 * Metadata and platform addresses outside the link-local ranges: Azure's wire server (a public address), Alibaba's
 * and Oracle's metadata, AWS's and Google's over IPv6. Sources: the providers' pages on instance metadata.
 */
const METADATA = ['168.63.129.16', '100.100.100.200', '192.0.0.192', 'fd00:ec2::254', 'fd20:ce::254'];

/** Not destinations of one machine, or tunnels whose inner address we would have to trust. */
const NEVER_RANGES = new Set(['unspecified', 'linkLocal', 'multicast', 'broadcast', '6to4', 'teredo', 'rfc6145']);

function isNever(
  address: string,
  port: number,
  allow: readonly AddressRule[],
  ownPorts: readonly number[],
  tenant: string,
): boolean {
  const parsed = ipaddr.process(address);
  if (METADATA.includes(parsed.toString()) || NEVER_RANGES.has(parsed.range())) return true;
  // The deprecated `::a.b.c.d` (RFC 4291 2.5.5.1).
  const bytes = parsed.toByteArray();
  if (bytes.length === 16 && parsed.range() !== 'loopback' && bytes.slice(0, 12).every((byte) => byte === 0))
    return true;
  // NAT64 (64:ff9b::/96) carries an IPv4 address in its last four bytes; the translator would take us there.
  if (parsed.range() === 'rfc6052') {
    const inner = ipaddr.fromByteArray(bytes.slice(-4)).toString();
    return inner === parsed.toString() || isNever(inner, port, allow, ownPorts, tenant);
  }
  if (!ownPorts.includes(port)) return false;
  if (parsed.range() === 'loopback' || addressesOfThisMachine().has(parsed.toString())) return true;
  // On another machine an own port number may be a coincidence (443) or the hub's database: a rule must spell it out.
  return !isPublic(address) && !rulesName(allow, tenant, address, port);
}

function addressesOfThisMachine(): Set<string> {
  const own = Object.values(networkInterfaces()).flatMap((many) => many ?? []);
  return new Set(own.map(({ address }) => ipaddr.process(address.replace(/%.*$/, '')).toString()));
}
