import { CronExpressionParser } from 'cron-parser';

const MONTHS = 'JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC';
const DAYS = 'SUN|MON|TUE|WED|THU|FRI|SAT';
/** `*`, a number or name, a range, each with an optional step. Without `L`, `#`, `W`, `H`: schedulers disagree on them. */
const ITEM = new RegExp(
  `^(?:\\*|(?:\\d{1,2}|${MONTHS}|${DAYS})(?:-(?:\\d{1,2}|${MONTHS}|${DAYS}))?)(?:/\\d{1,2})?$`,
  'i',
);

/** What is wrong with a cron expression, as the end of a sentence; `undefined` if it fires at some time. */
export function wrongCron(expression: string): string | undefined {
  const parts = expression.trim().split(/\s+/);
  if (expression.length > 256) return 'is too long; five fields are enough';
  if (expression.trim().startsWith('@'))
    return 'must be written as five fields, for example "0 3 * * *" for every day at three';
  if (parts.length === 6)
    return 'has six fields; seconds are not possible, so drop the first field (once a minute is the most)';
  if (parts.length !== 5)
    return 'must have five fields: minute, hour, day of month, month, day of week; for example "*/15 * * * *"';
  const odd = parts.findIndex((part) => !part.split(',').every((item) => ITEM.test(item)));
  if (odd >= 0)
    return `is wrong in its ${FIELDS[odd]}; use numbers, *, ranges like 1-5, lists like 1,3 and steps like */15`;
  try {
    CronExpressionParser.parse(parts.join(' '), { tz: 'UTC' }).next();
    return undefined;
  } catch {
    // Which kind it is follows from the fields, not from the library's words: only a day of month can never come.
    return possibleWithAnyDay(parts)
      ? 'never fires: no month it names has such a day; correct the day or the month'
      : 'has a number out of range (minute 0-59, hour 0-23, day 1-31, month 1-12, day of week 0-7), a range from high to low, or a step of 0';
  }
}

const FIELDS = ['minute', 'hour', 'day of month', 'month', 'day of week'];

function possibleWithAnyDay(parts: readonly string[]): boolean {
  const fires = (fields: readonly string[]) => {
    try {
      CronExpressionParser.parse(fields.join(' '), { tz: 'UTC' }).next();
      return true;
    } catch {
      return false;
    }
  };
  const [minute, hour, day, month, weekday] = parts as [string, string, string, string, string];
  return fires([minute, hour, '1', month, weekday]) && fires([minute, hour, day, '1', weekday]);
}
