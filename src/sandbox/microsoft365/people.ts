import { derivedUuid } from '../derived.ts';
import type { DirectoryEntry } from '../employee.ts';
import type { GraphUser } from '../graph/index.ts';
import { ladders, mailDomain } from '../people.ts';
import type { Room } from './places.ts';

/** A job title in Entra holds no more characters; what is longer does not get through a synchronisation. */
const LONGEST_TITLE = 128;

/**
 * The people of the directory as a synchronisation (Entra Connect) has put them into Entra ID: whoever is employed or
 * under contract there, each address once. What is no person stays behind, and so does an old account with the address
 * of another: Entra takes no address twice.
 */
export function usersOf(entries: Iterable<DirectoryEntry>): GraphUser[] {
  const taken = new Set<string>();
  const users: GraphUser[] = [];
  for (const entry of entries) {
    const kind = text(entry, 'employeeType');
    if (kind !== 'employee' && kind !== 'contractor') continue;
    const address = text(entry, 'mail')?.toLowerCase();
    if (address !== undefined && taken.has(address)) continue;
    if (address !== undefined) taken.add(address);
    users.push(userOf(entry));
  }
  return users;
}

function userOf(entry: DirectoryEntry): GraphUser {
  const phone = text(entry, 'telephoneNumber');
  const mobile = text(entry, 'mobile');
  return {
    id: derivedUuid('user', entry.uuid),
    onPremisesImmutableId: immutableId(entry.uuid),
    onPremisesSyncEnabled: true,
    userPrincipalName: `${text(entry, 'uid')}@${mailDomain}`,
    mail: text(entry, 'mail') ?? null,
    displayName: text(entry, 'displayName'),
    givenName: text(entry, 'givenName'),
    surname: text(entry, 'sn'),
    department: text(entry, 'departmentNumber'),
    jobTitle: titleOf(entry),
    businessPhones: phone ? [phone] : [],
    ...(mobile ? { mobilePhone: mobile } : {}),
    employeeId: text(entry, 'employeeNumber'),
    preferredLanguage: text(entry, 'preferredLanguage'),
    accountEnabled: entry.attributes.pwdAccountLockedTime === undefined,
    userType: 'Member',
  };
}

/** Of every other person Microsoft 365 has not heard of a promotion yet: whose word counts is for `sources` to say. */
function titleOf(entry: DirectoryEntry): string | undefined {
  const title = text(entry, 'title');
  const first = ladders[text(entry, 'departmentNumber') ?? '']?.[0];
  const behind = Number.parseInt(entry.uuid.slice(0, 2), 16) % 2 === 0;
  return behind && first ? first : title?.slice(0, LONGEST_TITLE);
}

/** Base64 of the UUID as Windows stores an objectGUID: its first three groups with the least byte first. */
function immutableId(uuid: string): string {
  const bytes = Buffer.from(uuid.replaceAll('-', ''), 'hex');
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes.toString('base64');
}

/** Exchange keeps a disabled account for each room. */
export const accountOf = ({ address, name }: Room): GraphUser => ({
  id: derivedUuid('user', address),
  userPrincipalName: address,
  mail: address,
  displayName: name,
  accountEnabled: false,
  userType: 'Member',
});

function text({ attributes }: DirectoryEntry, name: string): string | undefined {
  const [first] = attributes[name] ?? [];
  return first === undefined ? undefined : String(first);
}
