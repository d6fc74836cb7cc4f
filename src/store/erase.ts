import type { RemovalReason } from '../model/model.ts';
import type { TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { forgetOrganizers, setEventVersions } from './events.ts';
import { announce, type FeedEntry } from './feed.ts';
import { releaseLockersOf, setLockerVersions } from './lockers.ts';
import { sql } from './sql.ts';
import { deleteCalendars } from './user-events.ts';

/**
 * Takes users away for good, key first: from then on every copy of their values anywhere is unreadable.
 * @returns how many there were
 */
export async function eraseUsers(
  tx: Tx,
  context: TenantContext,
  ids: readonly string[],
  reason: RemovalReason,
): Promise<number> {
  const { tenantId } = context;
  const there = await tx.rows<{ id: string }>(sql`
    SELECT id FROM sluice.users WHERE tenant_id = ${tenantId} AND id = ANY(${ids}::uuid[]) ORDER BY id FOR UPDATE`);
  const users = there.map(({ id }) => id);
  if (users.length === 0) return 0;
  await tx.run(sql`DELETE FROM sluice.user_key WHERE tenant_id = ${tenantId} AND user_id = ANY(${users}::uuid[])`);
  // An assigned locker stays occupied: somebody's things are in it.
  const lockers = await releaseLockersOf(tx, context, users);
  const events = await forgetOrganizers(tx, context, users);
  const calendars = await deleteCalendars(tx, context, { users, connection: null }, reason);
  await tx.run(sql`DELETE FROM sluice.held WHERE tenant_id = ${tenantId} AND row_id = ANY(${users}::uuid[])`);
  await tx.run(
    sql`DELETE FROM sluice.idempotency WHERE tenant_id = ${tenantId} AND subject_id = ANY(${users}::uuid[])`,
  );
  // Contributions, bindings, match values and opt-ins go with the row.
  await tx.run(sql`DELETE FROM sluice.users WHERE tenant_id = ${tenantId} AND id = ANY(${users}::uuid[])`);
  const numbers = await announce(tx, context, [
    ...users.map((id): FeedEntry => ({ kind: 'user', id, removed: reason })),
    ...lockers.map((id): FeedEntry => ({ kind: 'locker', id })),
    ...events.map((id): FeedEntry => ({ kind: 'event', id })),
    ...calendars,
  ]);
  const of = { lockers: numbers.slice(users.length), events: numbers.slice(users.length + lockers.length) };
  await setLockerVersions(tx, context, lockers, of.lockers.slice(0, lockers.length));
  await setEventVersions(tx, context, events, of.events.slice(0, events.length));
  return users.length;
}
