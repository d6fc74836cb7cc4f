import type { SourceRecord } from '../../src/contract/index.ts';
import { isRecord } from './answer.ts';
import { picked } from './picking.ts';
import { instantAt, isMidnight, wallOf } from './times.ts';
import { ianaZone } from './zones.ts';

/** A time as Graph tells it: a clock on a wall, and the zone that the wall stands in. */
interface Clock {
  readonly dateTime: string;
  readonly timeZone: string;
}

/** All that is looked at of an event. Subject, body, attendees, location and links end here. */
export interface Told {
  readonly id: string;
  readonly type: string | undefined;
  readonly seriesMasterId: string | undefined;
  readonly start: Clock | undefined;
  readonly end: Clock | undefined;
  readonly isAllDay: boolean | undefined;
  readonly showAs: string | undefined;
  readonly isCancelled: boolean | undefined;
  readonly response: string | undefined;
  readonly organizer: string | undefined;
  /** As Graph names it: Windows, IANA or its own. */
  readonly zone: string | undefined;
}

/** What `$select` asks for, where it may be said: the window's delta has no `$select`. */
export const lookedAt = [
  'id,type,seriesMasterId,start,end,isAllDay,showAs,isCancelled,responseStatus,organizer',
  'originalStartTimeZone',
].join(',');

export function lookAt(event: Readonly<Record<string, unknown>>): Told | undefined {
  const { id } = event;
  if (typeof id !== 'string' || id === '') return undefined;
  const status = isRecord(event.responseStatus) ? event.responseStatus.response : undefined;
  return {
    id,
    type: text(event.type),
    seriesMasterId: text(event.seriesMasterId),
    start: clock(event.start),
    end: clock(event.end),
    isAllDay: flag(event.isAllDay),
    showAs: text(event.showAs),
    isCancelled: flag(event.isCancelled),
    response: text(status),
    organizer: addressOf(event.organizer),
    zone: text(event.originalStartTimeZone),
  };
}

/** An occurrence may be told with nothing but when: all else is its master's. */
export const isBare = (told: Told): boolean => told.showAs === undefined || told.isAllDay === undefined;

export function inherit(told: Told, master: Told | undefined): Told {
  if (!master) return told;
  const inherited = { ...master, ...defined(told) };
  return { ...inherited, start: told.start, end: told.end };
}

/**
 * One event as the gate sees it.
 * @returns undefined if nobody can say when it is: times that are none, or a whole day in a zone that nobody knows. A
 *   timed event is told in UTC, so it is known when it is, though not in which zone it was meant: the room is taken.
 */
export async function eventRecord(
  told: Told,
  space: string,
  fields: readonly string[],
): Promise<SourceRecord | undefined> {
  const zone = told.zone === undefined ? undefined : await ianaZone(told.zone);
  const start = await instantOf(told.start, told.isAllDay ?? false, zone);
  const end = await instantOf(told.end, told.isAllDay ?? false, zone);
  if (!start || !end || end < start) return undefined;
  const { start: _, end: __, zone: ___, ...rest } = told;
  return picked(fields, {
    ...defined(rest),
    space,
    start: start.toISOString(),
    end: end.toISOString(),
    ...(zone === undefined ? {} : { zone }),
  });
}

/**
 * An event of a whole day is told from midnight to midnight, whatever zone was asked for: it means the day of those who
 * meet, in the zone it was made in. Told as another time than midnight it was converted, and is an instant as it stands.
 */
async function instantOf(
  told: Clock | undefined,
  allDay: boolean,
  zone: string | undefined,
): Promise<Date | undefined> {
  const wall = told && wallOf(told.dateTime);
  if (wall === undefined) return undefined;
  if (allDay && isMidnight(wall)) return zone === undefined ? undefined : instantAt(wall, zone);
  // What was asked for, and so nearly every time: no calendar needs to be looked at.
  if (told!.timeZone === 'UTC') return new Date(wall);
  const shownIn = await ianaZone(told!.timeZone);
  return shownIn === undefined ? undefined : instantAt(wall, shownIn);
}

const text = (told: unknown) => (typeof told === 'string' && told !== '' ? told : undefined);
const flag = (told: unknown) => (typeof told === 'boolean' ? told : undefined);

function clock(told: unknown): Clock | undefined {
  if (!isRecord(told)) return undefined;
  const { dateTime, timeZone } = told;
  return typeof dateTime === 'string' && typeof timeZone === 'string' ? { dateTime, timeZone } : undefined;
}

function addressOf(told: unknown): string | undefined {
  const who = isRecord(told) ? told.emailAddress : undefined;
  return isRecord(who) ? text(who.address) : undefined;
}

function defined<T extends object>(of: T): Partial<T> {
  return Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined)) as Partial<T>;
}
