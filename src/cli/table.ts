import { stripVTControlCharacters } from 'node:util';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

// Made when first needed: it takes longer than all else that a command loads of ours.
let segmenter: Intl.Segmenter | undefined;
const WIDE =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u3000-\u303f\uff01-\uff60]|\p{Emoji_Presentation}/u;

/** Columns a text takes on a terminal: East Asian characters take two, colour none. */
export function width(text: string): number {
  segmenter ??= new Intl.Segmenter();
  let columns = 0;
  for (const { segment } of segmenter.segment(stripVTControlCharacters(text))) columns += WIDE.test(segment) ? 2 : 1;
  return columns;
}

function pad(text: string, to: number, align: 'left' | 'right' = 'left'): string {
  const space = ' '.repeat(Math.max(0, to - width(text)));
  return align === 'right' ? space + text : text + space;
}

/** Words of a text on lines of at most `columns`; a longer word has a line for itself. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && width(line) + 1 + width(word) > columns) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** Narrower than this a wrapped column is harder to read than a broken line. */
const NARROWEST = 24;

/**
 * Rows under titles, two spaces apart; columns that hold nothing are left out. With `columns`, the last column is
 * wrapped to fit. `paintTitle` colours the head.
 */
export function table(
  head: readonly Column[],
  rows: readonly (readonly string[])[],
  options: { columns?: number | undefined; indent?: number; paintTitle?: (text: string) => string } = {},
): string {
  const used = head.map((_, at) => at).filter((at) => rows.some((row) => (row[at] ?? '') !== ''));
  if (used.length === 0) return '';
  const indent = ' '.repeat(options.indent ?? 0);
  const widths = used.map((at) => Math.max(width(head[at]!.title), ...rows.map((row) => width(row[at] ?? ''))));
  const before = widths.slice(0, -1).reduce((sum, one) => sum + one + 2, indent.length);
  const room = options.columns === undefined ? undefined : options.columns - before;
  const lines = (cells: readonly string[]) => {
    const last = cells.at(-1) ?? '';
    const parts = room !== undefined && room >= NARROWEST ? wrap(last, room) : [last];
    const first = cells.slice(0, -1).map((cell, at) => pad(cell, widths[at]!, head[used[at]!]!.align));
    const lead = ' '.repeat(before);
    return parts.map((part, at) => {
      const cell = head[used.at(-1)!]!.align === 'right' ? pad(part, widths.at(-1)!, 'right') : part;
      return (at === 0 ? indent + [...first, cell].join('  ') : lead + cell).trimEnd();
    });
  };
  const paint = options.paintTitle ?? ((text: string) => text);
  const titles = lines(used.map((at) => head[at]!.title)).map(paint);
  const untitled = head.every(({ title }) => title === '');
  return `${[...(untitled ? [] : titles), ...rows.flatMap((row) => lines(used.map((at) => row[at] ?? '')))].join('\n')}\n`;
}
