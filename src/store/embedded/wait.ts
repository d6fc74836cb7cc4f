import { setTimeout as sleep } from 'node:timers/promises';

/** Asks `probe` again and again until it answers something or `budget_ms` is spent; then undefined. */
export async function waitFor<T>(
  budget_ms: number,
  every_ms: number,
  probe: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const end = performance.now() + budget_ms;
  for (;;) {
    const answer = await probe();
    if (answer !== undefined) return answer;
    const left = end - performance.now();
    if (left <= 0) return undefined;
    // Jitter: fifty processes that wait for one server must not ask in step.
    await sleep(Math.min(left, every_ms * (0.5 + Math.random())));
  }
}
