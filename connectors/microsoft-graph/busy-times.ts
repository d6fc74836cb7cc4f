import { NeedsAttention, type SourceRecord } from '../../src/contract/index.ts';

export interface BusyTime {
  readonly start: Date;
  readonly end: Date;
  /** As Graph says it, in whatever case. */
  readonly showAs: string;
  readonly isAllDay: boolean;
  /** IANA. */
  readonly zone?: string | undefined;
  /** Ids of places of ours. */
  readonly spaces?: readonly string[];
}

/** By which a person is not kept from meeting; everything else Graph says, or will say, is taken for busy. */
const NOT_BUSY = new Set(['free', 'workingelsewhere']);

/**
 * When one person is busy. What takes the same time is one: an event's own id would name its mailbox, so a time is named
 * by itself.
 */
export class BusyTimes {
  readonly #byTime = new Map<string, BusyTime>();
  #unreadable = 0;

  add(time: BusyTime): void {
    const showAs = time.showAs.toLowerCase();
    if (NOT_BUSY.has(showAs) || time.end <= time.start) return;
    const key = `${time.start.toISOString()}/${time.end.toISOString()}`;
    const there = this.#byTime.get(key);
    const spaces = [...new Set([...(there?.spaces ?? []), ...(time.spaces ?? [])])];
    const certain = there && there.showAs !== 'tentative' ? there.showAs : showAs;
    this.#byTime.set(key, { ...time, showAs: certain, spaces });
  }

  /** There is something, and nobody can say when: told as such, so that the calendar is not taken for known. */
  addUnreadable(): void {
    this.#unreadable++;
  }

  *records(): Generator<SourceRecord> {
    for (let number = 1; number <= this.#unreadable; number++) yield { id: `unreadable-${number}` };
    for (const [id, { start, end, showAs, isAllDay, zone, spaces = [] }] of this.#byTime)
      yield {
        id,
        start: start.toISOString(),
        end: end.toISOString(),
        showAs,
        isAllDay,
        spaces,
        ...(zone === undefined ? {} : { zone }),
      };
  }
}

/** By `ref` of those asked about. Whoever could not be read is absent. */
export type PersonsTimes = ReadonlyMap<string, BusyTimes>;

/** Said when not one of those asked about could be read: then it is the application that may not. */
export const noneReadable = (status: number): NeedsAttention =>
  new NeedsAttention(
    `Microsoft Graph tells of none of the users who opted in when they are busy (${status}): see "Calendars of people" in the README of microsoft-graph for what must be allowed, or set people_calendars to off.`,
  );
