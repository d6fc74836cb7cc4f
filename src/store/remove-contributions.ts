import type { TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import type { FeedEntry } from './feed.ts';
import { releaseLockersOf, setLockerVersions } from './lockers.ts';
import { loadPeople, savePeople } from './people.ts';
import { sql } from './sql.ts';
import { deleteCalendars } from './user-events.ts';

/**
 * The directory no longer knows these users. Whoever no directory vouches for any more has left: attributes, match
 * values and opt-ins go now, name, e-mail and binding when the grace is over. Needs the rules held alone.
 */
export async function removeContributions(
  tx: Tx,
  context: TenantContext,
  connection: string,
  users: readonly string[],
): Promise<number> {
  const { tenantId } = context;
  const people = await loadPeople(tx, context, users);
  const leavers: string[] = [];
  const stayers: string[] = [];
  let removed = 0;
  for (const person of people.values()) {
    if (!person.unsay(connection)) continue;
    removed++;
    if (person.hasDirectory) stayers.push(person.id);
    else {
      person.leaving = true;
      leavers.push(person.id);
    }
  }
  await tx.run(sql`DELETE FROM sluice.opt_in WHERE tenant_id = ${tenantId} AND user_id = ANY(${leavers}::uuid[])`);
  // A leaver's binding stays through the grace, so that the same entry brings back the same user.
  await tx.run(sql`
    DELETE FROM sluice.binding
     WHERE tenant_id = ${tenantId} AND connection_id = ${connection} AND user_id = ANY(${stayers}::uuid[])`);
  const lockers = await releaseLockersOf(tx, context, leavers);
  const calendars = await deleteCalendars(tx, context, { users: leavers, connection: null }, 'left');
  const saved = await savePeople(tx, context, people.values(), [
    ...lockers.map((id): FeedEntry => ({ kind: 'locker', id })),
    ...calendars,
  ]);
  await setLockerVersions(tx, context, lockers, saved.extraVersions.slice(0, lockers.length));
  return removed;
}

/** Those of these users whom this connection vouches for: who had left already is not removed once more, nor counted so. */
export async function vouchedFor(
  tx: Tx,
  { tenantId }: TenantContext,
  connection: string,
  users: readonly string[],
): Promise<string[]> {
  if (users.length === 0) return [];
  const rows = await tx.rows<{ user_id: string }>(sql`
    SELECT user_id FROM sluice.contribution
     WHERE tenant_id = ${tenantId} AND supplier = ${connection} AND user_id = ANY(${users}::uuid[])
     ORDER BY user_id`);
  return rows.map(({ user_id }) => user_id);
}
