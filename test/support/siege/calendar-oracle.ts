import type { GraphEvent, SandboxGraph } from '../../../src/sandbox/graph/index.ts';
import type { Random } from '../../../src/sandbox/random.ts';

const DAY_MS = 86_400_000;
const DATES = 20;

/** Calendars in the sandbox's Graph, and beside it what they hold, written down by hand as it was put. */
export class CalendarOracle {
  readonly #source: SandboxGraph;
  readonly #random: Random;
  readonly #dates: readonly string[];
  /** What takes the room, by calendar and by id of the event or series. */
  readonly #truth: ReadonlyMap<string, Map<string, readonly string[]>>;
  readonly #more: () => Partial<GraphEvent>;
  #made = 0;

  /** @param more what else an event has, each time it is put */
  constructor(
    source: SandboxGraph,
    random: Random,
    addresses: readonly string[],
    today: Date,
    more: () => Partial<GraphEvent> = () => ({}),
  ) {
    this.#more = more;
    this.#source = source;
    this.#random = random;
    this.#truth = new Map(addresses.map((address) => [address, new Map()]));
    this.#dates = Array.from({ length: DATES }, (_, n) =>
      new Date(today.getTime() + (n + 1) * DAY_MS).toISOString().slice(0, 10),
    );
  }

  /** Sorted lines: address, start, end, and how the room is taken. */
  get lines(): string[] {
    return [...this.#truth.values()].flatMap((held) => [...held.values()].flat()).sort();
  }

  fill(events: number): void {
    for (let n = 0; n < events; n++) this.#putSomething();
  }

  /** Something new, moved, cancelled, or removed; of singles and of series. */
  change(times: number): void {
    for (let n = 0; n < times; n++) {
      const address = this.#random.pick([...this.#truth.keys()]);
      const held = this.#truth.get(address)!;
      const id = held.size > 0 && this.#random.chance(0.7) ? this.#random.pick([...held.keys()]) : undefined;
      if (id === undefined) this.#putSomething();
      else if (this.#random.chance(0.3)) {
        this.#source.removeEvent(address, id);
        held.delete(id);
      } else if (id.startsWith('series')) this.#putSeries(address, id);
      else this.#putSingle(address, id);
    }
  }

  #putSomething(): void {
    const address = this.#random.pick([...this.#truth.keys()]);
    const number = ++this.#made;
    if (this.#random.chance(0.3)) this.#putSeries(address, `series-${number}`);
    else this.#putSingle(address, `single-${number}`);
  }

  #putSingle(address: string, id: string): void {
    const date = this.#random.pick(this.#dates);
    const hour = this.#random.below(22);
    const isCancelled = this.#random.chance(0.15);
    const showAs = this.#random.pick(['busy', 'tentative', 'free']);
    this.#source.putEvent(address, { ...event(id, date, hour), ...this.#more(), isCancelled, showAs });
    this.#truth.get(address)!.set(id, isCancelled ? [] : [line(address, date, hour, showAs)]);
  }

  #putSeries(address: string, id: string): void {
    const dates = this.#dates.filter(() => this.#random.chance(0.3));
    if (dates.length === 0) dates.push(this.#dates[0]!);
    const hour = this.#random.below(22);
    this.#source.putEvent(address, {
      ...event(id, dates[0]!, hour),
      ...this.#more(),
      type: 'seriesMaster',
      recurrence: { pattern: { type: 'weekly' } },
      occurrences: dates.map((date) => ({ id: `${id}-${date}`, ...times(date, hour) })),
    });
    this.#truth.get(address)!.set(
      id,
      dates.map((date) => line(address, date, hour, 'busy')),
    );
  }
}

const event = (id: string, date: string, hour: number): GraphEvent => ({
  id,
  type: 'singleInstance',
  isAllDay: false,
  isCancelled: false,
  showAs: 'busy',
  originalStartTimeZone: 'UTC',
  responseStatus: { response: 'accepted' },
  ...times(date, hour),
});

const clock = (date: string, hour: number) => `${date}T${String(hour).padStart(2, '0')}:00:00.000`;
const times = (date: string, hour: number) => ({
  start: { dateTime: `${clock(date, hour)}0000`, timeZone: 'UTC' },
  end: { dateTime: `${clock(date, hour + 1)}0000`, timeZone: 'UTC' },
});

export const line = (address: string, date: string, hour: number, showAs: string): string =>
  `${address} ${clock(date, hour)}Z ${clock(date, hour + 1)}Z ${showAs}`;
