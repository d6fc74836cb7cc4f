/** Rooms and their calendars from the memory of a test: one partition a room, told as a script says. */
import {
  type Connector,
  complete,
  connector,
  type Item,
  records,
  type SourceRecord,
  type State,
  skip,
  whole,
} from '../../src/contract/index.ts';

export interface CalendarReading {
  readonly room: string;
  readonly mode: 'full' | 'incremental';
  readonly state: State | null;
  readonly now: Date;
  readonly signal: AbortSignal;
}

export interface CalendarSource {
  readonly connector: Connector;
  spaces: SourceRecord[];
  /** Told after the spaces. */
  moreOfSpaces: Item[];
  /** What each room's calendar holds; a full reading tells all of it, within no window. */
  calendars: Record<string, SourceRecord[]>;
  /** Tells a room's calendar instead, if set. */
  script: ((reading: CalendarReading) => AsyncIterable<Item>) | undefined;
  /** What keeps people busy, by address; `undefined` for a calendar that cannot be read. */
  busy: Record<string, SourceRecord[] | undefined>;
  /** The window in which people's calendars are told. */
  busyWithin: { from: Date; to: Date };
  /** Whether the settings want people's calendars at all. */
  busyWanted: boolean;
  /** Addresses in the order in which people's calendars were asked for, one entry a question. */
  readonly askedAbout: (readonly string[])[];
  /** Called while the source is answering about people. */
  onAnswer: ((addresses: readonly string[]) => unknown) | undefined;
  /** How many calendars may be read at a time. */
  atOnce: number;
  /** Rooms in the order in which they were read, with the mode. */
  readonly readings: string[];
}

/** @param resumable whether the state of a page is worth anything to another process */
export function calendarSource({ resumable = true } = {}): CalendarSource {
  const source: CalendarSource = {
    spaces: [],
    moreOfSpaces: [],
    calendars: {},
    script: undefined,
    atOnce: 1,
    readings: [],
    busy: {},
    busyWithin: { from: new Date('2026-11-30T00:00:00Z'), to: new Date('2027-01-30T00:00:00Z') },
    busyWanted: true,
    askedAbout: [],
    onAnswer: undefined,
    connector: connector({
      name: 'memory-calendars',
      summary: 'Rooms and calendars from the memory of a test.',
      version: 1,
      network: 'None.',
      permission: 'None.',
      settings: {},
      check: async () => ({ findings: [] }),
      streams: {
        spaces: {
          key: 'id',
          keep: { name: 'name', kind: 'kind', parent: 'in', capacity: 'seats', time_zone: 'zone', equipment: 'has' },
          async *read() {
            yield records(source.spaces);
            yield* source.moreOfSpaces;
            yield complete();
          },
        },
        events: {
          key: 'id',
          decide: { cancelled: 'A cancelled meeting frees the room.' },
          keep: {
            space: 'room',
            starts_at: 'start',
            ends_at: 'end',
            time_zone: 'zone',
            all_day: 'allDay',
            show_as: 'showAs',
            organizer: 'organizer',
            series: 'series',
          },
          inScope: ({ cancelled }) => cancelled !== true,
          resumable,
          incremental: true,
          partitions: async () => Object.keys(source.calendars).map((room) => ({ name: room, about: room })),
          sideBySide: () => source.atOnce,
          async *read({ partition, mode, state, now, signal }) {
            source.readings.push(`${partition} ${mode}`);
            if (source.script) return yield* source.script({ room: partition, mode, state, now, signal });
            yield records(source.calendars[partition] ?? []);
            yield complete({ state: { token: 1 } });
          },
        },
        user_events: {
          key: 'id',
          keep: {
            starts_at: 'start',
            ends_at: 'end',
            time_zone: 'zone',
            all_day: 'allDay',
            show_as: 'showAs',
            spaces: 'rooms',
          },
          peopleAtOnce: 2,
          wanted: () => source.busyWanted,
          async *read({ people = [] }) {
            const answers = people.map((one) => ({ one, told: source.busy[one.email!] }));
            source.askedAbout.push(people.map(({ email }) => email!));
            await source.onAnswer?.(people.map(({ email }) => email!));
            for (const { one, told } of answers) yield told ? whole(one.ref, told) : skip();
            yield complete({ within: source.busyWithin });
          },
        },
      },
    }),
  };
  return source;
}

export const room = (id: string, more: SourceRecord = {}): SourceRecord => ({
  id,
  name: `Room ${id}`,
  kind: 'room',
  in: 'floor-1',
  seats: 8,
  zone: 'Europe/Amsterdam',
  has: ['video', 'display'],
  ...more,
});

/** On 1 December 2026, from one hour to another, UTC. */
export const meeting = (id: string, of: string, from: number, to: number, more: SourceRecord = {}): SourceRecord => ({
  id,
  room: of,
  start: `2026-12-01T${String(from).padStart(2, '0')}:00:00Z`,
  end: `2026-12-01T${String(to).padStart(2, '0')}:00:00Z`,
  zone: 'Europe/Amsterdam',
  allDay: false,
  showAs: 'busy',
  organizer: null,
  ...more,
});

/** The same for a person: when they are busy. */
export const busyTime = (id: string, from: number, to: number, more: SourceRecord = {}): SourceRecord => {
  const { room: _, organizer: __, ...time } = meeting(id, '', from, to);
  return { ...time, rooms: [], ...more };
};
