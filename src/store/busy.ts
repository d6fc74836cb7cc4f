/** Half-open, in milliseconds since 1970. */
export interface Interval {
  readonly from: number;
  readonly to: number;
}

/** The same time in as few intervals as possible, in order; what touches is one. */
export function merged(intervals: readonly Interval[]): Interval[] {
  const result: { from: number; to: number }[] = [];
  for (const { from, to } of [...intervals].sort((a, b) => a.from - b.from)) {
    if (to <= from) continue;
    const last = result.at(-1);
    if (last && from <= last.to) last.to = Math.max(last.to, to);
    else result.push({ from, to });
  }
  return result;
}

/** What of `one` is not in `other`; both merged. */
export function without(one: readonly Interval[], other: readonly Interval[]): Interval[] {
  const result: Interval[] = [];
  for (const { from, to } of one) {
    let at = from;
    for (const taken of other) {
      if (taken.to <= at || taken.from >= to) continue;
      if (taken.from > at) result.push({ from: at, to: taken.from });
      at = Math.max(at, taken.to);
    }
    if (at < to) result.push({ from: at, to });
  }
  return result;
}

/** What of these lies within `window`. */
export function within(intervals: readonly Interval[], window: Interval): Interval[] {
  return intervals
    .map(({ from, to }) => ({ from: Math.max(from, window.from), to: Math.min(to, window.to) }))
    .filter(({ from, to }) => from < to);
}
