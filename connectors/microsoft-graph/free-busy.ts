import type { Window } from '../../src/contract/index.ts';
import { isRecord } from './answer.ts';
import { type BusyTime, BusyTimes, noneReadable } from './busy-times.ts';
import { allowedMailboxes } from './mailboxes.ts';
import { notGraph, type Session } from './session.ts';
import { instantAt, isMidnight, wallOf } from './times.ts';
import { ianaZone } from './zones.ts';

/** By address, in lower case. Whoever could not be read is absent. */
export type PersonsTimes = ReadonlyMap<string, BusyTimes>;

const DAY_MINUTES = 1440;

/**
 * When these people are busy, by getSchedule: one request for all of them, at most 20. It is asked on behalf of a room, if
 * there is one: then Exchange tells what people let everybody in the organisation see, and not what they do.
 */
export async function schedulesOf(
  session: Session,
  addresses: readonly string[],
  within: Window,
): Promise<PersonsTimes> {
  const [room] = (await allowedMailboxes(session)).keys();
  const target = `/users/${encodeURIComponent(room ?? addresses[0]!)}/calendar/getSchedule`;
  const asked = {
    schedules: addresses,
    startTime: inUtc(within.from),
    endTime: inUtc(within.to),
    // The longest there is: what it is about, the string of digits, is not looked at.
    availabilityViewInterval: DAY_MINUTES,
  };
  const answer = await session.post(target, asked, { Prefer: 'outlook.timezone="UTC"' });
  if (answer.status !== 200) throw noneReadable(answer.status);
  if (!isRecord(answer.body) || !Array.isArray(answer.body.value)) throw notGraph();
  const told = new Map<string, BusyTimes>();
  for (const schedule of answer.body.value.filter(isRecord)) {
    const { scheduleId, scheduleItems } = schedule;
    // An address that is unknown, or that shows nothing, has an error of its own in an answer that is none.
    if (typeof scheduleId !== 'string' || isRecord(schedule.error) || !Array.isArray(scheduleItems)) continue;
    const address = scheduleId.toLowerCase();
    if (addresses.includes(address)) told.set(address, await timesIn(scheduleItems, await zoneOf(schedule)));
  }
  return told;
}

const inUtc = (instant: Date) => ({ dateTime: instant.toISOString().replace(/\.\d+Z$/, ''), timeZone: 'UTC' });

/** Where the person works, to know which hours a whole day has; looked at for this alone. */
async function zoneOf({ workingHours }: Readonly<Record<string, unknown>>): Promise<string | undefined> {
  const zone = isRecord(workingHours) ? workingHours.timeZone : undefined;
  return isRecord(zone) && typeof zone.name === 'string' ? ianaZone(zone.name) : undefined;
}

async function timesIn(items: readonly unknown[], zone: string | undefined): Promise<BusyTimes> {
  const times = new BusyTimes();
  for (const item of items.filter(isRecord)) {
    const time = await timeOf(item, zone);
    if (time) times.add(time);
  }
  return times;
}

/** Subject, place and whether it is private end here. @returns undefined if nobody can say when it is */
async function timeOf(
  { status, start, end }: Readonly<Record<string, unknown>>,
  zone: string | undefined,
): Promise<BusyTime | undefined> {
  const [from, to] = [await wallIn(start), await wallIn(end)];
  if (!from || !to || typeof status !== 'string') return undefined;
  // From midnight to midnight of the zone asked for: a whole day, told as a date. It is the person's own day.
  const isAllDay = isMidnight(from.wall) && isMidnight(to.wall) && to.wall > from.wall;
  const day = isAllDay ? (zone ?? from.zone) : undefined;
  return {
    start: instantAt(from.wall, day ?? from.zone),
    end: instantAt(to.wall, day ?? to.zone),
    showAs: status,
    isAllDay,
    ...(isAllDay && zone ? { zone } : {}),
  };
}

async function wallIn(told: unknown): Promise<{ wall: number; zone: string } | undefined> {
  if (!isRecord(told) || typeof told.dateTime !== 'string' || typeof told.timeZone !== 'string') return undefined;
  const wall = wallOf(told.dateTime);
  const zone = told.timeZone === 'UTC' ? 'UTC' : await ianaZone(told.timeZone);
  return wall === undefined || zone === undefined ? undefined : { wall, zone };
}
