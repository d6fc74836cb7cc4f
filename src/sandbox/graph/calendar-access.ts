import { Refusal } from './answer.ts';
import type { Ask } from './ask.ts';
import type { Calendar, Span } from './calendar.ts';
import { isAllowed } from './permissions.ts';
import type { Tenant } from './tenant.ts';
import { isZone } from './zones.ts';

/** calendarView takes this many days at most (microsoft-graph-docs-contrib#6321). */
const longestView_days = 1825;

const isAmong = (tenant: Tenant, mailbox: string, names: ReadonlySet<string> | undefined): boolean =>
  tenant.mailboxes.namesOf(mailbox).some((name) => names?.has(name));

/** By RBAC for Applications, with bodies: Exchange has no ReadBasic of calendars. */
export const isGrantedInExchange = (tenant: Tenant, mailbox: string): boolean =>
  isAmong(tenant, mailbox, tenant.inExchange);

/** What Entra grants for all mailboxes and what Exchange grants for some add up: either is enough. */
export function demandCalendar(tenant: Tenant, ask: Ask, mailbox: string): void {
  if (isAllowed(ask, 'calendars') || isGrantedInExchange(tenant, mailbox)) return;
  throw new Refusal(403, 'ErrorAccessDenied', 'Access is denied. Check credentials and try again.');
}

/** The calendar of a mailbox, if it exists and no Application Access Policy keeps what Entra grants away from it. */
export function openCalendar(tenant: Tenant, mailbox: string): Calendar {
  const { scope } = tenant;
  // Who may not open it is told so whether or not it exists.
  if (scope && !isAmong(tenant, mailbox, scope) && !isGrantedInExchange(tenant, mailbox)) {
    throw new Refusal(403, 'ErrorAccessDenied', 'Access to OData is disabled.');
  }
  return tenant.mailboxes.open(mailbox);
}

/** The window as asked for. Each end is read by its own offset; the zone preferred for the answer has no say in it. */
export function windowOf(ask: Ask): Span {
  const from = instant(ask.query.get('startdatetime'));
  const to = instant(ask.query.get('enddatetime'));
  if (to < from) {
    throw new Refusal(400, 'ErrorInvalidParameter', 'The end date must be later than the start date.');
  }
  if (to - from > longestView_days * 24 * 3600_000) {
    throw new Refusal(
      400,
      'ErrorInvalidRequest',
      `Your request can't be completed. The range between the start and end dates is greater than the allowed range. Maximum number of days: ${longestView_days}`,
    );
  }
  return { from, to };
}

function instant(text: string | undefined): number {
  if (text === undefined) {
    throw new Refusal(
      400,
      'ErrorInvalidParameter',
      'This request requires a time window specified by the query string parameters StartDateTime and EndDateTime.',
    );
  }
  const well = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,7})?)?(Z|[+-]\d\d:\d\d)?)?$/i.exec(text);
  const value = well ? Date.parse(well[1] && !well[4] ? `${text}Z` : text) : Number.NaN;
  if (Number.isNaN(value)) {
    throw new Refusal(400, 'ErrorInvalidParameter', 'The value of a DateTime parameter is invalid.');
  }
  return value;
}

/** The zone of times in the answer: `Prefer: outlook.timezone`, which each request says anew, else UTC. */
export function zoneOf(ask: Ask): string {
  const zone = ask.prefer.get('outlook.timezone');
  if (zone === undefined) return 'UTC';
  if (isZone(zone)) return zone;
  throw new Refusal(
    400,
    'TimeZoneNotSupportedException',
    `A valid TimeZone value must be specified. The following TimeZone value is not supported: '${zone}'.`,
  );
}

/** `Prefer: odata.maxpagesize`, if it is a number that makes sense. */
export function preferredSize(ask: Ask): number | undefined {
  const text = ask.prefer.get('odata.maxpagesize');
  return text && /^[1-9]\d{0,5}$/.test(text) ? Math.min(Number(text), 1000) : undefined;
}

/** Which preferences were followed (RFC 7240 3). */
export function applied(ask: Ask): Record<string, string> {
  const zone = ask.prefer.get('outlook.timezone');
  const size = preferredSize(ask);
  const told = [
    ...(zone === undefined ? [] : [`outlook.timezone="${zone}"`]),
    ...(size === undefined ? [] : [`odata.maxpagesize=${size}`]),
  ];
  return told.length > 0 ? { 'preference-applied': told.join(', ') } : {};
}
