import type { PersonAsked, Window } from '../../src/contract/index.ts';
import { isRecord } from './answer.ts';
import { BusyTimes, noneReadable, type PersonsTimes } from './busy-times.ts';
import { eventRecord, lookAt } from './event.ts';
import type { Session } from './session.ts';
import { bookablePlaces } from './spaces.ts';

/** Times alone do not say where; the place is told with its name and address, of which only ours are looked at. */
const SELECTED = 'id,type,start,end,isAllDay,showAs,isCancelled,responseStatus,originalStartTimeZone,locations';
const PREFER = { Prefer: 'outlook.timezone="UTC"' };
const PAGE_SIZE = 500;

/** Runs in which somebody's calendar could be read: then another that cannot is its own matter. */
const allowed = new WeakSet<Session>();

/**
 * When these people are busy and in which of our rooms, calendar by calendar; as many at a time as `in_flight` lets through.
 * @throws NeedsAttention nobody's calendar may be opened
 */
export async function meetingsOf(
  session: Session,
  people: readonly PersonAsked[],
  within: Window,
): Promise<PersonsTimes> {
  const rooms = new Map([...(await bookablePlaces(session))].map(([address, { id }]) => [address, id]));
  const told = new Map<string, BusyTimes>();
  let refusal: number | undefined;
  await Promise.all(
    people.map(async ({ ref, directoryId, email }) => {
      // By its id a mailbox is nobody else's, whoever has the address by now.
      const mailbox = directoryId ?? email;
      if (mailbox === undefined) return;
      const times = await timesOf(session, mailbox, within, rooms).catch((error) => {
        if (!(error instanceof NotReadable)) throw error;
        refusal = error.status;
        return undefined;
      });
      if (times) told.set(ref, times);
    }),
  );
  if (told.size > 0) allowed.add(session);
  else if (refusal === 403 && !allowed.has(session)) throw noneReadable(refusal);
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
  mailbox: string,
  { from, to }: Window,
  rooms: ReadonlyMap<string, string>,
): Promise<BusyTimes> {
  const bounds = `startDateTime=${from.toISOString()}&endDateTime=${to.toISOString()}`;
  const target = `/v1.0/users/${encodeURIComponent(mailbox)}/calendarView?${bounds}&$select=${SELECTED}&$top=${PAGE_SIZE}`;
  const times = new BusyTimes();
  for await (const { entries } of session.pages(target, ({ status }) => new NotReadable(status), PREFER))
    for (const event of entries) {
      const told = lookAt(event);
      if (!told) {
        times.addUnreadable();
        continue;
      }
      if (told.isCancelled === true || told.response === 'declined' || told.type === 'seriesMaster') continue;
      const record = await eventRecord(told, '', ['start', 'end', 'zone']);
      if (!record) {
        times.addUnreadable();
        continue;
      }
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
