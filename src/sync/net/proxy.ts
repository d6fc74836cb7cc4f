import type { Socket } from 'node:net';
import ipaddr from 'ipaddr.js';
import { BadInput, NeedsAttention, TryLater } from '../../base/errors.ts';
import type { Allowance } from './allowance.ts';
import { place } from './guard.ts';
import { type Destination, openSocket, within } from './sockets.ts';

/** The operator's outbound proxy (SLUICE_PROXY); its own address is the operator's word and not guarded. */
export interface Proxy {
  readonly host: string;
  readonly port: number;
  readonly authorization: string | undefined;
}

/** @throws BadInput if it is not `http://[user:password@]host:port` */
export function parseProxy(text: string | undefined): Proxy | undefined {
  if (text === undefined || text === '') return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' || url.pathname !== '/' || url.search !== '')
    throw new BadInput('SLUICE_PROXY cannot be read; write http://host:port or http://user:password@host:port.');
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(url.port || 80),
    authorization: url.username === '' ? undefined : `Basic ${Buffer.from(credentials).toString('base64')}`,
  };
}

/** Whether SLUICE_NO_PROXY names this host: `*`, a name, a domain with or without its leading dot, an address or CIDR. */
export function bypasses(noProxy: readonly string[], to: Destination): boolean {
  return noProxy.some((entry) => {
    const rule = entry.trim().toLowerCase();
    if (rule === '*' || rule === to.host) return true;
    if (ipaddr.isValidCIDR(rule))
      return to.addresses.some((address) => {
        const [network, bits] = ipaddr.parseCIDR(rule);
        const parsed = ipaddr.parse(address);
        return parsed.kind() === network.kind() && parsed.match(network, bits);
      });
    const domain = rule.replace(/^\*?\./, '');
    return domain !== '' && to.host.endsWith(`.${domain}`);
  });
}

const LONGEST_ANSWER = 16 * 1024;

/**
 * A tunnel (RFC 9110 9.3.6) to the checked *address*: given the name, the proxy would resolve it again, and a name
 * that changes its answer would lead past our check into the proxy's network.
 */
export async function openTunnel(
  proxy: Proxy,
  resolve: (host: string) => Promise<string[]>,
  to: Destination,
  allowance: Allowance,
  timeoutMs: number,
): Promise<Socket> {
  const addresses = ipaddr.isValid(proxy.host)
    ? [proxy.host]
    : await within(resolve(proxy.host), allowance, timeoutMs, 'The name server').catch(() => {
        throw new NeedsAttention('The host of SLUICE_PROXY is unknown; ask the operator of the hub to correct it.');
      });
  const socket = await openSocket({ ...proxy, addresses }, allowance, timeoutMs);
  const target = place(to.addresses[0]!, to.port);
  const lines = [`CONNECT ${target} HTTP/1.1`, `Host: ${target}`];
  if (proxy.authorization) lines.push(`Proxy-Authorization: ${proxy.authorization}`);
  try {
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    const status = await within(answerOf(socket), allowance, timeoutMs, 'The proxy');
    if (status >= 200 && status < 300) return socket;
    throw new NeedsAttention(
      `The proxy of the hub does not let it through to ${place(to.host, to.port)} (status ${status}); ask the operator to allow it there or in SLUICE_NO_PROXY.`,
    );
  } catch (error) {
    socket.on('error', () => {});
    socket.destroy();
    throw error;
  }
}

/** Reads the head of the proxy's answer and not a byte more: what follows belongs to the tunnel. */
function answerOf(socket: Socket): Promise<number> {
  return new Promise((resolve, reject) => {
    let head = Buffer.alloc(0);
    const broken = () =>
      finish(() => reject(new TryLater('The proxy of the hub broke off; the next run tries again.')));
    const finish = (settle: () => void) => {
      socket.off('readable', read).off('error', broken).off('end', broken).off('close', broken);
      settle();
    };
    const read = () => {
      for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
        head = Buffer.concat([head, chunk]);
        const end = head.indexOf('\r\n\r\n');
        if (end < 0 && head.length <= LONGEST_ANSWER) continue;
        const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head.toString('latin1'))?.[1] ?? 0);
        return finish(() => {
          if (end >= 0 && head.length > end + 4) socket.unshift(head.subarray(end + 4));
          resolve(end < 0 ? 0 : status);
        });
      }
    };
    socket.on('readable', read).on('error', broken).on('end', broken).on('close', broken);
    read();
  });
}
