/** A clock on a wall: what it shows, as if it were UTC. */
type Wall = number;

const WALL = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,7}))?$/;

/** Graph's dateTime, which has 7 fractional digits and no offset. @returns undefined if it is none */
export function wallOf(dateTime: string): Wall | undefined {
  const [, year, month, day, hour, minute, second, fraction = ''] = WALL.exec(dateTime) ?? [];
  const text = `${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.padEnd(3, '0').slice(0, 3)}Z`;
  const wall = Date.parse(text);
  // The 31st of February is no date, though a parser may make one of it.
  return Number.isNaN(wall) || new Date(wall).toISOString() !== text ? undefined : wall;
}

export const isMidnight = (wall: Wall): boolean => wall % 86_400_000 === 0;

/**
 * When a clock in this zone shows this. Shown twice in a night in autumn, the first time counts; skipped in spring, the
 * first instant after the gap: a day that begins at one o'clock begins then.
 */
export function instantAt(wall: Wall, zone: string): Date {
  const around = [offsetAt(wall - 86_400_000, zone), offsetAt(wall + 86_400_000, zone)];
  const fitting = around.map((offset) => wall - offset).filter((at) => at + offsetAt(at, zone) === wall);
  return new Date(fitting.length > 0 ? Math.min(...fitting) : wall - around[0]!);
}

function offsetAt(instant: number, zone: string): number {
  const shown: Record<string, number> = {};
  for (const { type, value } of clockOf(zone).formatToParts(instant)) shown[type] = Number(value);
  const { year, month, day, hour, minute, second } = shown;
  return Date.UTC(year!, month! - 1, day!, hour!, minute!, second!) - Math.floor(instant / 1000) * 1000;
}

const clocks = new Map<string, Intl.DateTimeFormat>();

function clockOf(timeZone: string): Intl.DateTimeFormat {
  const known = clocks.get(timeZone);
  if (known) return known;
  const numeric = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' } as const;
  const clock = new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', ...numeric, second: 'numeric' });
  clocks.set(timeZone, clock);
  return clock;
}
