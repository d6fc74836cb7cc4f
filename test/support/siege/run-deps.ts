import type { Clock } from '../../../src/base/clock.ts';
import { silentLog } from '../../../src/base/log.ts';
import type { Connector } from '../../../src/contract/index.ts';
import { createNet, type NetRules, parseAddressRules } from '../../../src/sync/net/index.ts';
import type { RunDeps } from '../../../src/sync/run.ts';

const LOOPBACK = '127.0.0.0/8,::1/128';

/** What a run needs, with loopback allowed and without TLS, the same in every process of a siege. */
export function siegeDeps(clock: Clock, connectors: ReadonlyMap<string, Connector>): RunDeps {
  const rules: NetRules = {
    allow: parseAddressRules(LOOPBACK),
    cleartext: parseAddressRules(LOOPBACK),
    noProxy: [],
    ownPorts: [],
  };
  return {
    clock,
    log: silentLog,
    connectors,
    net: ({ tenant, signal, maxRequests, deadline }) =>
      createNet({ tenant, rules, budget: { maxRequests, deadline }, signal, clock }),
    stopping: new AbortController().signal,
    ended: async () => {},
  };
}
