import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';

/**
 * Stands between a connector and a live server whose protocol is a conversation over one TCP connection: counts
 * what the server says, breaks off after so many bytes of each connection, or says something else in its place.
 */
export interface CuttingProxy {
  readonly port: number;
  cutAfter(bytes: number | undefined): void;
  bytesSent(): number;
  garble(text: string | undefined): void;
  stop(): Promise<void>;
}

export async function cuttingProxy(targetPort: number): Promise<CuttingProxy> {
  const open = new Set<Socket>();
  let cut: number | undefined;
  let garbled: string | undefined;
  let sent = 0;

  const track = (socket: Socket) => {
    open.add(socket);
    socket.on('error', () => {}).on('close', () => open.delete(socket));
  };
  const server = createServer((client) => {
    track(client);
    const limit = cut;
    let passed = 0;
    const upstream = connect(targetPort, '127.0.0.1');
    track(upstream);
    client.on('data', (chunk) => upstream.write(chunk)).on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroySoon());
    if (limit === 0) return void client.end();
    upstream.on('data', (chunk) => {
      if (garbled !== undefined) return void client.end(garbled);
      const rest = limit === undefined ? chunk : chunk.subarray(0, limit - passed);
      passed += rest.length;
      sent += rest.length;
      client.write(rest);
      if (limit !== undefined && passed >= limit) {
        upstream.destroy();
        client.destroySoon();
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    cutAfter(bytes) {
      cut = bytes;
    },
    bytesSent() {
      const bytes = sent;
      sent = 0;
      return bytes;
    },
    garble(text) {
      garbled = text;
    },
    async stop() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
