import { derivedText } from '../derived.ts';
import type { GraphEvent, SandboxGraph } from '../graph/index.ts';
import { type Random, seededRandom } from '../random.ts';
import { dateOf, daysAfter, isWorkday, weekOf } from './dates.ts';
import { diaryOn } from './diaries.ts';
import { blockOf, meeting, meetingsOn, type Office, type Slot, seriesIn, timesOf } from './meetings.ts';
import { type Room, rooms } from './places.ts';

/** What happens to the calendars of rooms, and to the rooms themselves. */
export type CalendarChangeKind = 'booking' | 'rescheduling' | 'cancellation' | 'series' | 'capacity';

export interface CalendarChange {
  readonly kind: CalendarChangeKind;
  /** Whether one of those who log on is the organiser; of a room: false. */
  readonly ofUser: boolean;
}

const DAYS_BACK = 1;
const DAYS_AHEAD = 15;

/** Drawn from this list: meetings are moved often, and a room is rebuilt seldom. */
const usual: readonly CalendarChangeKind[] = [
  ...Array.from({ length: 6 }, () => 'booking' as const),
  ...Array.from({ length: 6 }, () => 'rescheduling' as const),
  ...Array.from({ length: 3 }, () => 'cancellation' as const),
  ...Array.from({ length: 3 }, () => 'series' as const),
  'capacity',
];

/** More bookings of its own it does not leave standing: a demo that goes on for days must not fill up. */
const MOST_BOOKED = 12;
/** What is called off is removed at the hub. More of it in a day would look like a mass deletion, and wait for a person. */
const MOST_CANCELLED_A_DAY = 60;

type Filled = Pick<SandboxGraph, 'putEvent' | 'removeEvent' | 'putPlace'>;

interface Standing {
  readonly room: Room;
  readonly event: GraphEvent;
  /** Where it stands: of a meeting that the sandbox may move. */
  readonly date: string;
}

/** Fills the calendars of rooms and people from yesterday to two weeks ahead, and decides what happens to them next. */
export class Calendars {
  readonly #graph: Filled;
  readonly #office: Office;
  readonly #random: Random;
  readonly #meetings = new Map<string, Standing>();
  readonly #series = new Map<string, Standing>();
  readonly #filled = new Set<string>();
  /** Ids of its own bookings. */
  readonly #booked = new Set<string>();
  readonly #cancelledOn = new Map<string, number>();
  readonly #rebuilt = new Map<string, number>();
  #made = 0;

  constructor(graph: Filled, office: Office) {
    this.#graph = graph;
    this.#office = office;
    // Another stream than the directory's: what happens here must not depend on what happened there.
    this.#random = seededRandom(office.seed ^ 0xca1e);
  }

  /** Puts what is not there yet: everything at first, and a new day's meetings whenever a day has passed. */
  fill(now: Date): void {
    const today = dateOf(now);
    const dates = Array.from({ length: DAYS_BACK + DAYS_AHEAD + 1 }, (_, n) => daysAfter(today, n - DAYS_BACK));
    this.#forget(dates[0]!);
    for (const date of dates) {
      if (this.#filled.has(date)) continue;
      this.#filled.add(date);
      for (const room of rooms)
        for (const event of meetingsOn(this.#office, room, date)) this.#put(this.#meetings, { room, event, date });
      for (const person of this.#office.attendance.diaries)
        for (const event of diaryOn(this.#office.seed, person, date)) this.#graph.putEvent(person.address, event);
    }
    for (const block of new Set(dates.map((date) => blockOf(weekOf(date))))) {
      if (this.#filled.has(`block ${block}`)) continue;
      this.#filled.add(`block ${block}`);
      for (const room of rooms) this.#putSeries(room, block, dates[0]!);
    }
  }

  /** What is over is of no more use to it. */
  #forget(before: string): void {
    for (const [id, { date }] of this.#meetings) {
      if (date >= before) continue;
      this.#meetings.delete(id);
      this.#booked.delete(id);
    }
  }

  /** One small thing happens, of this kind if it can; it concerns what is still to come. */
  change(now: Date, wanted: CalendarChangeKind = this.#random.pick(usual)): CalendarChange {
    this.fill(now);
    switch (wanted) {
      case 'booking':
        return this.#own(now).length < MOST_BOOKED ? this.#book(now) : this.#cancel(now);
      case 'cancellation':
        return this.#cancel(now);
      case 'rescheduling':
        return this.#reschedule(now);
      case 'series':
        return this.#changeSeries(now);
      case 'capacity':
        return this.#rebuild();
    }
  }

  #book(now: Date): CalendarChange {
    const room = this.#random.pick(rooms);
    const slot = this.#slot(now);
    this.#made += 1;
    const id = derivedText('booking', this.#office.seed, room.address, this.#made);
    const event = {
      ...meeting(this.#office, room, slot, id, this.#random),
      isCancelled: false,
      showAs: 'busy',
      responseStatus: { response: 'accepted', time: '0001-01-01T00:00:00Z' },
    };
    this.#booked.add(id);
    this.#put(this.#meetings, { room, event, date: slot.date });
    return this.#told('booking', event);
  }

  #reschedule(now: Date): CalendarChange {
    const one = this.#random.pick(this.#ahead(now));
    const slot = this.#slot(now);
    const event = { ...one.event, ...timesOf(slot) };
    this.#put(this.#meetings, { ...one, event, date: slot.date });
    return this.#told('rescheduling', event);
  }

  /**
   * One of its own if there is one, and then it is cleared away; any other stays in the calendar, marked as called off:
   * both happen. When enough was called off today, something is moved instead.
   */
  #cancel(now: Date): CalendarChange {
    const today = dateOf(now);
    const before = this.#cancelledOn.get(today) ?? 0;
    if (before >= MOST_CANCELLED_A_DAY) return this.#reschedule(now);
    this.#cancelledOn.set(today, before + 1);
    const own = this.#own(now);
    const one = this.#random.pick(own.length > 0 ? own : this.#ahead(now));
    if (own.length > 0) {
      this.#booked.delete(one.event.id);
      this.#meetings.delete(one.event.id);
      this.#graph.removeEvent(one.room.address, one.event.id);
    } else this.#put(this.#meetings, { ...one, event: { ...one.event, isCancelled: true } });
    return this.#told('cancellation', one.event);
  }

  /** All dates of a series move by half an hour, or one of them falls out. */
  #changeSeries(now: Date): CalendarChange {
    const standing = [...this.#series.values()].filter(({ event }) => lastOf(event) > dateOf(now));
    const one = this.#random.pick(standing);
    const dates = one.event.occurrences ?? [];
    const falls = dates.length > 2 && this.#random.chance(0.3) ? this.#random.pick(dates).id : undefined;
    const earlier = this.#random.chance(0.5);
    const event: GraphEvent = {
      ...one.event,
      occurrences:
        falls === undefined
          ? dates.map((date) => ({ ...date, ...shifted(date, earlier ? -30 : 30) }))
          : dates.filter(({ id }) => id !== falls),
    };
    this.#put(this.#series, { ...one, event });
    return this.#told('series', event);
  }

  #rebuild(): CalendarChange {
    const room = this.#random.pick(rooms);
    const before = this.#rebuilt.get(room.address) ?? room.capacity;
    const capacity = before === room.capacity ? room.capacity + 2 : room.capacity;
    this.#rebuilt.set(room.address, capacity);
    this.#graph.putPlace({ ...room.place, capacity: String(capacity) });
    return { kind: 'capacity', ofUser: false };
  }

  /** Single meetings from tomorrow on which take their room, and not for the whole day. */
  #ahead(now: Date): Standing[] {
    const today = dateOf(now);
    return [...this.#meetings.values()].filter(
      ({ event, date }) => date > today && !event.isAllDay && !event.isCancelled && !declined(event),
    );
  }

  #own(now: Date): Standing[] {
    return this.#ahead(now).filter(({ event }) => this.#booked.has(event.id));
  }

  #slot(now: Date): Slot {
    const random = this.#random;
    let date = daysAfter(dateOf(now), 1 + random.below(DAYS_AHEAD - 2));
    while (!isWorkday(date)) date = daysAfter(date, 1);
    return { date, minute: 8 * 60 + 30 * random.below(18), length: random.pick([30, 60, 90]) };
  }

  #put(into: Map<string, Standing>, standing: Standing): void {
    into.set(standing.event.id, standing);
    this.#graph.putEvent(standing.room.address, standing.event);
  }

  #putSeries(room: Room, block: number, date: string): void {
    const [master, ...exceptions] = seriesIn(this.#office, room, block);
    this.#put(this.#series, { room, event: master!, date });
    for (const event of exceptions) this.#graph.putEvent(room.address, event);
  }

  #told(kind: CalendarChangeKind, { organizer }: GraphEvent): CalendarChange {
    const { emailAddress } = organizer as { emailAddress: { address: string } };
    return { kind, ofUser: this.#office.attendance.isUser(emailAddress.address) };
  }
}

const declined = ({ responseStatus }: GraphEvent) =>
  (responseStatus as { response?: string } | undefined)?.response === 'declined';

const lastOf = ({ occurrences = [] }: GraphEvent): string => occurrences.at(-1)?.start.dateTime.slice(0, 10) ?? '';

/** Within the day: what would begin before seven or after six goes the other way. */
function shifted({ start, end }: Pick<GraphEvent, 'start' | 'end'>, by: number) {
  const slot = slotOf(start.dateTime, end.dateTime);
  const wanted = slot.minute + by;
  return timesOf({ ...slot, minute: wanted < 7 * 60 || wanted > 18 * 60 ? slot.minute - by : wanted });
}

function slotOf(start: string, end: string): Slot {
  const minuteOf = (time: string) => Number(time.slice(11, 13)) * 60 + Number(time.slice(14, 16));
  return { date: start.slice(0, 10), minute: minuteOf(start), length: minuteOf(end) - minuteOf(start) };
}
