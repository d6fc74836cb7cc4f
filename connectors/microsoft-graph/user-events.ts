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
import type { BusyTimes, PersonsTimes } from './busy-times.ts';
import { schedulesOf } from './free-busy.ts';
import { meetingsOf } from './meetings.ts';
import { type Session, sessionOf } from './session.ts';
import { type settings as shape, windowOf } from './settings.ts';

const DAY_MS = 86_400_000;
/** Days that one getSchedule may span are 62 (api/calendar-getschedule); both ways of reading keep to the same. */
const MOST_DAYS = 60;

/** When users who opted in are busy. Nobody else is asked about, and of a meeting nothing but when, and in which of our rooms. */
export async function* readUserEvents(context: ReadContext<typeof shape>): AsyncGenerator<Item> {
  const { people = [], settings, now, fields } = context;
  const within = windowFrom(now, windowOf(settings).ahead_days);
  if (people.length > 0) {
    const told = await timesOf(sessionOf(context), people, within);
    for (const { ref } of people) {
      const times = told.get(ref);
      // A calendar that cannot be read stays as it was; that there is one is counted.
      if (times) yield whole(ref, [...recordsOf(times, fields)]);
      else yield skip();
    }
  }
  yield complete({ within });
}

/** What is over is nobody's business. */
function windowFrom(now: Date, ahead_days: number): Window {
  return { from: now, to: new Date(now.getTime() + Math.min(ahead_days, MOST_DAYS) * DAY_MS) };
}

const timesOf = (session: Session, people: readonly PersonAsked[], within: Window): Promise<PersonsTimes> =>
  session.settings.people_calendars === 'free-busy-and-rooms'
    ? meetingsOf(session, people, within)
    : schedulesOf(session, people, within);

function* recordsOf(times: BusyTimes, fields: readonly string[]): Generator<SourceRecord> {
  for (const record of times.records())
    yield Object.fromEntries(Object.entries(record).filter(([field]) => fields.includes(field)));
}
