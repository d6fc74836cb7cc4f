import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';

export type CommitFault = 'answer-swallowed' | 'never-sent';

/**
 * Stands between a hub and PostgreSQL and breaks the n-th COMMIT: it reaches the server and its answer does not come
 * back, or it never gets there; either way the connection is cut, and the hub cannot know which it was.
 */
export interface CommitProxy {
  /** The URL with the proxy's port in place of the server's. */
  readonly url: string;
  /** Breaks the n-th COMMIT from now; undefined lets all pass. */
  arm(fault: CommitFault, nth: number): void;
  disarm(): void;
  /** COMMITs broken so far. */
  broken(): number;
  stop(): Promise<void>;
}

// A simple query's first byte, four bytes of length, then its text.
const COMMIT = /^Q[\s\S]{4}COMMIT\0/;

export async function commitProxy(databaseUrl: string): Promise<CommitProxy> {
  const target = new URL(databaseUrl);
  const open = new Set<Socket>();
  let armed: { fault: CommitFault; left: number } | undefined;
  let broken = 0;

  const track = (socket: Socket) => {
    open.add(socket);
    socket.on('error', () => {}).on('close', () => open.delete(socket));
  };
  const server = createServer((client) => {
    track(client);
    const upstream = connect(Number(target.port), target.hostname);
    track(upstream);
    let swallowing = false;
    const cut = () => {
      upstream.destroy();
      client.destroy();
    };
    client.on('data', (chunk) => {
      if (armed && COMMIT.test(chunk.toString('latin1')) && --armed.left === 0) {
        broken++;
        const { fault } = armed;
        armed = undefined;
        if (fault === 'never-sent') return cut();
        swallowing = true;
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      // The answer is here, so the commit is done; nobody will hear of it.
      if (swallowing) return cut();
      client.write(chunk);
    });
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  target.port = String((server.address() as AddressInfo).port);
  const upstreamUrl = new URL(databaseUrl);
  const url = target.toString();
  target.port = upstreamUrl.port;
  return {
    url,
    arm: (fault, nth) => {
      armed = { fault, left: nth };
    },
    disarm: () => {
      armed = undefined;
    },
    broken: () => broken,
    async stop() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
