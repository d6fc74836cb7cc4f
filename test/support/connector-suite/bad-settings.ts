import type { Connector } from '../../../src/contract/index.ts';
import { certificates } from '../certificates.ts';
import type { SourceHarness } from './source.ts';

export interface BadSettings {
  /** Completes "fails the check with …". */
  readonly what: string;
  readonly settings: (good: Readonly<Record<string, unknown>>) => Record<string, unknown>;
  /** What the sentence must say. */
  readonly says: RegExp;
}

/** What can be wrong with a setting follows from its kind. */
export function derivedBadSettings(connector: Connector, source: SourceHarness): BadSettings[] {
  return Object.entries(connector.settings).flatMap(([name, { kind }]) => {
    const instead = (what: string, value: (good: string) => unknown, says: RegExp): BadSettings => ({
      what,
      says,
      settings: (good) => ({ ...good, [name]: value(String(good[name] ?? '')) }),
    });
    if (kind === 'url') {
      const at = (host: string) => (good: string) => good.replace(/\/\/(\[[^\]]*\]|[^/:]+)/, `//${host}`);
      const rule = /add acme=10\.255\.255\.1\/32:\d+ to SLUICE_ALLOW_ADDRESSES/;
      return [
        instead(`${name} set to what is no address`, () => 'M4RKER no address', /address/),
        instead(`the host of ${name} unknown`, at('no-such-host.invalid'), /host no-such-host\.invalid is unknown/),
        instead(`${name} on a private address that is not allowed`, at('10.255.255.1'), rule),
        // Nothing listens on this address of loopback.
        instead(`${name} where nobody listens`, at('127.0.0.254'), /refused the connection/),
      ];
    }
    if (kind === 'secret')
      return [
        instead(`a wrong ${name}`, () => 'M4RKER-wrong-secret', /password|token|sign-in|account|key/i),
        instead(`an empty ${name}`, () => '', /password|token|sign-in|account|key|empty/i),
      ];
    if (kind === 'certificates' && source.privateAuthority)
      return [
        instead(`${name} set to what is no certificate`, () => 'M4RKER', /no certificate in .*\bca\b.*PEM/),
        instead(`no ${name} though the authority is private`, () => undefined, /set ca to|into `ca`/),
        instead(`${name} set to another authority`, () => certificates.stranger, /issuer that is not known/),
      ];
    return [];
  });
}
