import type { TestClock } from './hub.ts';

/** Begins at an instant and runs as time does, so that what is really slept counts too; `advance` skips what nobody sleeps. */
export function runningClock(at: Date): TestClock {
  let origin_ms = at.getTime() - performance.now();
  const now = () => new Date(origin_ms + performance.now());
  return {
    now,
    set: (to) => {
      origin_ms = (to ?? new Date()).getTime() - performance.now();
    },
    advance: (ms) => {
      origin_ms += ms;
    },
  };
}
