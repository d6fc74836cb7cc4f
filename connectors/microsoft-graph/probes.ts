import type { CheckFinding } from '../../src/contract/index.ts';
import { allowedMailboxes, type Mailbox, namedMailboxes, refusedMailboxes } from './mailboxes.ts';
import { calendarsNeed, isMet, placesNeed, usersNeed } from './permissions.ts';
import type { Session } from './session.ts';
import { changesRefused } from './users.ts';

/** People tried at most until one has a mailbox. */
const OUTSIDERS = 5;
const page = 'in the README of microsoft-graph';

/**
 * What check tries instead of taking a token's word for it: that people and one calendar can be read, and that a calendar
 * which nobody meant cannot.
 * @param granted the permissions that the token shows, if it shows any
 */
export async function* probes(session: Session, granted: readonly string[] | undefined): AsyncGenerator<CheckFinding> {
  const users = await session.get('/v1.0/users?$select=id&$top=1');
  if (users.status === 200) {
    session.pageOf(users);
    // Of nobody: it gives nothing but a link.
    const changes = await session.get('/v1.0/users/delta?$select=id&$deltatoken=latest');
    if (changes.status !== 200) throw changesRefused(changes);
    yield {
      step: 'records',
      outcome: 'ok',
      sentence: 'Microsoft Graph answers, and the directory’s users can be read.',
    };
  } else if (users.status !== 403 || !granted || isMet(granted, usersNeed)) yield notRead(`the users`, users.status);
  if (session.settings.mailboxes.length === 0) {
    yield {
      step: 'records',
      outcome: 'note',
      sentence:
        'The setting mailboxes is empty: no room’s calendar is read until it names rooms, a room list or a group.',
    };
    return;
  }
  // Without it the entries cannot be looked up; that it is missing is said already.
  if (granted && !isMet(granted, placesNeed)) return;
  const allowed = await allowedMailboxes(session);
  yield* refusals(session);
  yield* insideProbe(session, [...allowed.values()]);
  yield* outsideProbe(session, await namedMailboxes(session), granted);
}

/** Said before a run says it; a group that holds many of them is said once. */
async function* refusals(session: Session): AsyncGenerator<CheckFinding> {
  const told = new Set([...(await refusedMailboxes(session)).values()].map(({ why }) => why));
  for (const sentence of told) yield { step: 'records', outcome: 'failed', sentence };
}

const notRead = (what: string, status: number): CheckFinding => ({
  step: 'records',
  outcome: 'too-little',
  sentence: `Microsoft Graph refuses to tell ${what} (${status}): see "When it fails" ${page}.`,
});

/** A day long past, of which nothing but ids is asked: whether it answers is all that is wanted. */
const calendarOf = (mailbox: string) =>
  `/v1.0/users/${encodeURIComponent(mailbox)}/calendarView?startDateTime=2000-01-01T00:00:00Z&endDateTime=2000-01-02T00:00:00Z&$top=1&$select=id`;

async function* insideProbe(session: Session, mailboxes: readonly Mailbox[]): AsyncGenerator<CheckFinding> {
  const [first] = mailboxes;
  if (!first) {
    yield {
      step: 'records',
      outcome: 'note',
      sentence: 'The entries of the setting mailboxes hold no mailbox that may be opened yet.',
    };
    return;
  }
  const { status } = await session.get(calendarOf(first.address));
  const which = `the calendar of entry ${first.entry} of the setting mailboxes`;
  if (status === 200)
    yield {
      step: 'records',
      outcome: 'ok',
      sentence: `${mailboxes.length === 1 ? 'One mailbox is' : `${mailboxes.length} mailboxes are`} meant, and ${which} can be read.`,
    };
  else yield notRead(which, status);
}

/** Permissions of Entra and scopes of Exchange add up, so only a mailbox that must not answer shows whether it does. */
async function* outsideProbe(
  session: Session,
  named: ReadonlyMap<string, Mailbox>,
  granted: readonly string[] | undefined,
): AsyncGenerator<CheckFinding> {
  if (session.settings.people_calendars === 'free-busy-and-rooms') {
    yield {
      step: 'permission',
      outcome: 'note',
      sentence:
        'The setting people_calendars is free-busy-and-rooms, for which people’s calendars must answer: whether more answer than should is not tried.',
    };
    return;
  }
  for (const outsider of await outsiders(session, named)) {
    const { status } = await session.get(calendarOf(outsider));
    if (status === 404) continue;
    if (status === 403)
      yield {
        step: 'permission',
        outcome: 'ok',
        sentence: 'A mailbox outside the setting mailboxes was tried and refuses, as it should.',
      };
    else if (status === 200)
      yield {
        step: 'permission',
        outcome: 'too-much',
        sentence: `The application is over-scoped: a mailbox outside the setting mailboxes answers too. ${remedy(granted)} "Only these mailboxes" ${page} has the commands; a change takes an hour or more.`,
      };
    return;
  }
  yield {
    step: 'permission',
    outcome: 'note',
    sentence:
      'No mailbox outside the setting mailboxes was found to try, so whether others can be opened is not known.',
  };
}

function remedy(granted: readonly string[] | undefined): string {
  const wide = [...calendarsNeed.least, ...calendarsNeed.more].filter((role) => granted?.includes(role));
  return wide.length > 0
    ? `Grant calendars in Exchange for the rooms alone, then remove ${wide.join(' and ')} in Entra:`
    : 'Narrow the scope that Exchange has for it:';
}

async function outsiders(session: Session, named: ReadonlyMap<string, Mailbox>): Promise<string[]> {
  const answer = await session.get(`/v1.0/users?$select=id,mail&$top=${Math.min(999, OUTSIDERS + named.size)}`);
  if (answer.status !== 200) return [];
  const found = session.pageOf(answer).entries.flatMap(({ id, mail }) => {
    const inside = typeof mail !== 'string' || mail === '' || named.has(mail.toLowerCase());
    return inside || typeof id !== 'string' ? [] : [id];
  });
  return found.slice(0, OUTSIDERS);
}
