import { styleText } from 'node:util';

/** Where a command writes and what it may use there. Handed in, so that a test reads what a person would see. */
export interface Terminal {
  /** What was asked for: the answer, or with `--json` exactly one JSON document. */
  out(text: string): void;
  /** Everything else: errors, warnings, progress. */
  err(text: string): void;
  /** Whether a person reads `out`: colour, marks beyond ASCII. */
  readonly outIsTerminal: boolean;
  readonly errIsTerminal: boolean;
  /** Columns of the terminal; absent if it has none, and then nothing is wrapped. */
  readonly columns: number | undefined;
  readonly env: NodeJS.ProcessEnv;
}

export function processTerminal(): Terminal {
  const { stdout, stderr, env } = process;
  for (const stream of [stdout, stderr]) {
    // `sluice runs | head`: the reader has seen enough, and that is no error.
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0);
    });
  }
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    outIsTerminal: stdout.isTTY === true,
    errIsTerminal: stderr.isTTY === true,
    columns: stdout.isTTY ? stdout.columns : undefined,
    env,
  };
}

type Paint = (text: string) => string;

export interface Style {
  readonly strong: Paint;
  readonly faint: Paint;
  readonly good: Paint;
  readonly doubt: Paint;
  readonly bad: Paint;
}

/** Colour only on a terminal, and not where NO_COLOR (no-color.org: any value but none) or a dumb one says otherwise. */
export function wantsColour(isTerminal: boolean, env: NodeJS.ProcessEnv): boolean {
  return isTerminal && !env.NO_COLOR && env.TERM !== 'dumb';
}

export function styleFor(isTerminal: boolean, env: NodeJS.ProcessEnv): Style {
  const on = wantsColour(isTerminal, env);
  const paint =
    (format: Parameters<typeof styleText>[0]): Paint =>
    (text) =>
      on && text !== '' ? styleText(format, text, { validateStream: false }) : text;
  return {
    strong: paint('bold'),
    faint: paint('dim'),
    good: paint('green'),
    doubt: paint('yellow'),
    bad: paint('red'),
  };
}

/**
 * Text from a source as it may stand on a terminal: one line, and nothing that moves the cursor, recolours the screen
 * or reverses the order of what follows (a name can hold any character).
 */
export function printable(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\t\r\n\u2028\u2029]+/gu, ' ')
    .replace(/[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '\ufffd');
}
