import { setTimeout as sleep } from 'node:timers/promises';
import type { Change, SandboxDirectory } from './directory.ts';

/**
 * Lets something small happen in the directory every so often, until the signal is aborted; then resolves. It never
 * keeps the process alive.
 *
 * @param everyMs milliseconds between two changes
 * @param tell called after each, so that whoever watches knows what the next run will find
 */
export async function keepChanging(
  directory: Pick<SandboxDirectory, 'change'>,
  { everyMs, signal, tell }: { everyMs: number; signal: AbortSignal; tell?: (change: Change) => void },
): Promise<void> {
  while (!signal.aborted) {
    try {
      await sleep(everyMs, undefined, { signal, ref: false });
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    const change = directory.change();
    tell?.(change);
  }
}
