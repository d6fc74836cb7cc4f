/** Repeatable chance (mulberry32): the same seed gives the same numbers, between 0 and 1. */
export type Chance = () => number;

export function chance(seed: number): Chance {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const below = (random: Chance, bound: number): number => Math.floor(random() * bound);

export function pick<T>(random: Chance, from: readonly T[]): T {
  return from[below(random, from.length)]!;
}
