import { type Answer, badRequest, ok, Refusal } from './answer.ts';
import type { Ask } from './ask.ts';
import { type Calendar, overlaps, type Span, spanOf } from './calendar.ts';
import { openCalendar, zoneOf } from './calendar-access.ts';
import { within } from './event-view.ts';
import type { Route } from './route.ts';
import type { Tenant } from './tenant.ts';
import type { DateTimeTimeZone, GraphEvent, Json } from './types.ts';
import { instantOf, midnight, wallClock } from './zones.ts';

/** Documented limits (api/calendar-getschedule); the window must be shorter than the second. */
const mostSchedules = 20;
const longest_days = 62;
const mostEntries = 1000;

export const scheduleRoutes: readonly Route[] = [
  { method: 'POST', path: 'users/{mailbox}/calendar/getSchedule', area: 'calendars', answer: getSchedule },
];

/** An address that is unknown has an error in its own entry, and the answer is 200 all the same. */
function getSchedule(tenant: Tenant, ask: Ask, [mailbox = '']: readonly string[]): Answer {
  openCalendar(tenant, mailbox);
  const zone = zoneOf(ask);
  const { schedules, window, interval_min } = read(ask.body);
  const value = schedules.map((address): Json => {
    if (!tenant.mailboxes.has(address)) {
      return failed(
        address,
        'ErrorMailRecipientNotFound',
        'Unable to resolve e-mail address to an Active Directory object.',
      );
    }
    const events = busy(tenant.mailboxes.open(address), window);
    if (events.length > mostEntries) {
      const text = `The result set contains too many calendar entries. The allowed size = ${mostEntries}; the actual size = ${events.length}.`;
      return failed(address, '5006', text);
    }
    const older = tenant.oddities.olderSchedule ?? false;
    return {
      scheduleId: address,
      availabilityView: availability(events, window, interval_min * 60_000, older),
      scheduleItems: events.map(({ event }) => item(event, zone, older)),
      workingHours: {
        daysOfWeek: ['monday', 'tuesday', 'wednesday', 'thursday', 'friday'],
        startTime: '08:00:00.0000000',
        endTime: '17:00:00.0000000',
        // A zone that has a name of its maker's alone is told with its rules.
        timeZone: older
          ? { '@odata.type': '#microsoft.graph.customTimeZone', bias: -120, name: 'Customized Time Zone' }
          : { name: 'GTB Standard Time' },
      },
    };
  });
  return ok({
    '@odata.context': `${tenant.origin}/v1.0/$metadata#Collection(microsoft.graph.scheduleInformation)`,
    value,
  });
}

interface Wanted {
  readonly schedules: readonly string[];
  readonly window: Span;
  readonly interval_min: number;
}

function read(body: unknown): Wanted {
  const asked = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  const { schedules, availabilityViewInterval: interval = 30 } = asked;
  if (!Array.isArray(schedules) || schedules.some((one) => typeof one !== 'string') || schedules.length === 0) {
    throw badRequest('schedules must be a collection of SMTP addresses.');
  }
  if (schedules.length > mostSchedules) {
    throw new Refusal(400, 'ErrorMailboxDataArrayTooBig', 'There are too many target users in the request.');
  }
  // Not a mistake of the sandbox: null is what breaks the service (microsoft-graph-docs#4494).
  if (interval === null) throw new Refusal(500, 'ErrorInternalServerError', 'An internal server error occurred.');
  if (typeof interval !== 'number' || interval < 5 || interval > 1440) {
    throw new Refusal(400, 'ErrorInvalidParameter', 'availabilityViewInterval must be between 5 and 1440.');
  }
  const window = { from: time(asked.startTime ?? asked.StartTime), to: time(asked.endTime ?? asked.EndTime) };
  if (window.to <= window.from || window.to - window.from >= longest_days * 24 * 3600_000) {
    throw new Refusal(
      400,
      'ErrorTimeIntervalTooBig',
      'The requested time duration specified for FreeBusyViewOptions.TimeWindow is too long.',
    );
  }
  return { schedules, window, interval_min: interval };
}

function time(value: unknown): number {
  const { dateTime, timeZone } = (value ?? {}) as Partial<DateTimeTimeZone>;
  try {
    return instantOf({ dateTime: String(dateTime), timeZone: String(timeZone) });
  } catch {
    throw new Refusal(400, 'ErrorInvalidParameter', 'A time must have a dateTime and a timeZone.');
  }
}

interface Busy {
  readonly event: GraphEvent;
  readonly span: Span;
}

/** What takes place in the window. Cancelled meetings stand in the calendar and take no time. */
function busy(calendar: Calendar, window: Span): Busy[] {
  const found: GraphEvent[] = [];
  for (const { content } of calendar.entries()) {
    if (content.kind === 'single') found.push(content.event);
    else if (content.kind === 'series') {
      const { occurrences, exceptions } = within(content, window);
      for (const one of [...occurrences, ...exceptions]) found.push({ ...content.master, ...one });
    }
  }
  return found
    .map((event) => ({ event, span: spanOf(event) }))
    .filter(({ event, span }) => !event.isCancelled && overlaps(span, window))
    .sort((a, b) => a.span.from - b.span.from);
}

const digits: Readonly<Record<string, string>> = {
  free: '0',
  tentative: '1',
  busy: '2',
  oof: '3',
  workingElsewhere: '4',
};
/** Of two things at a time, the one that is less free is told. */
const precedence = ['0', '4', '1', '2', '3'];

function availability(events: readonly Busy[], window: Span, step_ms: number, older: boolean): string {
  const slots = Array.from({ length: Math.ceil((window.to - window.from) / step_ms) }, () => '0');
  for (const { event, span } of events) {
    const digit = digits[event.showAs ?? 'busy'] ?? '0';
    const told = older && digit === '4' ? '0' : digit;
    const first = Math.max(0, Math.floor((span.from - window.from) / step_ms));
    for (let at = first; at < slots.length && window.from + at * step_ms < span.to; at += 1) {
      if (precedence.indexOf(told) > precedence.indexOf(slots[at]!)) slots[at] = told;
    }
  }
  return slots.join('');
}

function item(event: GraphEvent, zone: string, older: boolean): Json {
  const status = event.showAs ?? 'busy';
  const open = ['normal', 'personal', undefined].includes(event.sensitivity);
  const at = (when: DateTimeTimeZone, instant_ms: number) =>
    event.isAllDay ? midnight(when, zone) : wallClock(instant_ms, zone);
  const span = spanOf(event);
  return {
    isPrivate: event.sensitivity === 'private',
    status: older ? `${status[0]!.toUpperCase()}${status.slice(1)}` : status,
    // Subject and place are there for anybody who may ask: dropping them is the reader's business.
    ...(open ? { subject: event.subject ?? '', location: displayName(event.location) } : {}),
    isMeeting: Array.isArray(event.attendees) && event.attendees.length > 0,
    isRecurring: event.type !== 'singleInstance',
    isException: event.type === 'exception',
    isReminderSet: false,
    start: at(event.start, span.from),
    end: at(event.end, span.to),
  };
}

function displayName(location: Json | undefined): string {
  const name = (location as { displayName?: unknown } | null | undefined)?.displayName;
  return typeof name === 'string' ? name : '';
}

const failed = (scheduleId: string, responseCode: string, message: string): Json => ({
  scheduleId,
  availabilityView: '',
  error: { message, responseCode },
});
