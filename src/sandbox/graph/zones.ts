import type { DateTimeTimeZone } from './types.ts';

/** Windows names of the zones that tenants of the sandbox are in; IANA names are taken as they are. */
const windows: Readonly<Record<string, string>> = {
  UTC: 'Etc/UTC',
  'GMT Standard Time': 'Europe/London',
  'Greenwich Standard Time': 'Atlantic/Reykjavik',
  'W. Europe Standard Time': 'Europe/Berlin',
  'Romance Standard Time': 'Europe/Paris',
  'Central Europe Standard Time': 'Europe/Budapest',
  'Central European Standard Time': 'Europe/Warsaw',
  'FLE Standard Time': 'Europe/Kyiv',
  'GTB Standard Time': 'Europe/Bucharest',
  'E. Europe Standard Time': 'Europe/Chisinau',
  'Turkey Standard Time': 'Europe/Istanbul',
  'Russian Standard Time': 'Europe/Moscow',
  'South Africa Standard Time': 'Africa/Johannesburg',
  'Arabian Standard Time': 'Asia/Dubai',
  'India Standard Time': 'Asia/Kolkata',
  'China Standard Time': 'Asia/Shanghai',
  'Singapore Standard Time': 'Asia/Singapore',
  'Tokyo Standard Time': 'Asia/Tokyo',
  'AUS Eastern Standard Time': 'Australia/Sydney',
  'New Zealand Standard Time': 'Pacific/Auckland',
  'E. South America Standard Time': 'America/Sao_Paulo',
  'Atlantic Standard Time': 'America/Halifax',
  'Eastern Standard Time': 'America/New_York',
  'Central Standard Time': 'America/Chicago',
  'Mountain Standard Time': 'America/Denver',
  'Pacific Standard Time': 'America/Los_Angeles',
};

const formats = new Map<string, Intl.DateTimeFormat | undefined>();

/** `Europe/Kyiv (Kiev)` and its like are how Graph's list writes some IANA names. */
function formatOf(zone: string): Intl.DateTimeFormat | undefined {
  if (formats.has(zone)) return formats.get(zone);
  let made: Intl.DateTimeFormat | undefined;
  try {
    made = new Intl.DateTimeFormat('en-GB', {
      timeZone: windows[zone] ?? zone.replace(/ \(\w+\)$/, ''),
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    made = undefined;
  }
  formats.set(zone, made);
  return made;
}

export const isZone = (zone: string): boolean => formatOf(zone) !== undefined;

/** Zones change their clocks at full quarters of an hour: within one the offset is the same. */
const quarter_ms = 15 * 60_000;
const mostOffsets = 50_000;
const offsets = new Map<string, number>();

/**
 * Throws RangeError for a zone it does not know. A thousand calendars are answered in UTC nearly always, and a
 * format takes microseconds that add up to minutes.
 */
function offset_ms(instant_ms: number, zone: string): number {
  if (zone === 'UTC') return 0;
  const quarter = Math.floor(instant_ms / quarter_ms);
  const known = offsets.get(`${quarter} ${zone}`);
  if (known !== undefined) return known;
  const offset = formattedOffset_ms(quarter * quarter_ms, zone);
  if (offsets.size >= mostOffsets) offsets.clear();
  offsets.set(`${quarter} ${zone}`, offset);
  return offset;
}

function formattedOffset_ms(instant_ms: number, zone: string): number {
  const format = formatOf(zone);
  if (!format) throw new RangeError('The sandbox does not know that time zone.');
  const part = Object.fromEntries(format.formatToParts(instant_ms).map(({ type, value }) => [type, Number(value)]));
  const wall = Date.UTC(part.year!, part.month! - 1, part.day!, part.hour!, part.minute!, part.second!);
  return wall - Math.floor(instant_ms / 1000) * 1000;
}

/** The instant of a wall clock time; of one that is skipped, the one an hour on; of one that comes twice, the first. */
export function instantOf({ dateTime, timeZone }: DateTimeTimeZone): number {
  const wall_ms = wallOf(dateTime);
  const first = wall_ms - offset_ms(wall_ms - 24 * 3600_000, timeZone);
  if (first + offset_ms(first, timeZone) === wall_ms) return first;
  const second = wall_ms - offset_ms(wall_ms + 24 * 3600_000, timeZone);
  return second + offset_ms(second, timeZone) === wall_ms ? second : first;
}

function wallOf(dateTime: string): number {
  const [, date, time = '00:00:00', fraction = ''] =
    /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,7}))?)?$/.exec(dateTime) ?? [];
  const wall_ms = Date.parse(
    `${date}T${time}.${fraction.padEnd(3, '0').slice(0, 3)}Z`.replace(/T(\d\d:\d\d)\./, 'T$1:00.'),
  );
  if (Number.isNaN(wall_ms)) throw new RangeError('A dateTime of the sandbox has the form 2026-03-15T12:00:00.');
  return wall_ms;
}

/** As Graph writes it: seven fractional digits and no offset, the zone beside it. */
export function wallClock(instant_ms: number, timeZone: string): DateTimeTimeZone {
  const wall = new Date(instant_ms + offset_ms(instant_ms, timeZone)).toISOString();
  return { dateTime: `${wall.slice(0, -1)}0000`, timeZone };
}

/** An all-day event goes from midnight to midnight of its dates in whatever zone it is asked for (microsoft-graph-docs#6003). */
export function midnight({ dateTime }: DateTimeTimeZone, timeZone: string): DateTimeTimeZone {
  return { dateTime: `${dateTime.slice(0, 10)}T00:00:00.0000000`, timeZone };
}
