import { setTimeout as sleep } from 'node:timers/promises';
import type { Receipt } from '../model/receipt.ts';
import type { HubTenantStore } from '../store/index.ts';
import { number } from './words.ts';

const LOOK_EVERY_MS = 3000;

/**
 * One line for each run that brought something, until the signal: what the schedule does while somebody watches. A
 * run that changed nothing says nothing.
 */
export async function follow(
  tenant: Pick<HubTenantStore, 'runs'>,
  connection: string,
  after: string,
  { signal, tell }: { signal: AbortSignal; tell: (line: string) => void },
): Promise<void> {
  let last = after;
  while (!signal.aborted) {
    await sleep(LOOK_EVERY_MS, undefined, { signal, ref: false }).catch(() => {});
    if (signal.aborted) return;
    // A database that is away for a moment is the hub's to report.
    const page = await tenant.runs.list({ connection, limit: 20 }).catch(() => undefined);
    // Oldest first; a run that is still under way and all that came after it are told the next time.
    for (const run of (page?.items ?? []).filter((one) => one.run > last).reverse()) {
      if (run.status === 'running') break;
      last = run.run;
      const line = runLine(run);
      if (line) tell(`${clock(run)}  ${line}`);
    }
  }
}

const clock = ({ finished_at, started_at }: Receipt) => new Date(finished_at ?? started_at).toTimeString().slice(0, 8);

export function runLine(run: Receipt): string | undefined {
  if (run.status === 'failed') return `A run failed: ${run.error ?? 'no reason was recorded'}`;
  if (run.status === 'held') return `A run waits for you: \`npx sluice run ${run.run}\``;
  const users = run.streams.users;
  if (!users) return undefined;
  const news = [
    ...(users.created > 0 ? [`let in ${number(users.created)} new`] : []),
    ...(users.updated > 0 ? [`${number(users.updated)} changed`] : []),
    ...(users.removed > 0 ? [`removed ${number(users.removed)}`] : []),
  ];
  return news.length > 0 ? `The hub read ${number(users.read)} entries: ${news.join(', ')}.` : undefined;
}
