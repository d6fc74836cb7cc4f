import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { programPath } from './requires.ts';

/** A server that a test started; ended by its own process id. */
export interface Child {
  readonly process: ChildProcess;
  /** All it has printed so far. */
  output(): string;
  stop(): Promise<void>;
}

export function startChild(program: string, args: readonly string[]): Child {
  const child = spawn(programPath(program) ?? program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const printed: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => printed.push(text));
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()).once('error', () => resolve()));
  return {
    process: child,
    output: () => printed.join(''),
    async stop() {
      process.off('exit', kill);
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      const timer = setTimeout(kill, 5000);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** Runs a program to its end. @throws with what it printed if it fails */
export async function run(program: string, args: readonly string[], input?: string): Promise<string> {
  const child = spawn(programPath(program) ?? program, args, { stdio: 'pipe' });
  const printed: Buffer[] = [];
  const complaints: Buffer[] = [];
  child.stdout.on('data', (bytes) => printed.push(bytes));
  child.stderr.on('data', (bytes) => complaints.push(bytes));
  child.stdin.on('error', () => {});
  child.stdin.end(input ?? '');
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${Buffer.concat(complaints)}`);
  return Buffer.concat(printed).toString('utf8');
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Waits until something listens; fails with what the child printed if it ends or takes too long. */
export async function listening(child: Child, host: string, port: number, withinMs = 15_000): Promise<void> {
  for (const until = Date.now() + withinMs; Date.now() < until; await sleep(30)) {
    if (child.process.exitCode !== null) break;
    if (await canConnect(host, port)) return;
  }
  throw new Error(`Nothing listens at ${host}:${port}; it printed: ${child.output().slice(-2000)}`);
}

function canConnect(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
