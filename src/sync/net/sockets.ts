import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import ipaddr from 'ipaddr.js';
import { NeedsAttention, type SluiceError, TryLater } from '../../base/errors.ts';
import type { Allowance } from './allowance.ts';
import { canonicalHost, type Guard, place } from './guard.ts';
import { type Trust, tlsFailure } from './trust.ts';

/** Where a socket leads: the name for TLS and sentences, and the addresses that were checked for it. */
export interface Destination {
  readonly host: string;
  readonly port: number;
  readonly addresses: readonly string[];
}

/** Resolves and checks a host within the run's time. */
export async function destination(
  guard: Guard,
  allowance: Allowance,
  host: string,
  port: number,
  timeoutMs: number,
): Promise<Destination> {
  const name = canonicalHost(host);
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw new NeedsAttention(`The port for ${name} must be a number from 1 to 65535; correct it in the settings.`);
  const at = place(name, port);
  // The system's resolver cannot be cancelled, only left behind.
  const addresses = await within(guard.addressesOf(name, port), allowance, timeoutMs, at);
  return { host: name, port, addresses };
}

/**
 * A TCP connection to one of the checked addresses: each in turn, with its share of the time.
 * @throws TryLater refused, unreachable or too slow
 */
export async function openSocket(to: Destination, allowance: Allowance, timeoutMs: number): Promise<Socket> {
  const until = Date.now() + timeoutMs;
  let last: unknown;
  for (const [at, address] of to.addresses.entries()) {
    const share = (until - Date.now()) / (to.addresses.length - at);
    try {
      return await openAddress(to, address, allowance, allowance.patience(share));
    } catch (error) {
      if (error instanceof NeedsAttention || allowance.signal.aborted) throw error;
      last = error;
    }
  }
  throw last;
}

function openAddress(to: Destination, address: string, allowance: Allowance, timeoutMs: number): Promise<Socket> {
  const at = place(to.host, to.port);
  const socket = connectTcp({ host: address, port: to.port, keepAlive: true, noDelay: true });
  return settled(socket, 'connect', allowance, timeoutMs, at, socketFailure).then(() => {
    // A socket that ended up elsewhere (a redirecting library, a bug of ours) must carry nothing.
    if (socket.remoteAddress !== undefined && ipaddr.process(socket.remoteAddress).toString() === address)
      return socket;
    socket.destroy();
    throw new NeedsAttention(`The connection to ${at} arrived at another address than the one checked; report this.`);
  });
}

/** TLS over a connected socket, verified for the destination's name; the socket is destroyed if that fails. */
export async function secure(
  socket: Socket,
  to: { readonly host: string; readonly port: number },
  trust: Trust,
  ca: string | undefined,
  allowance: Allowance,
  timeoutMs: number,
): Promise<TLSSocket> {
  try {
    const tls = connectTls({
      socket,
      host: to.host,
      // A server name must not be an IP address (RFC 6066 3); `host` alone then decides what the certificate must name.
      ...(isIP(to.host) ? {} : { servername: to.host }),
      secureContext: trust.contextFor(ca),
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
    });
    await settled(tls, 'secureConnect', allowance, allowance.patience(timeoutMs), place(to.host, to.port), (error) =>
      tlsFailure(error, to.host, to.port),
    );
    return tls;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** Waits for one event of a socket; every other end destroys it. */
function settled(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  allowance: Allowance,
  timeoutMs: number,
  at: string,
  failure: (error: unknown, at: string) => SluiceError,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (error?: SluiceError) => {
      clearTimeout(timer);
      allowance.signal.removeEventListener('abort', late);
      socket.off('close', closed);
      if (!error) {
        socket.off('error', failed);
        return resolve();
      }
      // An error that arrives after we gave up has no other listener and would end the process.
      socket.on('error', () => {});
      socket.destroy();
      reject(error);
    };
    const late = () => finish(allowance.tooLate(at));
    const failed = (error: Error) => finish(failure(error, at));
    const closed = () => finish(new TryLater(`${at} closed the connection at once; the next run tries again.`));
    const timer = setTimeout(late, timeoutMs);
    allowance.signal.addEventListener('abort', late, { once: true });
    socket.once(event, () => finish());
    socket.once('error', failed);
    socket.once('close', closed);
    if (allowance.signal.aborted) late();
  });
}

function socketFailure(error: unknown, at: string): TryLater {
  const { code } = error as { code?: unknown };
  if (code === 'ECONNREFUSED')
    return new TryLater(`${at} refused the connection; check host and port and that the service is running.`);
  if (code === 'ETIMEDOUT')
    return new TryLater(`${at} did not answer; check host and port and that the firewall lets the hub through.`);
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH' || code === 'EADDRNOTAVAIL')
    return new TryLater(`There is no route from the hub to ${at}; check the network between them.`);
  return new TryLater(`The connection to ${at} broke off; the next run tries again.`);
}

/** @throws TryLater if the work takes longer than the run has; the work itself goes on unobserved */
export async function within<T>(work: Promise<T>, allowance: Allowance, timeoutMs: number, at: string): Promise<T> {
  work.catch(() => {}); // it may fail after we stopped listening
  const { promise: late, reject } = Promise.withResolvers<never>();
  const giveUp = () => reject(allowance.tooLate(at));
  const timer = setTimeout(giveUp, allowance.patience(timeoutMs));
  allowance.signal.addEventListener('abort', giveUp, { once: true });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    allowance.signal.removeEventListener('abort', giveUp);
  }
}
