import { isIPv4 } from 'node:net';
import { BadInput } from '../base/errors.ts';
import type { OperatorSettings } from './table.ts';

/** Whether what listens there is reached from this machine alone. */
export function isLoopback(host: string): boolean {
  return (isIPv4(host) && host.startsWith('127.')) || host === '::1' || host.toLowerCase() === 'localhost';
}

/**
 * Keys and names travel over this address: off the machine only under TLS, the hub's own or a trusted proxy's.
 * @throws BadInput with the fix
 */
export function checkListenAddress(
  settings: Pick<OperatorSettings, 'host' | 'tlsCert' | 'tlsKey' | 'trustProxy'>,
): void {
  if ((settings.tlsCert === undefined) !== (settings.tlsKey === undefined)) {
    const [has, wants] = settings.tlsCert
      ? ['SLUICE_TLS_CERT', 'SLUICE_TLS_KEY']
      : ['SLUICE_TLS_KEY', 'SLUICE_TLS_CERT'];
    throw new BadInput(`${has} is set without ${wants}; the hub needs both to speak TLS.`);
  }
  if (isLoopback(settings.host) || settings.tlsCert !== undefined || settings.trustProxy !== undefined) return;
  throw new BadInput(
    `SLUICE_HOST is ${settings.host}, which others can reach without TLS; set SLUICE_TLS_CERT and SLUICE_TLS_KEY, or SLUICE_TRUST_PROXY to the CIDRs of the proxy that ends TLS, or listen on 127.0.0.1.`,
  );
}
