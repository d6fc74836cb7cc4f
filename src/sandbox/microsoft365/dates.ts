/** Dates of the wall calendar as `YYYY-MM-DD`: meetings are made on them, in the company's own zone. */
const DAY_MS = 86_400_000;

/** The zone in which the company meets, as Outlook calls it. */
export const officeZone = 'W. Europe Standard Time';

export const dateOf = (at: Date): string => at.toISOString().slice(0, 10);

export const daysAfter = (date: string, days: number): string => dateOf(new Date(Date.parse(date) + days * DAY_MS));

/** 0: Monday. */
export const weekday = (date: string): number => (new Date(date).getUTCDay() + 6) % 7;

export const isWorkday = (date: string): boolean => weekday(date) < 5;

/** Whole weeks since the first Monday of 2024. */
export const weekOf = (date: string): number => Math.floor((Date.parse(date) - Date.parse('2024-01-01')) / DAY_MS / 7);

export const mondayOf = (week: number): string => daysAfter('2024-01-01', week * 7);

/** @param minute of the day */
export function wall(date: string, minute: number): { dateTime: string; timeZone: string } {
  const two = (value: number) => String(value).padStart(2, '0');
  const clock = `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
  return { dateTime: `${date}T${clock}:00.0000000`, timeZone: officeZone };
}
