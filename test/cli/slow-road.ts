import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface SlowRoad {
  readonly port: number;
  stop(): Promise<void>;
}

/** A road to a server on which every request takes its time: a reading that lasts long enough to be stopped. */
export async function slowRoad(target: number, delayMs: number): Promise<SlowRoad> {
  const open = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        open.delete(socket);
        other.destroy();
      });
    }
    // Timers of one length end in the order in which they began: nothing overtakes.
    near.on('data', (bytes) => setTimeout(() => far.writable && far.write(bytes), delayMs));
    far.pipe(near);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}
