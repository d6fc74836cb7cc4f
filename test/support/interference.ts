import { setTimeout as sleep } from 'node:timers/promises';
import { onFaultPoint } from '../../src/base/faults.ts';

/**
 * When something comes between. `gate.before` and `page.gated` are awaited: it has happened before the page's
 * transaction begins. `within` starts at the so-manieth statement of that transaction and takes its chance: it waits
 * for the locks that the page holds.
 */
export type Moment =
  | { readonly at: 'gate.before' | 'page.gated'; readonly page: number }
  | { readonly at: 'within'; readonly page: number; readonly statement: number };

export const isBefore = (moment: Moment): boolean => moment.at !== 'within';

/** Moments of every kind in turn, at the first or the second page. */
export function momentOf(round: number): Moment {
  const page = 1 + (round % 2);
  const kind = Math.floor(round / 2) % 3;
  if (kind === 0) return { at: 'gate.before', page };
  if (kind === 1) return { at: 'page.gated', page };
  return { at: 'within', page, statement: 1 + (Math.floor(round / 6) % 9) };
}

/** Does `work` while `act` comes between at the moment. @throws if the moment never came, or whatever either throws */
export async function during<T>(moment: Moment, act: () => Promise<unknown>, work: () => Promise<T>): Promise<T> {
  const seen = { gated: 0, begun: 0, statements: 0 };
  let acting: Promise<unknown> | undefined;
  onFaultPoint(async (point) => {
    // What `act` and all after it pass is not counted.
    if (acting) return;
    if (point === 'gate.before') seen.begun++;
    if (point === 'page.gated') seen.gated++;
    if (point === 'statement.before' && seen.gated === moment.page) seen.statements++;
    const come =
      moment.at === 'within'
        ? seen.statements === moment.statement
        : point === moment.at && (moment.at === 'gate.before' ? seen.begun : seen.gated) === moment.page;
    if (!come) return;
    acting = act();
    acting.catch(() => {}); // awaited below
    if (isBefore(moment)) await acting;
    else await sleep(2);
  });
  try {
    const result = await work();
    if (!acting) throw new Error(`The moment never came: ${JSON.stringify(moment)}`);
    await acting;
    return result;
  } finally {
    onFaultPoint(undefined);
  }
}
