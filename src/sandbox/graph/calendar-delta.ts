import { type Answer, Refusal } from './answer.ts';
import { type Ask, allowOnly } from './ask.ts';
import { type Content, type Entry, overlaps, type Span, spanOf } from './calendar.ts';
import { applied, openCalendar, preferredSize, windowOf } from './calendar-access.ts';
import { mannerOf } from './calendar-view.ts';
import { bare, exception, type Manner, whole, within } from './event-view.ts';
import { answerRound, type Unit } from './round.ts';
import type { Route } from './route.ts';
import type { Round } from './state-tokens.ts';
import type { Tenant } from './tenant.ts';
import type { Json } from './types.ts';

/**
 * GET calendarView/delta. The window is frozen in the token; nothing can be selected, so whatever the permission shows
 * comes along; a series is told as a whole whenever anything of it changed (api/event-delta, delta-query-events, and what
 * users found out: microsoft-graph-docs#4501, #7632, keeper.sh#409).
 */
export const calendarDelta: readonly Route[] = ['calendarView', 'calendar/calendarView'].map((view) => ({
  method: 'GET',
  path: `users/{mailbox}/${view}/delta`,
  area: 'calendars',
  answer: (tenant, ask, variables) => delta(tenant, ask, variables[0]!, view),
}));

function delta(tenant: Tenant, ask: Ask, mailbox: string, view: string): Answer {
  allowOnly(ask.query, ['$deltatoken', '$skiptoken'], 'ErrorInvalidUrlQuery');
  if (ask.query.get('$deltatoken') === 'latest') {
    throw new Refusal(400, 'ErrorInvalidUrlQuery', 'The sandbox knows $deltatoken=latest of users alone.');
  }
  const calendar = openCalendar(tenant, mailbox);
  const manner = mannerOf(tenant, ask, mailbox);
  const answer = answerRound(tenant, ask, `/v1.0/users/${encodeURIComponent(mailbox)}/${view}/delta`, {
    of: `calendar of ${mailbox.toLowerCase()}`,
    now: calendar.now,
    limit: Math.min(preferredSize(ask) ?? tenant.pageSize, tenant.oddities.longestPage ?? Number.POSITIVE_INFINITY),
    context: `${tenant.origin}/v1.0/$metadata#Collection(event)`,
    begin: () => {
      const { from, to } = windowOf(ask);
      return { from: String(from), to: String(to) };
    },
    units: function* (round, from, first) {
      for (const entry of calendar.toldFrom(from)) {
        const unit = entry.changedAt > round.since ? unitOf(entry, round, first, manner(entry.changedAt)) : undefined;
        if (unit) yield unit;
      }
    },
  });
  return { ...answer, headers: { ...answer.headers, ...applied(ask) } };
}

function unitOf(entry: Entry, round: Round, first: boolean, manner: Manner): Unit | undefined {
  const window = { from: Number(round.asked.from), to: Number(round.asked.to) };
  const items = tell(entry.id, entry.content, window, manner);
  // The first round tells what is in the window; later ones also what is not, as removed, known to the client or not.
  if (first && items[0] && '@removed' in (items[0] as object)) return undefined;
  return {
    number: entry.number,
    items: () => items,
    former: () => {
      const former = entry.former ? tell(entry.id, entry.former, window, manner) : [];
      // Told twice without its master, which lies before the window, nobody could tell a series' two states apart.
      return isSeries(former) && !(hasMaster(former) && hasMaster(items)) ? [] : former;
    },
  };
}

const hasMaster = (told: readonly Json[]) => told.some((one) => (one as { type?: Json }).type === 'seriesMaster');
const isSeries = (told: readonly Json[]) => told.some((one) => (one as { seriesMasterId?: Json }).seriesMasterId);

function tell(id: string, content: Content, window: Span, manner: Manner): readonly Json[] {
  const told = content.kind === 'removed' ? [] : present(content, window, manner);
  return told.length > 0 ? told : [{ '@removed': { reason: 'deleted' }, id }];
}

function present(content: Exclude<Content, { kind: 'removed' }>, window: Span, manner: Manner): readonly Json[] {
  if (content.kind === 'single') {
    return overlaps(spanOf(content.event), window) ? [whole(content.event, manner) as Json] : [];
  }
  const { occurrences, exceptions, master } = within(content, window);
  if (occurrences.length + exceptions.length === 0) return [];
  // No order is promised. The master comes last, for those who count on it being first.
  return [
    ...occurrences.map((one) => bare(one, content, manner) as Json),
    ...exceptions.map((one) => exception(one, content, manner) as Json),
    ...(master ? [whole(content.master, manner) as Json] : []),
  ];
}
