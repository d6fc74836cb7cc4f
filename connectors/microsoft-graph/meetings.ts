import type { Window } from '../../src/contract/index.ts';
import { isRecord } from './answer.ts';
import { BusyTimes, noneReadable } from './busy-times.ts';
import { eventRecord, lookAt } from './event.ts';
import type { PersonsTimes } from './free-busy.ts';
import type { Session } from './session.ts';
import { bookablePlaces } from './spaces.ts';

/** Times alone do not say where; the place is told with its name and address, of which only ours are looked at. */
const SELECTED = 'id,type,start,end,isAllDay,showAs,isCancelled,responseStatus,originalStartTimeZone,locations';
const PREFER = { Prefer: 'outlook.timezone="UTC"' };
const PAGE_SIZE = 500;

/** When these people are busy and in which of our rooms, calendar by calendar; as many at a time as `in_flight` lets through. */
export async function placesOfMeetings(
  session: Session,
  addresses: readonly string[],
  within: Window,
): Promise<PersonsTimes> {
  const rooms = new Map([...(await bookablePlaces(session))].map(([address, { id }]) => [address, id]));
  const told = new Map<string, BusyTimes>();
  let lastRefusal: number | undefined;
  await Promise.all(
    addresses.map(async (address) => {
      const times = await timesOf(session, address, within, rooms).catch((error) => {
        if (!(error instanceof NotReadable)) throw error;
        lastRefusal = error.status;
        return undefined;
      });
      if (times) told.set(address, times);
    }),
  );
  if (told.size === 0 && lastRefusal === 403) throw noneReadable(lastRefusal);
  return told;
}

class NotReadable extends Error {
  readonly status: number;
  constructor(status: number) {
    super('A calendar could not be read.');
    this.status = status;
  }
}

async function timesOf(
  session: Session,
  address: string,
  { from, to }: Window,
  rooms: ReadonlyMap<string, string>,
): Promise<BusyTimes> {
  const bounds = `startDateTime=${from.toISOString()}&endDateTime=${to.toISOString()}`;
  const target = `/v1.0/users/${encodeURIComponent(address)}/calendarView?${bounds}&$select=${SELECTED}&$top=${PAGE_SIZE}`;
  const times = new BusyTimes();
  for await (const { entries } of session.pages(target, ({ status }) => new NotReadable(status), PREFER))
    for (const event of entries) {
      const told = lookAt(event);
      if (!told || told.isCancelled === true || told.response === 'declined' || told.type === 'seriesMaster') continue;
      const record = await eventRecord(told, '', ['start', 'end', 'zone']);
      if (!record) continue;
      times.add({
        start: new Date(String(record.start)),
        end: new Date(String(record.end)),
        showAs: told.showAs ?? 'busy',
        isAllDay: told.isAllDay === true,
        zone: typeof record.zone === 'string' ? record.zone : undefined,
        spaces: ours(event.locations, rooms),
      });
    }
  return times;
}

/** A room stands among the places of a meeting by its address, in one of three properties (resources/location). */
function ours(locations: unknown, rooms: ReadonlyMap<string, string>): string[] {
  if (!Array.isArray(locations)) return [];
  return locations.filter(isRecord).flatMap(({ locationEmailAddress, uniqueId, locationUri }) => {
    const named = [locationEmailAddress, uniqueId, locationUri].flatMap((name) =>
      typeof name === 'string' ? (rooms.get(name.toLowerCase()) ?? []) : [],
    );
    return named.slice(0, 1);
  });
}
