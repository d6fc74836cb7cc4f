import { type Answer, ok, Refusal } from './answer.ts';
import { type Ask, allowOnly, wholeNumber, withOptions } from './ask.ts';
import { type Calendar, overlaps, type Span, spanOf } from './calendar.ts';
import { applied, isGrantedInExchange, openCalendar, preferredSize, windowOf, zoneOf } from './calendar-access.ts';
import { exception, type Manner, occurrence, whole, within } from './event-view.ts';
import { project } from './people.ts';
import { seesBodies } from './permissions.ts';
import { selected } from './properties.ts';
import type { Route } from './route.ts';
import type { Tenant } from './tenant.ts';
import type { Json } from './types.ts';

export const viewRoutes: readonly Route[] = [
  { method: 'GET', path: 'users/{mailbox}/calendarView', area: 'calendars', answer: view },
  { method: 'GET', path: 'users/{mailbox}/calendar/calendarView', area: 'calendars', answer: view },
  { method: 'GET', path: 'users/{mailbox}/events/{id}', area: 'calendars', answer: event },
];

/**
 * GET calendarView: what takes place in the window, series expanded, masters never. Pages go by `$skip`, so what comes
 * or goes between two of them shifts the rest.
 */
function view(tenant: Tenant, ask: Ask, [mailbox = '']: readonly string[]): Answer {
  allowOnly(ask.query, ['$select', '$top', '$skip', '$orderby', '$count'], 'ErrorInvalidUrlQuery');
  const order = ask.query.get('$orderby');
  if (order !== undefined && !/^start\/dateTime( asc)?$/i.test(order)) {
    throw new Refusal(400, 'ErrorInvalidUrlQuery', 'The sandbox orders by start/dateTime alone.');
  }
  const select = selected(ask.query, 'event');
  const limit = wholeNumber(ask.query, '$top', 1, 1000) ?? preferredSize(ask) ?? tenant.pageSize;
  const skip = wholeNumber(ask.query, '$skip', 0, 999_999_999) ?? 0;
  const window = windowOf(ask);
  const found = [...expand(openCalendar(tenant, mailbox), window, mannerOf(tenant, ask, mailbox))].sort(
    (a, b) => a.from - b.from,
  );
  const next = withOptions(ask.url, { $skip: String(skip + limit) });
  return ok(
    {
      '@odata.context': `${tenant.origin}/v1.0/$metadata#users('${encodeURIComponent(mailbox)}')/calendarView`,
      ...(skip + limit < found.length ? { '@odata.nextLink': `${tenant.linkOrigin()}${next}` } : {}),
      value: found.slice(skip, skip + limit).map(({ shown }) => chosen(shown(), select)),
    },
    applied(ask),
  );
}

/** GET one event by its id: a single event, a master, an occurrence or an exception. */
function event(tenant: Tenant, ask: Ask, [mailbox = '', id = '']: readonly string[]): Answer {
  allowOnly(ask.query, ['$select'], 'ErrorInvalidUrlQuery');
  const select = selected(ask.query, 'event');
  const shown = find(openCalendar(tenant, mailbox), id, mannerOf(tenant, ask, mailbox));
  if (!shown || (tenant.oddities.privateNotById && shown.sensitivity === 'private')) {
    throw new Refusal(404, 'ErrorItemNotFound', 'The specified object was not found in the store.');
  }
  const context = `${tenant.origin}/v1.0/$metadata#users('${encodeURIComponent(mailbox)}')/events/$entity`;
  return ok({ '@odata.context': context, ...(chosen(shown, select) as object) }, applied(ask));
}

type Shown = ReturnType<typeof whole>;
/** How this request wants events written, but for their etags. Refuses a zone that is not known, events or none. */
export function mannerOf(tenant: Tenant, ask: Ask, mailbox: string): (changedAt: number) => Manner {
  const zone = zoneOf(ask);
  const bodies = seesBodies(ask) || isGrantedInExchange(tenant, mailbox);
  return (changedAt) => ({ zone, bodies, etag: `W/"${changedAt}"` });
}

function* expand(calendar: Calendar, window: Span, manner: (changedAt: number) => Manner) {
  for (const { content, changedAt } of calendar.entries()) {
    const how = manner(changedAt);
    if (content.kind === 'single') {
      const span = spanOf(content.event);
      if (overlaps(span, window)) yield { from: span.from, shown: (): Shown => whole(content.event, how) };
    } else if (content.kind === 'series') {
      const { occurrences, exceptions } = within(content, window);
      for (const one of occurrences) {
        yield { from: spanOf(one).from, shown: (): Shown => occurrence(one, content, how) };
      }
      for (const one of exceptions) yield { from: spanOf(one).from, shown: (): Shown => exception(one, content, how) };
    }
  }
}

function find(calendar: Calendar, id: string, manner: (changedAt: number) => Manner): Shown | undefined {
  for (const { id: own, content, changedAt } of calendar.entries()) {
    const how = manner(changedAt);
    if (content.kind === 'removed') continue;
    if (own === id) return whole(content.kind === 'single' ? content.event : content.master, how);
    if (content.kind !== 'series') continue;
    const [one, other] = [content.occurrences.get(id), content.exceptions.get(id)];
    if (one) return occurrence(one, content, how);
    if (other) return exception(other, content, how);
  }
  return undefined;
}

function chosen(shown: Shown, select: readonly string[] | undefined): Json {
  // The etag comes with every entity, selected or not.
  return project(shown, select && ['@odata.etag', ...select]) as Json;
}
