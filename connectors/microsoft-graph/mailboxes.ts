import { NeedsAttention, type Refusal } from '../../src/contract/index.ts';
import { ownersOf } from './accounts.ts';
import { refused } from './answer.ts';
import type { Session } from './session.ts';
import { GUID } from './settings.ts';
import { bookablePlaces } from './spaces.ts';

/** A mailbox that the setting `mailboxes` names. */
export interface Mailbox {
  /** In lower case; also the name of its partition. */
  readonly address: string;
  /** Which entry of the setting `mailboxes` names it, from 1: a sentence can say this, an address it cannot. */
  readonly entry: number;
  /** The place it belongs to, by id; of a mailbox that is no place, its address. */
  readonly space: string;
}

/** What the entries of `mailboxes` stand for, by address, looked up once in a run. Not each of them may be opened. */
export function namedMailboxes(session: Session): Promise<ReadonlyMap<string, Mailbox>> {
  return session.once('mailboxes', async () => {
    const named = new Map<string, Mailbox>();
    for (const [at, written] of session.settings.mailboxes.entries())
      for (const address of await addressesOf(session, written.trim().toLowerCase(), at + 1)) {
        if (named.has(address)) continue;
        const place = (await bookablePlaces(session)).get(address);
        named.set(address, { address, entry: at + 1, space: place?.id ?? address });
      }
    return named;
  });
}

/** Those of them whose calendar may be opened as a room's. Nobody else's is. */
export async function allowedMailboxes(session: Session): Promise<ReadonlyMap<string, Mailbox>> {
  const refusals = await refusedMailboxes(session);
  return new Map([...(await namedMailboxes(session))].filter(([address]) => !refusals.has(address)));
}

/**
 * Those of them that are opened by nobody's order, by address: people's, and those of which nobody can tell whose they are.
 * A place is a room, whatever its account; without a place, only an account with which nobody can sign in is taken for one.
 */
export function refusedMailboxes(session: Session): Promise<ReadonlyMap<string, Refusal>> {
  return session.once('refused-mailboxes', async () => {
    const named = [...(await namedMailboxes(session)).values()];
    if (named.length === 0) return new Map();
    const places = await bookablePlaces(session);
    const others = named.filter(({ address }) => !places.has(address));
    const owners = await ownersOf(
      session,
      others.map(({ address }) => address),
    );
    return new Map(
      others.flatMap(({ address, entry }, at) =>
        owners[at] === 'nobody' ? [] : [[address, refusalOf(entry, owners[at]!)] as const],
      ),
    );
  });
}

/** By its entry alone: an address would be a person's, and sentences are kept and sent by mail. */
function refusalOf(entry: number, owner: 'somebody' | 'unknown'): Refusal {
  if (owner === 'somebody')
    return {
      why: `Entry ${entry} of the setting mailboxes stands for a mailbox with which somebody signs in: it was not opened. Take it out of there; a room whose account is enabled, name by its primary address. When people are busy is asked only of users who opted in.`,
      // Of what was read for a place the hub keeps what it has: a gap in the list of places is silence, too.
      forget: true,
    };
  return {
    why: `An address in entry ${entry} of the setting mailboxes belongs to no account of which Entra says whether somebody signs in with it, so nobody can tell that it is not a person’s: it was not opened; correct or remove it.`,
    // Silence takes nothing away.
    forget: false,
  };
}

/** @throws NeedsAttention this partition is not one of the named mailboxes (any more), or one that is refused */
export async function mailboxOf(session: Session, partition: string): Promise<Mailbox> {
  const refusal = (await refusedMailboxes(session)).get(partition);
  if (refusal) throw new NeedsAttention(refusal.why);
  const mailbox = (await namedMailboxes(session)).get(partition);
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

/** A distribution list and a contact have an address, and no calendar of this organisation. */
const WITHOUT_CALENDAR = new Set<unknown>(['#microsoft.graph.group', '#microsoft.graph.orgContact']);

async function addressesIn(session: Session, target: string, field: string, notTold: ReturnType<typeof refused>) {
  const addresses = new Set<string>();
  let entries = 0;
  for await (const page of session.pages(target, notTold))
    for (const told of page.entries) {
      if (WITHOUT_CALENDAR.has(told['@odata.type'])) continue;
      entries++;
      const address = told[field];
      if (typeof address === 'string' && address !== '') addresses.add(address.toLowerCase());
    }
  return { addresses, entries };
}
