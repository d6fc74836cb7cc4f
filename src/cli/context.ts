import { Command } from 'commander';
import { type OperatorSettings, readSettings, settingsWarnings } from '../settings/index.ts';
import { withDemoAllowance } from './demo-state.ts';
import type { Attached, CliDeps } from './deps.ts';
import { type Style, styleFor, type Terminal } from './terminal.ts';

/** What a program can rely on; anything else is our mistake. */
export const exits = { done: 0, failed: 1, wrongWords: 2, held: 3 } as const;
export type Exit = (typeof exits)[keyof typeof exits];

/** What every command gets. */
export interface Context {
  readonly deps: CliDeps;
  readonly terminal: Terminal;
  readonly style: Style;
  /** @throws BadInput with a sentence per setting that is wrong */
  settings(): OperatorSettings;
  /** What is set and does nothing, one sentence each. */
  settingsWarnings(): string[];
  /** Lends the hub's database for the length of `work` and gives it back whatever happens. */
  attached<T>(purpose: string, work: (hub: Attached) => Promise<T>): Promise<T>;
  /** The one JSON document of `--json`. */
  json(value: unknown): void;
  /** A line for a person. */
  say(line?: string): void;
  /** A line beside the answer: a warning, what is going on. */
  note(line: string): void;
  /** How the command ended, unless it throws. */
  end(exit: Exit): void;
}

export function contextFor(deps: CliDeps, terminal: Terminal, end: (exit: Exit) => void): Context {
  const settings = () => readSettings(terminal.env);
  return {
    deps,
    terminal,
    style: styleFor(terminal.outIsTerminal, terminal.env),
    settings,
    settingsWarnings() {
      // Our own wrapper's word to us, not an operator's.
      const { SLUICE_LIFELINE: _, ...env } = terminal.env;
      return settingsWarnings(env);
    },
    async attached(purpose, work) {
      const all = withDemoAllowance(settings());
      // A command answers for itself: log lines between its words are only for those who asked for them.
      const hub = await deps.attach({ ...all, log: terminal.env.SLUICE_LOG ? all.log : 'silent' }, purpose);
      try {
        return await work(hub);
      } finally {
        await hub.release();
      }
    },
    json: (value) => terminal.out(`${JSON.stringify(value, null, 2)}\n`),
    say: (line = '') => terminal.out(`${line}\n`),
    note: (line) => terminal.err(`${line}\n`),
    end,
  };
}

export interface JsonOption {
  readonly json?: true;
}

/** A command with what every command has: a summary, an example in its help, `--json`. */
export function declare(parent: Command, words: string, summary: string, ...examples: readonly string[]): Command {
  const shown = examples.map((example) => `  $ ${example}`).join('\n');
  return parent
    .command(words)
    .description(summary)
    .option('--json', 'print JSON for programs')
    .addHelpText('after', `\nExample${examples.length === 1 ? '' : 's'}:\n${shown}`);
}

/** A command that only gathers others: `key create`, `key list`. */
export function group(parent: Command, name: string, summary: string): Command {
  return parent.command(name).description(summary);
}

export { Command };
