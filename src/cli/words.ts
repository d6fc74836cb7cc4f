// Made when first needed: it takes longer than many a command.
let grouped: Intl.NumberFormat | undefined;

export function number(value: number): string {
  grouped ??= new Intl.NumberFormat('en-US');
  return grouped.format(value);
}

/** `1 entry`, `1,234 entries`. */
export function count(many: number, one: string, several: string = `${one}s`): string {
  return `${number(many)} ${many === 1 ? one : several}`;
}

/** `a, b and c`. */
export function listed(words: readonly string[], word: 'and' | 'or' = 'and'): string {
  return words.length < 2 ? (words[0] ?? 'none') : `${words.slice(0, -1).join(', ')} ${word} ${words.at(-1)}`;
}

export const capital = (sentence: string): string => sentence.charAt(0).toUpperCase() + sentence.slice(1);

/** `420 ms`, `4.2 s`, `3 min 05 s`, `2 h 10 min`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  // Decided after rounding: 59.96 s is a minute, not `60.0 s`.
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** Bytes in steps of 1024. */
export function bytes(amount: number): string {
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let [value, unit] = [amount, 'B'];
  for (const next of units) {
    if (value < 1023.95) break;
    [value, unit] = [value / 1024, next];
  }
  return unit === 'B' ? count(amount, 'byte') : `${value.toFixed(1)} ${unit}`;
}

/** `2026-11-22 09:15:04 UTC` of an ISO instant. */
export function instant(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
}
