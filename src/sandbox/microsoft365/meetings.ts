import { derivedSeed, derivedText } from '../derived.ts';
import type { GraphEvent, Json } from '../graph/index.ts';
import { type Random, seededRandom } from '../random.ts';
import type { Attendance, Attendee } from './attendance.ts';
import { daysAfter, isWorkday, mondayOf, officeZone, wall } from './dates.ts';
import type { Room } from './places.ts';

/**
 * What stands in the calendars of the rooms. It follows from the seed, the room and the date alone, so that a sandbox that
 * starts again, today or in a week, has the same meetings on the same days, under the same ids.
 */
export interface Office {
  readonly seed: number;
  readonly attendance: Attendance;
}

const FIRST_MINUTE = 8 * 60;
const LAST_MINUTE = 17 * 60;
const WEEKS_OF_A_SERIES = 4;

const titles = [
  'Quarterly figures with the auditors',
  'Project Heron, steering committee',
  'Interview, second round',
  'Roadmap for the coming half-year',
  'Contract with the new caterer',
  'Retrospective of the release',
  'Workshop on the move to the harbour',
  'Budget, first draft for discussion',
];
/** What must not be seen from outside, and is what a calendar holds all the same. */
const privateTitles = [
  'Appraisal interview, confidential',
  'Return to work after a long illness',
  'Settlement talks, do not forward',
  'Conversation about a complaint',
];

/** All single meetings of this room that start on this date. */
export function meetingsOn(office: Office, room: Room, date: string): GraphEvent[] {
  if (!isWorkday(date)) return [];
  const random = seededRandom(derivedSeed('day', office.seed, room.address, date));
  const id = (number: number) => derivedText('meeting', office.seed, room.address, date, number);
  if (random.chance(0.04)) return [allDay(office, room, date, id(0), random)];
  const events: GraphEvent[] = [];
  let minute = FIRST_MINUTE + 30 * random.below(4);
  while (minute < LAST_MINUTE) {
    const length = random.pick([30, 30, 60, 60, 60, 90, 120]);
    events.push(meeting(office, room, { date, minute, length }, id(events.length), random));
    minute += length + random.pick([0, 30, 60, 90, 120, 180]);
  }
  return events;
}

export interface Slot {
  readonly date: string;
  /** Of the day. */
  readonly minute: number;
  /** Minutes. */
  readonly length: number;
}

export const timesOf = ({ date, minute, length }: Slot) => ({
  start: wall(date, minute),
  end: wall(date, minute + length),
});

/** One meeting with all that Exchange tells of it. Most of that is for nobody here, and must be turned away. */
export function meeting(office: Office, room: Room, slot: Slot, id: string, random: Random): GraphEvent {
  const lot = random.next();
  const tentative = lot < 0.08;
  const declined = lot >= 0.08 && lot < 0.11;
  return {
    ...described(office, room, id, random),
    id,
    type: 'singleInstance',
    ...timesOf(slot),
    isAllDay: false,
    isCancelled: random.chance(0.05),
    showAs: tentative ? 'tentative' : lot > 0.97 ? 'free' : 'busy',
    responseStatus: response(declined ? 'declined' : tentative ? 'tentativelyAccepted' : 'accepted'),
  };
}

function allDay(office: Office, room: Room, date: string, id: string, random: Random): GraphEvent {
  return {
    ...described(office, room, id, random),
    id,
    type: 'singleInstance',
    start: wall(date, 0),
    end: wall(daysAfter(date, 1), 0),
    isAllDay: true,
    isCancelled: false,
    showAs: 'busy',
    responseStatus: response('accepted'),
  };
}

/**
 * A series of this room that runs for four weeks: the days of a week it takes, one of its dates moved (an exception) and
 * sometimes one left out. The master comes first.
 *
 * @param block which four weeks, counted from the beginning of 2024
 */
export function seriesIn(office: Office, room: Room, block: number): GraphEvent[] {
  const random = seededRandom(derivedSeed('series', office.seed, room.address, block));
  const id = derivedText('series', office.seed, room.address, block);
  const days = random.pick([[0], [1], [2], [3], [4], [0, 3], [1, 4], [0, 1, 2, 3, 4]]);
  const minute = FIRST_MINUTE + 30 * random.below(15);
  const length = days.length > 2 ? 30 : random.pick([60, 90]);
  const monday = mondayOf(block * WEEKS_OF_A_SERIES);
  const all = Array.from({ length: WEEKS_OF_A_SERIES }, (_, week) =>
    days.map((day) => daysAfter(monday, week * 7 + day)),
  ).flat();
  const moved = all[1 + random.below(all.length - 1)]!;
  const dropped = random.chance(0.3) ? all.at(-1) : undefined;
  const master: GraphEvent = {
    ...described(office, room, id, random),
    id,
    type: 'seriesMaster',
    ...timesOf({ date: all[0]!, minute, length }),
    isAllDay: false,
    isCancelled: false,
    showAs: 'busy',
    responseStatus: response('accepted'),
    recurrence: weekly(days, all[0]!, all.at(-1)!),
    occurrences: all
      .filter((date) => date !== moved && date !== dropped)
      .map((date) => ({ id: `${id}.${date}`, ...timesOf({ date, minute, length }) })),
  };
  if (moved === dropped) return [master];
  const exception: GraphEvent = {
    id: `${id}.${moved}`,
    type: 'exception',
    seriesMasterId: id,
    ...timesOf({ date: moved, minute: minute + 60, length }),
    originalStart: `${moved}T00:00:00Z`,
  };
  return [master, exception];
}

export const blockOf = (week: number): number => Math.floor(week / WEEKS_OF_A_SERIES);

const dayNames = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday'];
const weekly = (days: readonly number[], from: string, to: string): Json => ({
  pattern: { type: 'weekly', interval: 1, daysOfWeek: days.map((day) => dayNames[day]!), firstDayOfWeek: 'monday' },
  range: { type: 'endDate', startDate: from, endDate: to, recurrenceTimeZone: officeZone },
});

const response = (answer: string): Json => ({ response: answer, time: '0001-01-01T00:00:00Z' });

/** Who meets about what, and where to dial in. A room's subject begins with its organiser's name, as Exchange has it. */
function described(office: Office, room: Room, id: string, random: Random) {
  const organizer = office.attendance.organizer(random);
  const isPrivate = random.chance(0.08);
  const title = random.pick(isPrivate ? privateTitles : titles);
  const others = Array.from({ length: 1 + random.below(4) }, () => office.attendance.attendee(random));
  const link = `https://meet.example/${id.slice(0, 12)}`;
  return {
    subject: `${organizer.name} ${title}`,
    bodyPreview: `${title}. Agenda and papers: ${link}/papers`,
    body: { contentType: 'text', content: `${title}. Agenda and papers: ${link}/papers` },
    sensitivity: isPrivate ? 'private' : 'normal',
    organizer: { emailAddress: emailAddress(organizer) },
    attendees: others.map((one) => ({ type: 'required', emailAddress: emailAddress(one) })),
    location: { displayName: room.name, locationUri: room.address, locationType: 'conferenceRoom' },
    isOnlineMeeting: true,
    onlineMeeting: { joinUrl: `${link}/join` },
    webLink: `${link}/item`,
    iCalUId: `040000008200E00074C5B7101A82E008${id}`,
    originalStartTimeZone: officeZone,
    originalEndTimeZone: officeZone,
  };
}

const emailAddress = ({ name, address }: Attendee): Json => ({ name, address });
