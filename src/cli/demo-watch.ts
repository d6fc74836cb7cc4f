import { setTimeout as sleep } from 'node:timers/promises';
import type { StreamName } from '../model/model.ts';
import type { Receipt, StreamReceipt } from '../model/receipt.ts';
import type { HubTenantStore } from '../store/index.ts';
import { number } from './words.ts';

const LOOK_EVERY_MS = 3000;

/**
 * One line for each run that brought something, until the signal: what the schedule does while somebody watches. A
 * run that changed nothing says nothing.
 */
export async function follow(
  tenant: Pick<HubTenantStore, 'runs'>,
  after: string,
  { signal, tell }: { signal: AbortSignal; tell: (line: string) => void },
): Promise<void> {
  let last = after;
  while (!signal.aborted) {
    await sleep(LOOK_EVERY_MS, undefined, { signal, ref: false }).catch(() => {});
    if (signal.aborted) return;
    // A database that is away for a moment is the hub's to report.
    const page = await tenant.runs.list({ limit: 20 }).catch(() => undefined);
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

/** What the records of a stream are to whoever watches. */
const subjects: Readonly<Record<StreamName, string>> = {
  users: 'People',
  spaces: 'Rooms and desks',
  events: 'Meetings',
  user_events: 'Busy times of people',
  lockers: 'Lockers',
  locker_assignments: 'Lockers taken',
};

export function runLine(run: Receipt): string | undefined {
  if (run.status === 'failed') return `A run failed: ${run.error ?? 'no reason was recorded'}`;
  if (run.status === 'held') return `A run waits for you: \`npx sluice run ${run.run}\``;
  const told = (Object.keys(subjects) as StreamName[]).flatMap((name) => {
    const news = newsOf(run.streams[name]);
    return news.length > 0 ? [`${subjects[name]}: ${news.join(', ')}.`] : [];
  });
  return told.length > 0 ? `The hub read ${run.connection}. ${told.join(' ')}` : undefined;
}

function newsOf(stream: StreamReceipt | undefined): string[] {
  if (!stream) return [];
  return [
    ...(stream.created > 0 ? [`${number(stream.created)} new`] : []),
    ...(stream.updated > 0 ? [`${number(stream.updated)} changed`] : []),
    ...(stream.removed > 0 ? [`${number(stream.removed)} removed`] : []),
  ];
}
