import type { Clock } from '../../src/base/clock.ts';
import { createNet, type GuardedNet, type NetRules, parseAddressRules } from '../../src/sync/net/index.ts';

export interface NetForTests {
  rules?: Partial<NetRules>;
  resolve?: (host: string) => Promise<string[]>;
  signal?: AbortSignal;
  maxRequests?: number;
  clock?: Clock;
  deadline?: Date;
}

/** The real guarded network of tenant `acme`, whose operator allows loopback unless told otherwise. */
export function netForTests(options: NetForTests = {}): GuardedNet {
  const clock = options.clock ?? { now: () => new Date() };
  return createNet({
    tenant: 'acme',
    rules: {
      allow: parseAddressRules('acme=127.0.0.0/8,acme=::1/128'),
      cleartext: [],
      noProxy: [],
      ownPorts: [],
      ...options.rules,
    },
    budget: {
      maxRequests: options.maxRequests ?? 1000,
      deadline: options.deadline ?? new Date(clock.now().getTime() + 60_000),
    },
    signal: options.signal ?? new AbortController().signal,
    clock,
    ...(options.resolve ? { resolve: options.resolve } : {}),
  });
}
