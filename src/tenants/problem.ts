/** What is wrong (or doubtful) in a configuration file. The sentence names the fix and never quotes a value. */
export interface Problem {
  /** From 1, like the column: where an editor would put the cursor. */
  readonly line: number;
  readonly column: number;
  /** `connections.people.settings.url`, `notify[0].email`; empty for the file as a whole. */
  readonly path: string;
  readonly sentence: string;
}

export type Path = readonly (string | number)[];

export function pathText(path: Path): string {
  return path.reduce<string>(
    (text, part) =>
      typeof part === 'number' ? `${text}[${part}]` : text === '' ? shown(part) : `${text}.${shown(part)}`,
    '',
  );
}

/** A word of the file as it may stand in a sentence: one line, printable, short. */
export function shown(word: string): string {
  const printable = word.toWellFormed().replace(/[\p{C}\p{Z}]+/gu, ' ');
  return printable.length > 40 ? `${printable.slice(0, 40)}…` : printable;
}

/** `acme.yaml:12:5: sentence`, as editors and CI systems link it. */
export function problemLine(file: string, problem: Problem): string {
  return `${file}:${problem.line}:${problem.column}: ${problem.sentence}`;
}

/** `a, b or c`. */
export function listed(words: readonly string[], word: 'or' | 'and' = 'or'): string {
  return words.length < 2 ? (words[0] ?? 'none') : `${words.slice(0, -1).join(', ')} ${word} ${words.at(-1)}`;
}
