const MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `7d`, `12h`, `30m` in milliseconds; `undefined` for anything else. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,6})([mhd])$/.exec(text.trim());
  return match ? Number(match[1]) * MS[match[2] as keyof typeof MS] : undefined;
}

/** The shortest such text; rounded up to a whole minute. */
export function durationText(ms: number): string {
  if (ms % MS.d === 0) return `${ms / MS.d}d`;
  return ms % MS.h === 0 ? `${ms / MS.h}h` : `${Math.ceil(ms / MS.m)}m`;
}
