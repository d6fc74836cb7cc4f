import { complete, type Item, type ReadContext, records, skip, TryLater, whole } from '../../src/contract/index.ts';
import { eventRecord, lookAt, lookedAt, type Told } from './event.ts';
import { boundsOf, calendarOf, refusedCalendar, windowAt } from './events.ts';
import { type Mailbox, mailboxOf } from './mailboxes.ts';
import { type Session, sessionOf } from './session.ts';
import { type settings as shape, windowOf } from './settings.ts';

/** The most that calendarView tells at once: nearly every room's quarter of a year. */
const PAGE_SIZE = 1_000;
const PREFER = { Prefer: 'outlook.timezone="UTC"' };
const READ_TIMES = 4;

/**
 * Everything in today's window, each time. It costs the whole calendar where the delta costs what changed; but of an
 * event nothing crosses the line that is not looked at. There is no state, so a mailbox's runs know nothing of each other.
 */
export async function* readWindow(context: ReadContext<typeof shape>): AsyncGenerator<Item> {
  const session = sessionOf(context);
  const mailbox = await mailboxOf(session, context.partition);
  const within = windowAt(context.now, windowOf(context.settings));
  const target = `${calendarOf(mailbox)}/calendarView?${boundsOf(within)}&$select=${lookedAt}&$top=${PAGE_SIZE}`;
  const view = await settledView(session, target, mailbox);
  for (let count = 0; count < view.unreadable; count++) yield skip();
  // A series that lost some of its dates has changed; it is no removal that a person has to look at.
  for (const [series, members] of Map.groupBy(view.events.values(), ({ seriesMasterId }) => seriesMasterId)) {
    const readable = [];
    for (const told of members) {
      const one = await eventRecord(told, mailbox.space, context.fields);
      if (one) readable.push(one);
      else yield skip(told.id);
    }
    yield series === undefined ? records(readable) : whole(series, readable);
  }
  yield complete({ within });
}

interface View {
  readonly pages: number;
  readonly events: ReadonlyMap<string, Told>;
  /** Events without an id. */
  readonly unreadable: number;
}

/**
 * Pages go by `$skip`: an event deleted between two of them moves the rest up, and one is told on neither. What is not
 * told would be taken away, so a view of several pages counts only if it says the same twice in a row.
 */
async function settledView(session: Session, target: string, mailbox: Mailbox): Promise<View> {
  let before: View | undefined;
  for (let time = 0; time < READ_TIMES; time++) {
    const view = await oneView(session, target, mailbox);
    if (view.pages === 1 || (before && sameIds(before, view))) return view;
    before = view;
  }
  throw new TryLater('A calendar of more than one page changed each time it was read; the next run reads it again.');
}

async function oneView(session: Session, target: string, mailbox: Mailbox): Promise<View> {
  const events = new Map<string, Told>();
  let [pages, unreadable] = [0, 0];
  for await (const { entries } of session.pages(target, (answer) => refusedCalendar(answer, mailbox, false), PREFER)) {
    pages++;
    for (const entry of entries) {
      const told = lookAt(entry);
      if (told) events.set(told.id, told);
      else unreadable++;
    }
  }
  return { pages, events, unreadable };
}

const sameIds = (one: View, other: View): boolean =>
  one.events.size === other.events.size && [...one.events.keys()].every((id) => other.events.has(id));
