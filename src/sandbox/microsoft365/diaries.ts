import { derivedSeed, derivedText } from '../derived.ts';
import type { GraphEvent } from '../graph/index.ts';
import { seededRandom } from '../random.ts';
import type { Attendee } from './attendance.ts';
import { isWorkday } from './dates.ts';
import { timesOf } from './meetings.ts';

const FIRST_MINUTE = 8 * 60 + 30;
const LAST_MINUTE = 17 * 60;

/** What people do elsewhere, in their own words. */
export const diaryTitles = [
  'Dentist',
  'Blocked for writing',
  'One to one',
  'School run',
  'Union meeting',
  'Interview elsewhere, do not tell',
];

/**
 * What keeps a person busy on a date. Like the rooms' meetings it follows from seed, person and date alone; what it is about
 * is for nobody here.
 */
export function diaryOn(seed: number, { address }: Attendee, date: string): GraphEvent[] {
  if (!isWorkday(date)) return [];
  const random = seededRandom(derivedSeed('diary', seed, address, date));
  const events: GraphEvent[] = [];
  let minute = FIRST_MINUTE + 30 * random.below(5);
  while (minute < LAST_MINUTE && events.length < 4) {
    const length = random.pick([30, 30, 60, 90]);
    events.push({
      id: derivedText('diary', seed, address, date, events.length),
      type: 'singleInstance',
      subject: random.pick(diaryTitles),
      ...timesOf({ date, minute, length }),
      isAllDay: false,
      isCancelled: random.chance(0.05),
      showAs: random.pick(['busy', 'busy', 'busy', 'tentative', 'oof', 'workingElsewhere', 'free']),
      sensitivity: random.pick(['normal', 'normal', 'private']),
      originalStartTimeZone: 'W. Europe Standard Time',
      organizer: { emailAddress: { address } },
      responseStatus: { response: 'organizer' },
    });
    minute += length + 60 + 30 * random.below(5);
  }
  return events;
}
