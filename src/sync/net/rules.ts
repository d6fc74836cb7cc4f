import ipaddr from 'ipaddr.js';
import { BadInput } from '../../base/errors.ts';

/**
 * What the operator allows beyond public addresses (SLUICE_ALLOW_ADDRESSES) and without TLS (SLUICE_ALLOW_CLEARTEXT).
 * Both speak one grammar: `[tenant=]CIDR[:ports]`, several separated by commas; ports are single ports or ranges
 * joined by `|` (`10.1.0.0/16:389|636`, `acme=fd00:12::/64:8000-8100`). No tenant: every tenant. No ports: every port.
 */
export interface AddressRule {
  /** The tenant's name; absent: every tenant. */
  readonly tenant?: string;
  /** First address of the network, in canonical text. */
  readonly address: string;
  /** Length of the prefix in bits. */
  readonly prefix: number;
  /** Inclusive ranges; absent: every port. */
  readonly ports?: readonly PortRange[];
}
export type PortRange = readonly [from: number, to: number];

type Address = ReturnType<typeof ipaddr.parse>;

const SHAPE =
  /^(?:(?<tenant>[a-z][a-z0-9-]{0,39})=)?(?<address>[0-9a-fA-F:.]+)\/(?<prefix>\d{1,3})(?::(?<ports>[0-9|-]+))?$/;

/** @throws BadInput naming the rule that cannot be read and how to write it */
export function parseAddressRules(text: string | undefined): AddressRule[] {
  return (text ?? '')
    .split(',')
    .map((rule) => rule.trim())
    .filter((rule) => rule !== '')
    .map(parseRule);
}

function parseRule(rule: string): AddressRule {
  const { tenant, address = '', prefix = '', ports } = SHAPE.exec(rule)?.groups ?? {};
  if (!ipaddr.isValid(address) || (!address.includes(':') && !ipaddr.IPv4.isValidFourPartDecimal(address)))
    throw new BadInput(
      `The address rule "${rule}" cannot be read; write [tenant=]CIDR[:ports], for example acme=10.1.2.3/32:636 or 10.1.0.0/16:389|8000-8100.`,
    );
  const parsed = ipaddr.parse(address);
  const bits = Number(prefix);
  if (parsed.kind() === 'ipv6' && (parsed as ipaddr.IPv6).isIPv4MappedAddress())
    throw new BadInput(`The address rule "${rule}" is an IPv4 network written as IPv6; write it as IPv4.`);
  if (bits > (parsed.kind() === 'ipv4' ? 32 : 128))
    throw new BadInput(
      `The address rule "${rule}" has a prefix longer than its address; use at most /32 or, for IPv6, /128.`,
    );
  const network = networkOf(parsed, bits);
  // 10.1.2.3/8 may mean one machine or sixteen million: guessing either way would be wrong.
  if (network !== parsed.toString())
    throw new BadInput(
      `The address rule "${rule}" names one address but a whole network; write ${network}/${bits} for the network or ${parsed.toString()}/${parsed.kind() === 'ipv4' ? 32 : 128} for the address.`,
    );
  return {
    address: network,
    prefix: bits,
    ...(tenant ? { tenant } : {}),
    ...(ports ? { ports: ports.split('|').map((range) => parsePorts(range, rule)) } : {}),
  };
}

function networkOf(address: Address, bits: number): string {
  const bytes = address
    .toByteArray()
    .map((byte, at) => byte & (0xff << (8 - Math.min(8, Math.max(0, bits - at * 8)))) & 0xff);
  return ipaddr.fromByteArray(bytes).toString();
}

function parsePorts(range: string, rule: string): PortRange {
  const [from, to] = range.split('-').map(Number);
  const last = to ?? from;
  if (!/^\d{1,5}(-\d{1,5})?$/.test(range) || !from || !last || from > last || last > 65535)
    throw new BadInput(
      `The ports of the address rule "${rule}" cannot be read; write ports from 1 to 65535 as 636, 8000-8100 or 389|636.`,
    );
  return [from, last];
}

/** Whether a rule speaks of this address and port for this tenant. IPv4-mapped IPv6 counts as IPv4. */
export function rulesCover(rules: readonly AddressRule[], tenant: string, address: string, port: number): boolean {
  return rules.some((rule) => ruleCovers(rule, tenant, address, port));
}

/** As `rulesCover`, but only by a rule that spells the port out. */
export function rulesName(rules: readonly AddressRule[], tenant: string, address: string, port: number): boolean {
  return rules.some((rule) => rule.ports !== undefined && ruleCovers(rule, tenant, address, port));
}

function ruleCovers(rule: AddressRule, tenant: string, address: string, port: number): boolean {
  if (rule.tenant !== undefined && rule.tenant !== tenant) return false;
  if (rule.ports && !rule.ports.some(([from, to]) => port >= from && port <= to)) return false;
  const candidate = ipaddr.process(address);
  const network = ipaddr.parse(rule.address);
  return candidate.kind() === network.kind() && candidate.match(network, rule.prefix);
}
