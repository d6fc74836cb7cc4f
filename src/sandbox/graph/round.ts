import { type Answer, ok } from './answer.ts';
import { type Ask, withOptions } from './ask.ts';
import type { Round } from './state-tokens.ts';
import type { Tenant } from './tenant.ts';
import type { Json } from './types.ts';

/** What a page does not cut through: a user, an event, a whole series. */
export interface Unit {
  /** Its place in the order of telling. */
  readonly number: number;
  readonly items: () => readonly Json[];
  /** What the same would have been before its last change. */
  readonly former: () => readonly Json[];
}

export interface RoundOf {
  readonly of: string;
  /** The last change so far. */
  readonly now: number;
  readonly limit: number;
  readonly context: string;
  /** What must be kept in the tokens of a round that begins now; may refuse. */
  begin(): Readonly<Record<string, string>>;
  /**
   * Units from this number on that changed after `since`, in order.
   * @param first whether nothing was told before; a round that tells the first one again has its `since` as well
   */
  units(round: Round, from: number, first: boolean): Iterable<Unit>;
}

/** Answers one request of a delta query: the first of a round, or one that continues it. */
export function answerRound(tenant: Tenant, ask: Ask, path: string, how: RoundOf): Answer {
  // An empty token is none: the Location of a 410 says so.
  const token = ask.query.get('$skiptoken') || ask.query.get('$deltatoken');
  const latest = token === 'latest' && !ask.query.has('$skiptoken');
  const opened = token && !latest ? tenant.stateTokens.open(token, how.of, tenant.linkOrigin()) : undefined;
  const round = opened
    ? ask.query.get('$deltatoken')
      ? { ...opened, upTo: how.now }
      : opened
    : begin(how, withOptions(ask.url, { $deltatoken: undefined, $skiptoken: undefined }));
  const link = (name: '$skiptoken' | '$deltatoken', next: Round) =>
    `${tenant.linkOrigin()}${path}?${name}=${tenant.stateTokens.seal(next)}`;
  const answer = (value: readonly Json[], where: Json) =>
    ok({ '@odata.context': how.context, ...(where as object), value });
  const { emptyPages, duplicates, replays } = tenant.oddities;

  if (emptyPages && !latest && !round.blank) {
    return answer([], { '@odata.nextLink': link('$skiptoken', { ...round, blank: true }) });
  }
  const told = latest ? { items: [], last: undefined } : takePage(round, how, duplicates ?? false, replays ?? false);
  if (told.last !== undefined) {
    const next = { ...round, after: told.last, blank: false };
    return answer(told.items, { '@odata.nextLink': link('$skiptoken', next) });
  }
  const next = { ...round, since: round.upTo, prior: round.since, after: 0, blank: false };
  return answer(told.items, { '@odata.deltaLink': link('$deltatoken', next) });
}

function begin(how: RoundOf, restart: string): Round {
  return { of: how.of, restart, asked: how.begin(), since: 0, prior: 0, upTo: how.now, after: 0, blank: false };
}

/** `last`: the last unit told, if others follow. */
function takePage(round: Round, how: RoundOf, duplicates: boolean, replays: boolean) {
  const items: Json[] = [];
  let last: number | undefined;
  const seen = replays ? { ...round, since: round.prior } : round;
  // With duplicates, what ended the page before begins this one.
  for (const unit of how.units(seen, duplicates ? round.after : round.after + 1, round.since === 0)) {
    const again = unit.number <= round.after;
    // A page holds at least one unit, and never a part of one, however long.
    if (!again && last !== undefined && items.length >= how.limit) return { items, last };
    if (duplicates && !again) items.push(...unit.former());
    items.push(...unit.items());
    if (!again) last = unit.number;
  }
  return { items, last: undefined };
}
