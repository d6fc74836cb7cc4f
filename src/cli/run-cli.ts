import { CommanderError } from 'commander';
import { BadInput, safeSentence } from '../base/errors.ts';
import { commands } from './commands/index.ts';
import { Command, contextFor, type Exit, exits } from './context.ts';
import type { CliDeps } from './deps.ts';
import { printable, processTerminal, styleFor, type Terminal } from './terminal.ts';
import { capital } from './words.ts';

/**
 * Runs one command line (without `node` and the script) and says how it ended: 0 done; 1 failed, with one sentence on
 * stderr; 2 the words or the file are wrong; 3 held for a decision. Never throws, and never shows a stack.
 */
export async function runCli(
  argv: readonly string[],
  deps: CliDeps,
  terminal: Terminal = processTerminal(),
): Promise<number> {
  let exit: Exit = exits.done;
  const context = contextFor(deps, terminal, (status) => {
    exit = status;
  });
  const program = new Command('sluice')
    .description('The connector hub of a workplace platform: lets in what a booking service needs about its users.')
    .addHelpText('after', '\nExamples:\n  $ sluice demo\n  $ sluice apply acme.yaml\n  $ sluice sync acme/people');
  try {
    for (const name of wanted(argv)) (await commands[name]!())(program, context);
    prepare(program, terminal);
    await program.parseAsync(argv, { from: 'user' });
    return exit;
  } catch (error) {
    return report(error, terminal);
  }
}

/** Whatever is no command has commander look among all of them: for the help, or for what was meant. */
function wanted([first = '']: readonly string[]): readonly string[] {
  return Object.hasOwn(commands, first) ? [first] : Object.keys(commands);
}

/** Applied to every command: commander hands these on only to commands made after they were set. */
function prepare(command: Command, terminal: Terminal): void {
  const bad = styleFor(terminal.errIsTerminal, terminal.env).bad;
  command.exitOverride().configureOutput({
    writeOut: (text) => terminal.out(text),
    writeErr: (text) => terminal.err(text),
    getOutHelpWidth: () => terminal.columns ?? 100,
    getErrHelpWidth: () => terminal.columns ?? 100,
    getOutHasColors: () => false,
    getErrHasColors: () => false,
    outputError(text, write) {
      const sentence = text
        .trim()
        .split('\n')
        .map((line) => printable(line.replace(/^error: /, '')))
        .join(' ');
      write(`${bad(capital(sentence))}\nSee \`${fullName(command)} --help\`.\n`);
    },
  });
  for (const sub of command.commands) prepare(sub, terminal);
}

function fullName(command: Command): string {
  return command.parent ? `${fullName(command.parent)} ${command.name()}` : command.name();
}

function report(error: unknown, terminal: Terminal): Exit {
  if (error instanceof CommanderError) {
    // Commander has written already: help that was asked for ends well, help for want of words does not.
    return error.exitCode === 0 ? exits.done : exits.wrongWords;
  }
  terminal.err(`${styleFor(terminal.errIsTerminal, terminal.env).bad(safeSentence(error))}\n`);
  return error instanceof BadInput ? exits.wrongWords : exits.failed;
}
