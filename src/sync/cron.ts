import { CronExpressionParser } from 'cron-parser';

/**
 * The first slot after an instant, in the tenant's zone: a local time that a clock change skips runs at the first
 * instant after it, a doubled one runs once. `null` for an expression that never fires.
 */
export function nextSlot(expression: string, timeZone: string, after: Date): Date | null {
  try {
    return CronExpressionParser.parse(expression, { currentDate: after, tz: timeZone }).next().toDate();
  } catch {
    return null;
  }
}
