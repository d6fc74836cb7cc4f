/** The hub as an operator starts it, a process of its own, with everything it says and writes kept for a search. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkout } from '../store/embedded-support.ts';

export interface HubAnswer {
  readonly status: number;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: answers of all routes
  readonly body: any;
}

export class LeakHub {
  readonly dataDir: string;
  /** The hub's TMPDIR: what it leaves for a moment elsewhere is here. */
  readonly temporary: string;
  readonly #environment: NodeJS.ProcessEnv;
  #process: ChildProcess | undefined;
  #printed: Buffer[] = [];
  readonly #answers: string[] = [];
  url = '';
  key = '';

  constructor(folder: string, environment: NodeJS.ProcessEnv) {
    this.dataDir = join(folder, 'data');
    this.temporary = join(folder, 'tmp');
    this.#environment = {
      PATH: process.env.PATH,
      TMPDIR: this.temporary,
      SLUICE_DATA: this.dataDir,
      SLUICE_LOG: 'trace',
      SLUICE_ALLOW_ADDRESSES: '127.0.0.0/8',
      SLUICE_ALLOW_CLEARTEXT: '127.0.0.0/8',
      ...environment,
    };
  }

  /** Everything that the hub printed, and what commands printed beside their answers: logs, at trace. */
  get printed(): Buffer {
    return Buffer.concat(this.#printed);
  }

  /** Status, headers and body of every answer, and the answers of commands. */
  get answers(): Buffer {
    return Buffer.from(this.#answers.join('\n'));
  }

  #spawn(words: readonly string[]): ChildProcess {
    const child = spawn(process.execPath, [join(checkout, 'bin/sluice.js'), ...words], {
      cwd: checkout,
      env: this.#environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stderr!.on('data', (bytes: Buffer) => this.#printed.push(bytes));
    return child;
  }

  /** Starts the hub and waits until it says where it is. */
  async start(...words: string[]): Promise<void> {
    await mkdir(this.temporary, { recursive: true });
    const child = this.#spawn(['start', '--port', '0', '--json', ...words]);
    this.#process = child;
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    child.once('exit', () => process.off('exit', kill));
    child.stdout!.on('data', (bytes: Buffer) => this.#printed.push(bytes));
    const ended = once(child, 'exit').then(() => true);
    for (;;) {
      const [, url] = /"url": ?"([^"]+)"/.exec(this.printed.toString()) ?? [];
      if (url) {
        this.url = url;
        return;
      }
      if (await Promise.race([ended, sleep(50, false)])) break;
    }
    throw new Error(`The hub did not start: ${this.printed.toString().slice(-2_000)}`);
  }

  /** One command beside the running hub. */
  async command(...words: string[]): Promise<string> {
    const child = this.#spawn(words);
    let out = '';
    child.stdout!.on('data', (bytes: Buffer) => (out += bytes));
    const [exit] = (await once(child, 'close')) as [number | null];
    if (exit !== 0)
      throw new Error(`${words.slice(0, 2).join(' ')} ended with ${exit}: ${this.printed.toString().slice(-2_000)}`);
    this.#answers.push(out);
    return out;
  }

  async ask(method: string, path: string, body?: unknown): Promise<HubAnswer> {
    for (;;) {
      const response = await fetch(`${this.url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${this.key}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(60_000),
      });
      const text = await response.text();
      this.#answers.push(`${response.status} ${JSON.stringify([...response.headers])}`, text);
      if (response.status === 429) {
        await sleep(1_000);
        continue;
      }
      const json = /json/.test(response.headers.get('content-type') ?? '');
      return { status: response.status, text, body: json ? JSON.parse(text) : undefined };
    }
  }

  /** Runs a connection through the queue, to its end. */
  async run(connection: string): Promise<HubAnswer['body']> {
    const asked = await this.ask('POST', `/admin/v1/connections/${connection}/runs`, { mode: 'full' });
    if (asked.status !== 202) throw new Error(`no run of ${connection}: ${asked.status} ${asked.text}`);
    for (const until = Date.now() + 90_000; Date.now() < until; await sleep(200)) {
      const { body } = await this.ask('GET', `/admin/v1/runs/${asked.body.run}`);
      if (body?.status && body.status !== 'running') return body;
    }
    throw new Error(`the run of ${connection} did not end`);
  }

  async stop(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
    await ended;
    clearTimeout(timer);
  }

  async remove(): Promise<void> {
    await this.stop();
    await rm(this.temporary, { recursive: true, force: true });
  }
}
