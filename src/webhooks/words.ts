const MOST_CHARACTERS = 2000;

/**
 * Text as one line that cannot steer what shows it: control characters, line separators and the invisible marks that
 * reorder text become spaces. At most 2,000 characters, so that a payload stays far below the 20 kB of the standard.
 */
export function plainLine(text: string): string {
  const line = text
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, ' ')
    .replace(/ {2,}/g, ' ')
    .trim();
  const characters = [...line.slice(0, (MOST_CHARACTERS + 1) * 2)];
  return characters.length > MOST_CHARACTERS ? `${characters.slice(0, MOST_CHARACTERS - 1).join('')}…` : line;
}

/** `2026-11-22 09:15 UTC`. */
export function utcMinute(at: Date): string {
  return `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** Lines of at most `width` characters, broken at spaces only: an address or an id is never cut in two. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
