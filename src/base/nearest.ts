/**
 * The candidate that was probably meant, for "did you mean": at most a third of its letters differ (swapped
 * neighbours count as one), case and `-`/`_` aside. Long input is never compared: the cost is bounded.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length === 0 || word.length > 64) return undefined;
  const wanted = fold(word);
  let best: string | undefined;
  let fewest = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const distance = edits(wanted, fold(candidate));
    if (distance <= Math.max(1, Math.floor(Math.min(candidate.length, word.length) / 3)) && distance < fewest) {
      best = candidate;
      fewest = distance;
    }
  }
  return best;
}

const fold = (text: string) => text.toLowerCase().replaceAll('_', '-');

/** Optimal string alignment: insertions, deletions, substitutions, swaps of neighbours. */
function edits(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, beforePrevious[j - 2]! + 1);
      row.push(cost);
    }
    beforePrevious = previous;
    previous = row;
  }
  return previous[b.length]!;
}
