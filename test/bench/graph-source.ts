/**
 * Microsoft Graph for a benchmark, in a process of its own: what it takes to answer is not the hub's. Told what to do by one
 * line of JSON on its standard input each, it answers with one.
 * `node graph-source.ts ROOMS`
 */
import { createInterface } from 'node:readline';
import { startSandboxGraph } from '../../src/sandbox/graph/index.ts';
import { certificates } from '../support/certificates.ts';
import { fillRooms, moveEvents } from './rooms.ts';

export const application = {
  tenantId: '8f4c1f0e-3a52-4b0a-9c0e-2f6d5f5f6a11',
  clientId: '5b0c2f9d-0d8e-4f5c-8d0a-6a1f3c9b7e22',
  clientSecret: 'the~secret.of-the-app',
};

export interface SourceOrder {
  /** Permission for calendars from now on. */
  readonly grant?: string;
  /** So many events move. */
  readonly move?: number;
  /** Each answer takes so long. */
  readonly latency_ms?: number;
}

export interface SourceSaid {
  readonly url: string;
  /** Of the process, so far. */
  readonly cpu_s: number;
}

if (process.argv[1] === import.meta.filename) {
  const rooms = Number(process.argv[2]);
  const today = Math.floor(Date.now() / 86_400_000);
  const source = await startSandboxGraph({ tls: certificates.valid, ...application });
  fillRooms(source, rooms, today);
  let round = 0;
  const say = () => {
    const { user, system } = process.cpuUsage();
    const said: SourceSaid = { url: source.graphUrl, cpu_s: (user + system) / 1e6 };
    process.stdout.write(`${JSON.stringify(said)}\n`);
  };
  say();
  for await (const line of createInterface({ input: process.stdin })) {
    const { grant, move, latency_ms } = JSON.parse(line) as SourceOrder;
    if (grant !== undefined) source.grant(['User.Read.All', 'Place.Read.All', grant]);
    if (move !== undefined) moveEvents(source, rooms, today, move, ++round);
    if (latency_ms !== undefined) source.oddities({ latency_ms });
    say();
  }
  process.exit(0);
}
