import { NeedsAttention } from '../../src/contract/index.ts';
import { refused } from './answer.ts';
import type { Session } from './session.ts';
import { GUID } from './settings.ts';
import { bookablePlaces } from './spaces.ts';

/** Clauses of a filter joined by `or` at most; more are refused (concepts/filter-query-parameter.md). */
const CLAUSES = 15;

/** A mailbox whose calendar may be read. */
export interface Mailbox {
  /** In lower case; also the name of its partition. */
  readonly address: string;
  /** Which entry of the setting `mailboxes` names it, from 1: a sentence can say this, an address it cannot. */
  readonly entry: number;
  /** The place it belongs to, by id; of a mailbox that is no place, its address. */
  readonly space: string;
}

/** What the entries of `mailboxes` stand for, by address, looked up once in a run. Nobody else's calendar is opened. */
export function allowedMailboxes(session: Session): Promise<ReadonlyMap<string, Mailbox>> {
  return session.once('mailboxes', async () => {
    const allowed = new Map<string, Mailbox>();
    for (const [at, written] of session.settings.mailboxes.entries())
      for (const address of await addressesOf(session, written.trim().toLowerCase(), at + 1)) {
        if (allowed.has(address)) continue;
        const place = (await bookablePlaces(session)).get(address);
        allowed.set(address, { address, entry: at + 1, space: place?.id ?? address });
      }
    return allowed;
  });
}

/**
 * Addresses among them with which somebody signs in: the accounts of rooms and equipment are disabled. What people do is
 * asked with their opt-in, and not as if they were rooms.
 */
function personalMailboxes(session: Session): Promise<ReadonlySet<string>> {
  return session.once('personal-mailboxes', async () => {
    const places = await bookablePlaces(session);
    const others = [...(await allowedMailboxes(session)).keys()].filter((address) => !places.has(address));
    const personal = new Set<string>();
    for (let from = 0; from < others.length; from += CLAUSES) {
      const clauses = others.slice(from, from + CLAUSES).map((address) => `mail eq '${address.replaceAll("'", "''")}'`);
      const target = `/v1.0/users?$filter=${encodeURIComponent(clauses.join(' or '))}&$select=id,mail,accountEnabled`;
      for await (const { entries } of session.pages(target, refused('whose mailboxes are people’s', 'User.Read.All')))
        for (const { mail, accountEnabled } of entries)
          if (typeof mail === 'string' && accountEnabled === true) personal.add(mail.toLowerCase());
    }
    return personal;
  });
}

/** @throws NeedsAttention this partition is not one of the allowed mailboxes (any more), or a person's */
export async function mailboxOf(session: Session, partition: string): Promise<Mailbox> {
  const mailbox = (await allowedMailboxes(session)).get(partition);
  if (mailbox && !(await bookablePlaces(session)).has(partition) && (await personalMailboxes(session)).has(partition))
    throw new NeedsAttention(
      `Entry ${mailbox.entry} of the setting mailboxes names a mailbox with which somebody signs in: it was not opened. Remove it; when people are busy is asked only of users who opted in.`,
    );
  if (mailbox) return mailbox;
  throw new NeedsAttention(
    'A calendar was to be read that is not among the mailboxes of this connection: it was not opened; add it to the setting mailboxes if it is meant.',
  );
}

async function addressesOf(session: Session, entry: string, number: number): Promise<readonly string[]> {
  if (GUID.test(entry)) return members(session, entry, number);
  if (!/^[^\s@/]+@[^\s@/]+$/.test(entry))
    throw new NeedsAttention(
      `Entry ${number} of the setting mailboxes is neither an address nor the object ID of a group: correct it.`,
    );
  if ((await bookablePlaces(session)).has(entry)) return [entry];
  return (await roomLists(session)).has(entry) ? roomsIn(session, entry, number) : [entry];
}

const roomLists = (session: Session): Promise<ReadonlySet<string>> =>
  session.once('room-lists', async () => {
    const target = '/v1.0/places/microsoft.graph.roomlist?$select=id,emailAddress';
    return (await addressesIn(session, target, 'emailAddress', refused('the room lists', 'Place.Read.All'))).addresses;
  });

async function roomsIn(session: Session, list: string, number: number): Promise<readonly string[]> {
  const target = `/v1.0/places/${encodeURIComponent(list)}/microsoft.graph.roomlist/rooms?$select=id,emailAddress`;
  const notTold = refused(`the rooms of the room list in entry ${number} of mailboxes`, 'Place.Read.All');
  return [...(await addressesIn(session, target, 'emailAddress', notTold)).addresses];
}

/** Direct members only: the scopes of Exchange do not follow nested groups either. */
async function members(session: Session, group: string, number: number): Promise<readonly string[]> {
  const target = `/v1.0/groups/${group}/members?$select=id,mail`;
  const notTold = refused(`the members of the group in entry ${number} of mailboxes`, 'GroupMember.Read.All');
  const { addresses, entries } = await addressesIn(session, target, 'mail', notTold);
  // Graph tells members whom we may not read, too, with nothing but their ids: taken at that, the calendars would be lost.
  if (entries > 0 && addresses.size === 0)
    throw new NeedsAttention(
      `The group in entry ${number} of mailboxes has members, but none shows an address: grant the application permission User.Read.All, or put mailboxes into the group.`,
    );
  return [...addresses];
}

async function addressesIn(session: Session, target: string, field: string, notTold: ReturnType<typeof refused>) {
  const addresses = new Set<string>();
  let entries = 0;
  for await (const page of session.pages(target, notTold))
    for (const told of page.entries) {
      entries++;
      const address = told[field];
      if (typeof address === 'string' && address !== '') addresses.add(address.toLowerCase());
    }
  return { addresses, entries };
}
