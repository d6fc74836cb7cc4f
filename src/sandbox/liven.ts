import { setTimeout as sleep } from 'node:timers/promises';
import type { Change, SandboxDirectory } from './directory.ts';
import type { CalendarChange, SandboxMicrosoft365 } from './microsoft365/index.ts';

/** Now something happens in the directory, which Microsoft 365 hears of at once; now to rooms and calendars. */
export function inTurns(
  directory: SandboxDirectory,
  microsoft365: SandboxMicrosoft365,
): { change(): Change | CalendarChange } {
  let calendars = false;
  return {
    change() {
      calendars = !calendars;
      if (calendars) return microsoft365.change();
      const change = directory.change();
      microsoft365.synchronise();
      return change;
    },
  };
}

/**
 * Lets something small happen every so often, until the signal is aborted; then resolves. It never
 * keeps the process alive.
 *
 * @param everyMs milliseconds between two changes
 * @param tell called after each, so that whoever watches knows what the next run will find
 */
export async function keepChanging<C>(
  what: { change(): C },
  { everyMs, signal, tell }: { everyMs: number; signal: AbortSignal; tell?: (change: C) => void },
): Promise<void> {
  while (!signal.aborted) {
    try {
      await sleep(everyMs, undefined, { signal, ref: false });
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    const change = what.change();
    tell?.(change);
  }
}
