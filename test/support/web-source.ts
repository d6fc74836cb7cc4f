import { createServer as createHttp, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { certificates } from './certificates.ts';

export interface WebSource extends AsyncDisposable {
  /** `https://127.0.0.1:PORT`, without a slash at the end. */
  readonly origin: string;
  readonly port: number;
  /** Every request that arrived: method, path and headers. */
  readonly requests: { method: string; url: string; headers: IncomingMessage['headers'] }[];
  stop(): Promise<void>;
}

export interface WebSourceOptions {
  /** `undefined` speaks plain HTTP. Default: the valid certificate. */
  tls?: { key: string; cert: string } | undefined;
  host?: string;
}

/** A live web server on loopback that answers as told and remembers what it was asked. */
export async function webSource(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  options: WebSourceOptions = {},
): Promise<WebSource> {
  const requests: WebSource['requests'] = [];
  const listener: RequestListener = (request, response) => {
    requests.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers });
    answer(request, response);
  };
  const tls = 'tls' in options ? options.tls : certificates.valid;
  const server = tls ? createHttps(tls, listener) : createHttp(listener);
  server.on('tlsClientError', () => {}).on('clientError', (_error, socket) => socket.destroy());
  const host = options.host ?? '127.0.0.1';
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  const stop = async () => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  const written = host.includes(':') ? `[${host}]` : host;
  return {
    origin: `${tls ? 'https' : 'http'}://${written}:${port}`,
    port,
    requests,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
