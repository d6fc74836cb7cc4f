import { NeedsAttention, type PersonAsked, type Window } from '../../src/contract/index.ts';
import { type Answer, isRecord } from './answer.ts';
import { type BusyTime, BusyTimes, noneReadable, type PersonsTimes } from './busy-times.ts';
import { allowedMailboxes, refusedMailboxes } from './mailboxes.ts';
import { notGraph, type Session } from './session.ts';
import { instantAt, isMidnight, wallOf } from './times.ts';
import { ianaZone } from './zones.ts';

const DAY_MINUTES = 1440;
/** Mailboxes on behalf of which it is tried to ask: one that is gone or closed must not keep everybody's calendar away. */
const MOST_ASKERS = 5;

/** When these people are busy, by getSchedule: one request for all of them, at most 20, whoever has an address. */
export async function schedulesOf(
  session: Session,
  people: readonly PersonAsked[],
  within: Window,
): Promise<PersonsTimes> {
  const refOf = new Map(people.flatMap(({ ref, email }) => (email ? [[email.toLowerCase(), ref] as const] : [])));
  const told = new Map<string, BusyTimes>();
  if (refOf.size === 0) return told;
  const { body } = await asked(session, [...refOf.keys()], within);
  if (!isRecord(body) || !Array.isArray(body.value)) throw notGraph();
  for (const schedule of body.value.filter(isRecord)) {
    const { scheduleId, scheduleItems } = schedule;
    // An address that is unknown, or that shows nothing, has an error of its own in an answer that is none.
    if (typeof scheduleId !== 'string' || isRecord(schedule.error) || !Array.isArray(scheduleItems)) continue;
    const ref = refOf.get(scheduleId.toLowerCase());
    if (ref !== undefined) told.set(ref, await timesIn(scheduleItems, await zoneOf(schedule)));
  }
  return told;
}

/** Which mailbox was asked on behalf of, once one has answered. */
const askers = new WeakMap<Session, string>();

/**
 * On behalf of a room, if there is one: then Exchange tells what people let everybody in the organisation see, and not
 * what they do. @throws NeedsAttention none of the mailboxes tried may ask
 */
async function asked(session: Session, schedules: readonly string[], within: Window): Promise<Answer> {
  const rooms = [...(await allowedMailboxes(session)).keys()];
  const [refusal] = (await refusedMailboxes(session)).values();
  // Where only people's are named, nobody asks on behalf of a person instead.
  if (rooms.length === 0 && refusal) throw new NeedsAttention(refusal.why);
  const known = askers.get(session);
  const candidates = known ? [known] : (rooms.length > 0 ? rooms : schedules).slice(0, MOST_ASKERS);
  const question = {
    schedules,
    startTime: inUtc(within.from),
    endTime: inUtc(within.to),
    // The longest there is: what it is about, the string of digits, is not looked at.
    availabilityViewInterval: DAY_MINUTES,
  };
  let status = 0;
  for (const mailbox of candidates) {
    const target = `/users/${encodeURIComponent(mailbox)}/calendar/getSchedule`;
    const answer = await session.post(target, question, { Prefer: 'outlook.timezone="UTC"' });
    if (answer.status === 200) {
      if (rooms.length > 0) askers.set(session, mailbox);
      return answer;
    }
    status = answer.status;
    if (status !== 403 && status !== 404) break;
  }
  throw noneReadable(status);
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
    else times.addUnreadable();
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
  // From midnight to midnight of the zone asked for is taken for a whole day, told as a date: the person's own day, as the
  // documentation says of events. Whole days that come as instants are those instants.
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
