import {
  type CheckContext,
  complete,
  gone,
  type Item,
  NeedsAttention,
  type Partition,
  type ReadContext,
  records,
  type SourceRecord,
  StartOver,
  type State,
  skip,
  TryLater,
  type Window,
  whole,
} from '../../src/contract/index.ts';
import { type Answer, codeOf, isRecord, isTokenLost, tokenLost } from './answer.ts';
import { batch, MOST_AT_ONCE } from './batch.ts';
import { eventRecord, inherit, isBare, lookAt, lookedAt, type Told } from './event.ts';
import { isOurs } from './links.ts';
import { type Mailbox, mailboxOf, namedMailboxes, refusedMailboxes } from './mailboxes.ts';
import { Round, type ToldSeries } from './round.ts';
import { type Page, type Session, sessionOf } from './session.ts';
import { type GraphSettings, type settings as shape, windowOf } from './settings.ts';
import { askTogether } from './together.ts';

const DAY_MS = 86_400_000;
/** Events of a page: a room's quarter of a year in one or two. */
const PAGE_SIZE = 200;
/** Requests that Outlook works on at a time for one mailbox; more are answered 429 MailboxConcurrency. */
const OF_ONE_MAILBOX = 4;
/** Events that a batch tells of one calendar, so that twenty of them are no more than five pages; others go on by themselves. */
const FIRST_FEW = 50;
/** Said anew with every request, or Graph falls back to its own. */
const preferring = (size: number) => ({ Prefer: `odata.maxpagesize=${size}, outlook.timezone="UTC"` });
const [PREFER, PREFER_FEW] = [preferring(PAGE_SIZE), preferring(FIRST_FEW)];

export async function calendars(context: CheckContext<typeof shape>): Promise<readonly Partition[]> {
  const session = sessionOf(context);
  const refusals = await refusedMailboxes(session);
  return [...(await namedMailboxes(session)).values()].map(({ address, space }) => {
    const refused = refusals.get(address);
    return { name: address, about: space, ...(refused ? { refused } : {}) };
  });
}

/** From the start of a day in UTC to the end of one, so that it moves once a day and not with every reading. */
export function windowAt(now: Date, { back_days, ahead_days }: { back_days: number; ahead_days: number }): Window {
  const today = Math.floor(now.getTime() / DAY_MS);
  return { from: new Date((today - back_days) * DAY_MS), to: new Date((today + ahead_days + 1) * DAY_MS) };
}

/** One round of one calendar's delta in today's window, told when it has ended: only then are its series whole. */
export async function* readEvents(context: ReadContext<typeof shape>): AsyncGenerator<Item> {
  const session = sessionOf(context);
  const mailbox = await mailboxOf(session, context.partition);
  const within = windowAt(context.now, windowOf(context.settings));
  const kept = keptIn(context.state);
  // Taken for changes, a reading from the beginning would miss nothing that is gone.
  if (context.mode === 'incremental' && kept === undefined) throw tokenLost();
  // The window is frozen in the token.
  if (kept && (kept.from !== within.from.toISOString() || kept.to !== within.to.toISOString()))
    throw new StartOver('The window has moved on.');
  const round = new Round();
  const take = (answer: Answer): Page => {
    if (answer.status !== 200) throw refusedCalendar(answer, mailbox, kept !== undefined);
    const page = session.pageOf(answer);
    round.beginPage();
    for (const event of page.entries) round.take(event);
    if (page.delta === undefined && page.next === undefined)
      throw new TryLater('Microsoft Graph broke a round of a calendar off; the next run reads it again.');
    return page;
  };
  let leave: (() => void) | undefined;
  try {
    let page = kept && take(await askTogether(session, kept.delta, PREFER_FEW));
    // What goes on from there, or begins, may be as large as a calendar.
    if (page?.delta === undefined) leave = await session.large.enter();
    const begin = `${calendarOf(mailbox)}/calendarView/delta?${boundsOf(within)}`;
    while (page?.delta === undefined) page = take(await session.get(page?.next ?? begin, PREFER));
    yield* itemsOf(round, { session, mailbox, within, fields: context.fields });
    const state = { delta: page.delta, from: within.from.toISOString(), to: within.to.toISOString() };
    yield complete({ within, state });
  } finally {
    leave?.();
  }
}

/**
 * How many calendars may be read at a time: while one batch is under way the next one gathers. Requests are limited by
 * themselves, and so are readings of more than a few changes.
 */
export const calendarsAtOnce = ({ reading, in_flight }: GraphSettings): number =>
  reading === 'changes' ? 2 * MOST_AT_ONCE : in_flight;

interface Kept {
  readonly delta: string;
  readonly from: string;
  readonly to: string;
}

function keptIn(state: State | null): Kept | undefined {
  const { delta, from, to } = state ?? {};
  if (!isOurs(delta) || !/^\/v1\.0\/users\b/.test(delta)) return undefined;
  return typeof from === 'string' && typeof to === 'string' ? { delta, from, to } : undefined;
}

export const calendarOf = ({ address }: Mailbox) => `/v1.0/users/${encodeURIComponent(address)}`;
export const boundsOf = ({ from, to }: Window) => `startDateTime=${from.toISOString()}&endDateTime=${to.toISOString()}`;

interface Reading {
  readonly session: Session;
  readonly mailbox: Mailbox;
  readonly within: Window;
  readonly fields: readonly string[];
}

async function* itemsOf(round: Round, reading: Reading): AsyncGenerator<Item> {
  for (let count = 0; count < round.unreadable; count++) yield skip();
  for (const id of round.removed) {
    yield gone(id);
    // What is removed may have been a series: then all of it is.
    if (!round.series.has(id)) yield whole(id, []);
  }
  const singles: SourceRecord[] = [];
  for (const told of round.singles.values()) {
    const one = await eventRecord(told, reading.mailbox.space, reading.fields);
    if (one) singles.push(one);
    else yield skip(told.id);
  }
  if (singles.length > 0) yield records(singles);
  await untangle(round, reading);
  const masters = await mastersOf(round, reading);
  for (const [id, series] of round.series) yield* seriesOf(id, series, masters.get(id), reading);
}

async function* seriesOf(
  id: string,
  { members }: ToldSeries,
  master: Told | undefined,
  { mailbox, fields }: Reading,
): AsyncGenerator<Item> {
  const held: SourceRecord[] = [];
  for (const told of members.values()) {
    // Its master is gone, and so is what it would have said.
    if (!master && isBare(told)) continue;
    const one = await eventRecord(inherit(told, master), mailbox.space, fields);
    if (one) held.push(one);
    else yield skip(told.id);
  }
  yield whole(id, held);
}

/**
 * Masters by id of their series. One of a series that began before the window is not in the round: it is asked for, once,
 * if occurrences need it.
 */
async function mastersOf(round: Round, { session, mailbox }: Reading): Promise<Map<string, Told>> {
  const found = new Map<string, Told>();
  const absent: string[] = [];
  for (const [id, { master, members }] of round.series)
    if (master) found.set(id, master);
    else if ([...members.values()].some(isBare)) absent.push(id);
  const path = calendarOf(mailbox).replace('/v1.0', '');
  const targets = absent.map((id) => `${path}/events/${encodeURIComponent(id)}?$select=${lookedAt}`);
  for (const [at, answer] of (await batch(session, targets, OF_ONE_MAILBOX)).entries()) {
    if (answer.status === 404) continue;
    const told = answer.status === 200 && isRecord(answer.body) ? lookAt(answer.body) : undefined;
    if (!told) throw refusedCalendar(answer, mailbox, false);
    found.set(absent[at]!, told);
  }
  return found;
}

/** A series told twice in a round may still hold occurrences that are no more: the calendar itself says which are. */
async function untangle(round: Round, { session, mailbox, within }: Reading): Promise<void> {
  const tangled = [...round.series.values()].filter(({ repeated }) => repeated);
  if (tangled.length === 0) return;
  for (const series of tangled) series.members.clear();
  const target = `${calendarOf(mailbox)}/calendarView?${boundsOf(within)}&$select=${lookedAt}`;
  for await (const { entries } of session.pages(target, (answer) => refusedCalendar(answer, mailbox, false), PREFER))
    for (const event of entries) {
      const told = lookAt(event);
      const series = told?.seriesMasterId === undefined ? undefined : round.series.get(told.seriesMasterId);
      if (told && series?.repeated) series.members.set(told.id, told);
    }
}

/** A mailbox is named by its entry in the setting, because its address may be a person's. */
export function refusedCalendar(answer: Answer, { entry }: Mailbox, fromState: boolean): Error {
  if (isTokenLost(answer))
    return fromState
      ? tokenLost()
      : new TryLater('Microsoft Graph lost its place in a round of a calendar; the next run starts it over.');
  const which = `entry ${entry} of the setting mailboxes`;
  if (answer.status === 404)
    return new NeedsAttention(
      `There is no mailbox in Exchange Online for ${which} (404): correct or remove that address, or give the room a mailbox again.`,
    );
  if (answer.status === 403 && codeOf(answer) === 'erroraccessdenied')
    return new NeedsAttention(
      `The application may not open the mailbox of ${which} (403): add it to the scope in Exchange, or grant Calendars.ReadBasic.All in Entra, as "Only these mailboxes" in the README of microsoft-graph says, or remove the entry.`,
    );
  if (answer.status === 403)
    return new NeedsAttention(
      `Microsoft Graph may not tell us the calendar of ${which} (403): grant the application permission Calendars.ReadBasic.All, as "Permissions" in the README of microsoft-graph says.`,
    );
  return new NeedsAttention(
    `Microsoft Graph refuses to tell the calendar of ${which} (${answer.status}): run \`sluice check\`, and report this if it finds nothing.`,
  );
}
