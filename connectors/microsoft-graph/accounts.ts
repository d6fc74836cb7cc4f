import { type Answer, refused } from './answer.ts';
import { batch, MOST_AT_ONCE } from './batch.ts';
import type { Session } from './session.ts';

/**
 * Who signs in with a mailbox: `somebody` if an account that has the address is told to be enabled; `nobody` if all are told
 * to be disabled, as those of shared mailboxes, equipment and rooms are; `unknown` if no account has it, or Graph does not say.
 */
export type Owner = 'somebody' | 'nobody' | 'unknown';

const notTold = refused('whose mailboxes are people’s', 'User.Read.All');

/**
 * Exchange opens a mailbox by any of its addresses, so an alias is looked for as well. One question each, that the
 * answer need not say whose address is whose: nothing is told but ids, and whether they are enabled.
 * @returns in the order of the addresses
 */
export async function ownersOf(session: Session, addresses: readonly string[]): Promise<Owner[]> {
  const batches: Promise<Owner[]>[] = [];
  // Side by side, as many as the session lets through: a group may hold a thousand.
  for (let from = 0; from < addresses.length; from += MOST_AT_ONCE)
    batches.push(ownersOfFew(session, addresses.slice(from, from + MOST_AT_ONCE)));
  return (await Promise.all(batches)).flat();
}

async function ownersOfFew(session: Session, addresses: readonly string[]): Promise<Owner[]> {
  const owners: Owner[] = [];
  for (const answer of await batch(session, addresses.map(accountsOf))) owners.push(await ownerIn(session, answer));
  return owners;
}

/**
 * `eq` needs no advanced query on any of the three (concepts/aad-advanced-queries.md). `SMTP:` marks the primary address,
 * `smtp:` all others; whether Graph tells them apart is written nowhere, so both are asked for.
 */
function accountsOf(address: string): string {
  const quoted = address.replaceAll("'", "''");
  const clauses = [
    `mail eq '${quoted}'`,
    `userPrincipalName eq '${quoted}'`,
    `proxyAddresses/any(p:p eq 'smtp:${quoted}')`,
    `proxyAddresses/any(p:p eq 'SMTP:${quoted}')`,
  ];
  return `/users?$filter=${encodeURIComponent(clauses.join(' or '))}&$select=id,accountEnabled`;
}

async function ownerIn(session: Session, answer: Answer): Promise<Owner> {
  // An address that Graph cannot look for costs its own calendar, not all of them; that we may not ask concerns them all.
  if (answer.status === 400 || answer.status === 404) return 'unknown';
  if (answer.status !== 200) throw notTold(answer);
  const first = session.pageOf(answer);
  const accounts = [...first.entries];
  if (first.next !== undefined)
    for await (const { entries } of session.pages(first.next, notTold)) accounts.push(...entries);
  if (accounts.some(({ accountEnabled }) => accountEnabled === true)) return 'somebody';
  // What is not told is taken neither for disabled, which would open a person's, nor for enabled, which takes away.
  const areDisabled = accounts.length > 0 && accounts.every(({ accountEnabled }) => accountEnabled === false);
  return areDisabled ? 'nobody' : 'unknown';
}
