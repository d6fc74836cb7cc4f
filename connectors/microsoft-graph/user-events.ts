import {
  complete,
  type Item,
  type PersonAsked,
  type ReadContext,
  type SourceRecord,
  skip,
  type Window,
  whole,
} from '../../src/contract/index.ts';
import type { BusyTimes } from './busy-times.ts';
import { type PersonsTimes, schedulesOf } from './free-busy.ts';
import { placesOfMeetings } from './meetings.ts';
import { type Session, sessionOf } from './session.ts';
import type { settings as shape } from './settings.ts';

const DAY_MS = 86_400_000;
/** Days that one getSchedule may span are 62 (api/calendar-getschedule); both ways of reading keep to the same. */
const MOST_DAYS = 60;

/** When users who opted in are busy. Nobody else is asked about, and of a meeting nothing but when, and in which of our rooms. */
export async function* readUserEvents(context: ReadContext<typeof shape>): AsyncGenerator<Item> {
  const { people = [], settings, now, fields } = context;
  const within = windowFrom(now, settings.ahead_days);
  const asked = new Map(people.flatMap((one) => (one.email ? [[one.email.toLowerCase(), one] as const] : [])));
  if (settings.people_calendars !== 'off' && asked.size > 0) {
    const session = sessionOf(context);
    const told = await timesOf(session, [...asked.keys()], within);
    yield* itemsOf(asked, told, fields);
  }
  for (const { email } of people) if (!email) yield skip();
  yield complete({ within });
}

/** What is over is nobody's business. */
function windowFrom(now: Date, ahead_days: number): Window {
  return { from: now, to: new Date(now.getTime() + Math.min(ahead_days, MOST_DAYS) * DAY_MS) };
}

const timesOf = (session: Session, addresses: readonly string[], within: Window): Promise<PersonsTimes> =>
  session.settings.people_calendars === 'free-busy-and-rooms'
    ? placesOfMeetings(session, addresses, within)
    : schedulesOf(session, addresses, within);

function* itemsOf(
  asked: ReadonlyMap<string, PersonAsked>,
  told: PersonsTimes,
  fields: readonly string[],
): Generator<Item> {
  for (const [address, { ref }] of asked) {
    const times = told.get(address);
    // A calendar that cannot be read stays as it was; that there is one is counted.
    if (times) yield whole(ref, [...recordsOf(times, fields)]);
    else yield skip();
  }
}

function* recordsOf(times: BusyTimes, fields: readonly string[]): Generator<SourceRecord> {
  for (const record of times.records())
    yield Object.fromEntries(Object.entries(record).filter(([field]) => fields.includes(field)));
}
