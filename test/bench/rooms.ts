import type { GraphEvent, SandboxGraph } from '../../src/sandbox/graph/index.ts';
import { seededRandom } from '../../src/sandbox/random.ts';

/**
 * What the calendar of a busy room holds in a quarter of a year: 200 events, 60 % of them dates of weekly series, half of
 * which began before the window; besides them exceptions, single meetings, cancelled ones and whole days.
 */
const SERIES = 10;
const DATES = 12;
const SINGLES = 50;
const CANCELLED = 10;
const WHOLE_DAYS = 10;
export const EVENTS_OF_A_ROOM = SERIES * (DATES + 1) + SINGLES + CANCELLED + WHOLE_DAYS;
/** Cancelled meetings leave the room free. */
export const KEPT_OF_A_ROOM = EVENTS_OF_A_ROOM - CANCELLED;

const DAY_MS = 86_400_000;
export const addressOf = (room: number) => `room-${String(room).padStart(4, '0')}@acme.example`;
const placeId = (room: number) => `00000000-0000-4000-8000-${String(room).padStart(12, '0')}`;

/** As long as Outlook's are: an id is 152 characters, an invitation with a link to join some kilobytes. */
const longId = (what: string) => `AAMkAGI2${Buffer.from(what).toString('base64url')}`.padEnd(152, 'A');
const BODY = `<html><body>${'<p>What we talk about, and where to join the meeting.</p>'.repeat(40)}</body></html>`;
const person = (n: number) => ({ emailAddress: { name: `Given${n} Family${n}`, address: `p${n}@acme.example` } });

/** Everything that Graph sends of a meeting of five. */
const meeting = (
  id: string,
  room: number,
  day: number,
  quarter: number,
  more: Partial<GraphEvent> = {},
): GraphEvent => ({
  id,
  type: 'singleInstance',
  createdDateTime: '2026-09-01T08:00:00.0000000Z',
  lastModifiedDateTime: '2026-09-01T08:00:00.0000000Z',
  changeKey: 'DwAAABYAAADHtGBxyyFRSoFbFgDTPvY7AAB0YbS0',
  categories: [],
  transactionId: null,
  originalStartTimeZone: 'W. Europe Standard Time',
  originalEndTimeZone: 'W. Europe Standard Time',
  iCalUId: `040000008200E00074C5B7101A82E008${Buffer.from(id.slice(8, 40)).toString('hex')}`,
  reminderMinutesBeforeStart: 15,
  isReminderOn: false,
  hasAttachments: false,
  subject: `Given${room % 300} Family${room % 300}`,
  bodyPreview: 'What we talk about, and where to join the meeting.'.repeat(4),
  importance: 'normal',
  sensitivity: 'normal',
  isAllDay: false,
  isCancelled: false,
  isOrganizer: false,
  responseRequested: true,
  showAs: 'busy',
  webLink: `https://outlook.office365.com/owa/?itemid=${id}&exvsurl=1&path=/calendar/item`,
  onlineMeetingUrl: null,
  isOnlineMeeting: true,
  onlineMeetingProvider: 'teamsForBusiness',
  allowNewTimeProposals: true,
  occurrenceId: null,
  isDraft: false,
  hideAttendees: false,
  responseStatus: { response: 'accepted', time: '2026-09-01T08:00:00Z' },
  body: { contentType: 'html', content: BODY },
  ...timesAt(day, quarter),
  location: { displayName: `Room ${room}`, locationType: 'conferenceRoom', uniqueId: addressOf(room) },
  locations: [{ displayName: `Room ${room}`, locationType: 'conferenceRoom', uniqueId: addressOf(room) }],
  recurrence: null,
  attendees: [1, 2, 3, 4, 5].map((n) => ({
    type: 'required',
    status: { response: 'accepted', time: '2026-09-01T08:00:00Z' },
    ...person((room + n) % 300),
  })),
  organizer: person(room % 300),
  onlineMeeting: { joinUrl: `https://teams.microsoft.com/l/meetup-join/${id}` },
  ...more,
});

/** @param quarter of an hour after seven, UTC */
function timesAt(day: number, quarter: number) {
  const at = (ms: number) => ({ dateTime: `${new Date(ms).toISOString().slice(0, -1)}0000`, timeZone: 'UTC' });
  const start = day * DAY_MS + 7 * 3_600_000 + quarter * 900_000;
  return { start: at(start), end: at(start + 1_800_000) };
}

const dates = (of: number, today: number) =>
  Array.from({ length: DATES + 1 }, (_, week) => today + 1 + (of % 5) + 7 * week);
const seriesId = (room: number, of: number) => longId(`series ${room} ${of}`);
const dateId = (room: number, of: number, week: number) => longId(`date ${room} ${of} ${week}`);
const singleId = (room: number, n: number) => longId(`single ${room} ${n}`);

export function fillRooms(source: SandboxGraph, rooms: number, today: number): void {
  for (let room = 0; room < rooms; room++) {
    source.putPlace({
      '@odata.type': '#microsoft.graph.room',
      id: placeId(room),
      displayName: `Room ${room}`,
      emailAddress: addressOf(room),
      capacity: 8,
    });
    const put = (event: GraphEvent) => source.putEvent(addressOf(room), event);
    for (let of = 0; of < SERIES; of++) {
      const days = dates(of, today);
      const began = of % 2 === 0 ? days[0]! : days[0]! - 28;
      put(
        meeting(seriesId(room, of), room, began, of, {
          type: 'seriesMaster',
          recurrence: { pattern: { type: 'weekly', interval: 1 }, range: { type: 'noEnd' } },
          occurrences: days.map((day, week) => ({ id: dateId(room, of, week), ...timesAt(day, of) })),
        }),
      );
      put(moved(room, of, 5, today, 20 + of));
    }
    for (let n = 0; n < SINGLES + CANCELLED; n++)
      put(meeting(singleId(room, n), room, today + (n % 80), 10 + (n % 20), { isCancelled: n >= SINGLES }));
    for (let n = 0; n < WHOLE_DAYS; n++) {
      const midnight = (day: number) => ({
        dateTime: new Date(day * DAY_MS).toISOString().slice(0, 19),
        timeZone: 'UTC',
      });
      const day = today + 2 + 7 * n;
      const times = { start: midnight(day), end: midnight(day + 1), isAllDay: true, showAs: 'free' };
      put(meeting(longId(`day ${room} ${n}`), room, day, 0, times));
    }
  }
}

/** A date of a series that was moved within its day. */
const moved = (room: number, of: number, week: number, today: number, quarter: number): GraphEvent =>
  meeting(dateId(room, of, week), room, dates(of, today)[week]!, quarter, {
    type: 'exception',
    seriesMasterId: seriesId(room, of),
  });

/** Moves so many events, dates of series and single ones as they are spread, to where nothing was before. */
export function moveEvents(source: SandboxGraph, rooms: number, today: number, count: number, round: number): void {
  const random = seededRandom(round);
  for (let n = 0; n < count; n++) {
    const room = random.below(rooms);
    const which = random.below(EVENTS_OF_A_ROOM);
    const quarter = 40 + (round % 8);
    source.putEvent(
      addressOf(room),
      which < SERIES * (DATES + 1)
        ? moved(room, which % SERIES, Math.floor(which / SERIES), today, quarter)
        : meeting(singleId(room, which % SINGLES), room, today + (which % 80), quarter),
    );
  }
}
