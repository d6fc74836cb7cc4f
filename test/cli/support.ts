/** The command line as its users meet it: a child process, or in this process over dependencies that must not be used. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { connectors } from '../../connectors/index.ts';
import { scopes } from '../../src/api/scopes.ts';
import type { CliDeps } from '../../src/cli/deps.ts';
import { runCli } from '../../src/cli/index.ts';
import type { Terminal } from '../../src/cli/terminal.ts';

export interface Ended {
  readonly exit: number | null;
  readonly out: string;
  readonly err: string;
}

const untouched = (what: string) => async (): Promise<never> => {
  throw new Error(`${what} was reached, though the words alone were wrong.`);
};

/** Fails the test as soon as a command goes further than its own words. */
export const pureDeps: CliDeps = {
  connectors,
  scopes,
  sandbox: untouched('the sandbox'),
  attach: untouched('the database'),
  startHub: untouched('the hub'),
  migrate: untouched('the schema'),
};

export interface Watched {
  readonly terminal: Terminal;
  readonly told: { out: string; err: string };
}

export function watchedTerminal(given: Partial<Terminal> = {}): Watched {
  const told = { out: '', err: '' };
  const terminal: Terminal = {
    out: (text) => {
      told.out += text;
    },
    err: (text) => {
      told.err += text;
    },
    outIsTerminal: false,
    errIsTerminal: false,
    columns: undefined,
    env: {},
    ...given,
  };
  return { terminal, told };
}

/** A command in this process. */
export async function inProcess(
  argv: readonly string[],
  deps: CliDeps = pureDeps,
  given: Partial<Terminal> = {},
): Promise<Ended> {
  const { terminal, told } = watchedTerminal(given);
  const exit = await runCli(argv, deps, terminal);
  return { exit, ...told };
}

const bin = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url));

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** The first whole JSON document on standard output. @throws if it ends before */
  readonly firstJson: <T>() => Promise<T>;
}

/** A command as a child process, whose environment is exactly this besides the path. */
export function startSluice(argv: readonly string[], env: NodeJS.ProcessEnv): Started {
  const child = spawn(process.execPath, [bin, ...argv], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const told = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    told.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    told.err += text;
  });
  const ended = once(child, 'close').then(([exit]) => ({ exit: exit as number | null, ...told }));
  return {
    child,
    ended,
    async firstJson<T>() {
      for (;;) {
        const whole = /^\{[\s\S]*?^\}$/m.exec(told.out);
        if (whole) return JSON.parse(whole[0]) as T;
        if (child.exitCode !== null || child.signalCode !== null) throw new Error(`It ended: ${told.err}`);
        await Promise.race([once(child.stdout, 'data'), ended]);
      }
    },
  };
}

export function sluice(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> {
  return startSluice(argv, env).ended;
}

/** The one JSON document of `--json`; anything beside it on standard output fails the test. */
export function json<T = Record<string, unknown>>({ out, err }: Ended): T {
  try {
    return JSON.parse(out) as T;
  } catch {
    throw new Error(`Standard output is not one JSON document: ${JSON.stringify(out)}; beside it: ${err}`);
  }
}

export { removeData } from '../support/remove-data.ts';
