import { type Answer, refused } from './answer.ts';
import { batch } from './batch.ts';
import type { Session } from './session.ts';

/**
 * Who signs in with a mailbox: `nobody` if all accounts that have the address are disabled, as those of shared mailboxes,
 * equipment and rooms are; `unknown` if no account has it.
 */
export type Owner = 'somebody' | 'nobody' | 'unknown';

const notTold = refused('whose mailboxes are people’s', 'User.Read.All');

/**
 * Exchange opens a mailbox by any of its addresses, so an alias is looked for as well. One question each, that the
 * answer need not say whose address is whose: nothing is told but ids, and whether they are enabled.
 * @returns in the order of the addresses
 */
export async function ownersOf(session: Session, addresses: readonly string[]): Promise<Owner[]> {
  const answers = await batch(session, addresses.map(accountsOf));
  const owners: Owner[] = [];
  for (const answer of answers) owners.push(await ownerIn(session, answer));
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
  if (answer.status !== 200) throw notTold(answer);
  const first = session.pageOf(answer);
  const accounts = [...first.entries];
  if (first.next !== undefined)
    for await (const { entries } of session.pages(first.next, notTold)) accounts.push(...entries);
  if (accounts.length === 0) return 'unknown';
  // What is not told is not taken for disabled.
  return accounts.every(({ accountEnabled }) => accountEnabled === false) ? 'nobody' : 'somebody';
}
