import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** A body larger than this is nothing that a reader of Graph sends. */
const largestBody_bytes = 4 * 1024 * 1024;

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Sends half of the body, then hangs up. */
  readonly cut: boolean;
}

export interface Listener {
  readonly port: number;
  /** Hangs up on every client and frees the port; may be called twice. */
  stop(): Promise<void>;
}

export type Reader = (method: string, url: string, headers: Record<string, string>, body: string) => Promise<Reply>;

/** HTTPS on loopback. Throws the error of `listen` if the port is taken. */
export async function listen(
  tls: { readonly key: string; readonly cert: string },
  port: number,
  reader: Reader,
): Promise<Listener> {
  const server = createServer({ key: tls.key, cert: tls.cert }, (request, response) => {
    void answer(request, response, reader);
  });
  // A client that resets its connection is its own business; without a listener it would end the process.
  server.on('tlsClientError', () => undefined);
  server.on('clientError', (_error, socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address() as AddressInfo;
  const closed = new Promise<void>((resolve) => server.once('close', () => resolve()));
  return {
    port: address.port,
    stop: async () => {
      if (server.listening) server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, reader: Reader): Promise<void> {
  request.on('error', () => response.destroy());
  response.on('error', () => undefined);
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of request as AsyncIterable<Buffer>) {
      size += part.length;
      if (size > largestBody_bytes) {
        response.writeHead(413).end();
        return;
      }
      parts.push(part);
    }
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.join(', ') : (value ?? ''),
      ]),
    );
    const reply = await reader(request.method ?? '', request.url ?? '', headers, Buffer.concat(parts).toString());
    const body = Buffer.from(reply.body);
    response.writeHead(reply.status, { ...reply.headers, 'content-length': body.length });
    if (!reply.cut) response.end(body);
    // The length said is that of the whole: a client that looks at it knows that something is missing.
    else response.write(body.subarray(0, body.length >> 1), () => response.destroy());
  } catch {
    // The client went away, or the sandbox is wrong: in both cases it hears nothing that could be taken for an answer.
    response.destroy();
  }
}
