import { type CronExpression, CronExpressionParser } from 'cron-parser';

const EVERY_HOUR = 24;
const DAY_MS = 24 * 3_600_000;
/** Both passes through a doubled hour, at one slot a minute, and then some. */
const MOST_PASSED_OVER = 300;

/**
 * The first slot after an instant, in the tenant's zone: a local time that a clock change skips runs at the first
 * instant after it, a doubled one runs once. An expression for every hour names distances, not local times: it goes
 * on evenly through the change. `null` for an expression that never fires.
 */
export function nextSlot(expression: string, timeZone: string, after: Date): Date | null {
  try {
    const inZone = CronExpressionParser.parse(expression, { currentDate: after, tz: timeZone });
    if (inZone.fields.hour.values.length === EVERY_HOUR) return inZone.next().toDate();
    // cron-parser moves a skipped time on by the whole hour, and asked within the doubled hour tells it twice. So it
    // is asked for local times as if they were UTC, and what they mean in the zone is settled here.
    const local = new Date(localTime(timeZone, after));
    return firstAfter(after, timeZone, CronExpressionParser.parse(expression, { currentDate: local, tz: 'UTC' }));
  } catch {
    return null;
  }
}

function firstAfter(after: Date, timeZone: string, localTimes: CronExpression): Date | null {
  for (let passed = 0; passed < MOST_PASSED_OVER; passed++) {
    const at = instantOf(timeZone, localTimes.next().getTime());
    if (at > after.getTime()) return new Date(at);
  }
  return null;
}

/** The earlier instant of a doubled local time; for a skipped one the instant of the change. */
function instantOf(timeZone: string, local: number): number {
  const before = offset(timeZone, local - DAY_MS);
  const later = offset(timeZone, local + DAY_MS);
  const meant = [local - before, local - later].sort((a, b) => a - b).find((at) => localTime(timeZone, at) === local);
  return meant ?? changeBetween(timeZone, local - DAY_MS, local + DAY_MS);
}

/** The first instant with another offset than the one at `from`. */
function changeBetween(timeZone: string, from: number, to: number): number {
  const old = offset(timeZone, from);
  let [same, changed] = [from, to];
  while (changed - same > 1) {
    const middle = Math.floor((same + changed) / 2);
    if (offset(timeZone, middle) === old) same = middle;
    else changed = middle;
  }
  return changed;
}

const offset = (timeZone: string, at: number): number => localTime(timeZone, at) - Math.floor(at / 1000) * 1000;

const formats = new Map<string, Intl.DateTimeFormat>();

/** The wall clock at an instant, as milliseconds of a UTC that shows the same; whole seconds. */
function localTime(timeZone: string, at: Date | number): number {
  let format = formats.get(timeZone);
  if (!format) {
    const numeric = {
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    } as const;
    format = new Intl.DateTimeFormat('en-US', { ...numeric, timeZone, hourCycle: 'h23' });
    formats.set(timeZone, format);
  }
  const part = new Map(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  const [year, month, day] = [part.get('year')!, part.get('month')!, part.get('day')!];
  return Date.UTC(year, month - 1, day, part.get('hour')!, part.get('minute')!, part.get('second')!);
}
