import type { Socket } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { Clock } from '../../base/clock.ts';
import { NeedsAttention } from '../../base/errors.ts';
import type { Net, SocketTarget } from '../../contract/net.ts';
import { createAllowance, type NetBudget } from './allowance.ts';
import { canonicalHost, createGuard, place, resolveBySystem } from './guard.ts';
import type { HttpDoor } from './http.ts';
import { bypasses, openTunnel, parseProxy } from './proxy.ts';
import { type AddressRule, rulesCover, rulesName } from './rules.ts';
import { type Destination, destination, openSocket, secure } from './sockets.ts';
import { createTrust } from './trust.ts';
import { workloadToken } from './workload-token.ts';

export type { NetBudget } from './allowance.ts';
export { type AddressRule, parseAddressRules } from './rules.ts';

/** The operator's word on the network; a tenant cannot change any of it. */
export interface NetRules {
  readonly allow: readonly AddressRule[];
  readonly cleartext: readonly AddressRule[];
  /** SLUICE_PROXY, for HTTP and HTTPS only. Names are still resolved and checked here. */
  readonly proxy?: string;
  readonly noProxy: readonly string[];
  /** SLUICE_WORKLOAD_IDENTITY: by tenant, the file of the token that is lent to it. */
  readonly tokenFiles?: ReadonlyMap<string, string>;
  /** PEM text of further certificate authorities. */
  readonly caFile?: string;
  /** The hub's own ports and those of its database: never, on this machine; elsewhere only where a rule names them. */
  readonly ownPorts: readonly number[];
}

export interface NetOptions {
  /** The tenant's name, as address rules write it. */
  readonly tenant: string;
  readonly rules: NetRules;
  readonly budget: NetBudget;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Awaited before anything goes out; it throws what ends the request. Absent: nothing stands against it. */
  readonly mayAsk?: (() => Promise<void>) | undefined;
  /** All addresses of a host name; the system's resolver unless a test brings its own. */
  readonly resolve?: (host: string) => Promise<string[]>;
}

export type GuardedNet = Net & { readonly spent: { readonly requests: number; readonly bytes: number } };

/** The network of one run. @throws BadInput if SLUICE_PROXY cannot be read */
export function createNet({
  tenant,
  rules,
  budget,
  signal,
  clock,
  mayAsk,
  resolve = resolveBySystem,
}: NetOptions): GuardedNet {
  const allowance = createAllowance(budget, clock, signal);
  const guard = createGuard({ tenant, allow: rules.allow, ownPorts: rules.ownPorts, resolve });
  const trust = createTrust(rules.caFile);
  const proxy = parseProxy(rules.proxy);
  /** Addresses seen behind a name in this run; what decides whether a password may travel there in clear. */
  const seen = new Map<string, readonly string[]>();

  const reach = async (host: string, port: number, timeoutMs: number) => {
    await mayAsk?.();
    const to = await destination(guard, allowance, host, port, timeoutMs);
    seen.set(place(to.host, to.port), to.addresses);
    return to;
  };
  const inClear = (addresses: readonly string[], port: number) =>
    addresses.length > 0 && addresses.every((address) => rulesCover(rules.cleartext, tenant, address, port));
  const connected = (socket: Socket): Socket => {
    // Without a listener an error between two calls of a connector would end the process; `close` still tells it.
    socket.on('error', () => {});
    const stop = () => socket.destroy();
    signal.addEventListener('abort', stop, { once: true });
    socket.once('close', () => signal.removeEventListener('abort', stop));
    return socket;
  };

  const door: HttpDoor = {
    allowance,
    clock,
    resolve: reach,
    async open(to, secured, ca, timeoutMs) {
      const through = proxy && !bypasses(rules.noProxy, to) ? proxy : undefined;
      const socket = through
        ? await openTunnel(through, resolve, to, allowance, timeoutMs)
        : await openSocket(to, allowance, timeoutMs);
      return connected(secured ? await secure(socket, to, trust, ca, allowance, timeoutMs) : socket);
    },
    requireCleartext(to: Destination) {
      if (inClear(to.addresses, to.port)) return;
      throw new NeedsAttention(
        `The address of ${place(to.host, to.port)} begins with http://, which anyone on the way can read; use https://, or ask the operator to add ${to.addresses.map((address) => `${tenant}=${address}/${address.includes(':') ? 128 : 32}:${to.port}`).join(',')} to SLUICE_ALLOW_CLEARTEXT.`,
      );
    },
    portIsNamed: (to) => to.addresses.every((address) => rulesName(rules.allow, tenant, address, to.port)),
  };

  return {
    spent: allowance.spent,
    // Loaded by the first that asks: a run over LDAP needs neither, and 40 MB less without them.
    http: async (request) => (await import('./http.ts')).http(door, request),
    async *csv(url, options = {}) {
      const { csv } = await import('./csv.ts');
      yield* csv(door, url, options);
    },
    async connect(target: SocketTarget) {
      const to = await reach(target.host, target.port, target.timeoutMs);
      const socket = await openSocket(to, allowance, target.timeoutMs);
      return connected(target.tls ? await secure(socket, to, trust, target.ca, allowance, target.timeoutMs) : socket);
    },
    async upgrade(socket, target) {
      const to = { host: canonicalHost(target.host), port: target.port };
      const tls = await secure(socket, to, trust, target.ca, allowance, target.timeoutMs);
      connected(tls);
      return tls;
    },
    allowsCleartext(host, port) {
      const name = canonicalHost(host);
      return inClear(ipaddr.isValid(name) ? [name] : (seen.get(place(name, port)) ?? []), port);
    },
    now: () => clock.now(),
    workloadToken: () => workloadToken(rules.tokenFiles, tenant, signal),
    count: (spent) => allowance.count(spent),
  };
}
