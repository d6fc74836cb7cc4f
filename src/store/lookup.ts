import type { PersonSought } from '../contract/connector.ts';
import type { Kept } from '../gate/gate.ts';
import { applyUsers } from './apply-users.ts';
import { inTenant, type TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { seenAgain } from './removals.ts';
import { lockRules, type RulesInMemory, rulesChanged } from './rules.ts';
import { sql } from './sql.ts';

/**
 * The values by which a connection may look for these users now. Only values leave the store that the gate would
 * match by; they go to the tenant's own directory.
 */
export async function peopleSought(
  context: TenantContext,
  users: readonly string[],
  directory: string,
  elsewhere: string | undefined,
): Promise<PersonSought[]> {
  return inTenant(context, async (tx) => [...(await openPeople(tx, context, users, directory, elsewhere)).values()]);
}

/** By user: what a connection may ask for them by. */
export async function openPeople(
  tx: Tx,
  { tenantId, keys }: TenantContext,
  users: readonly string[],
  directory: string,
  elsewhere?: string,
): Promise<ReadonlyMap<string, PersonSought>> {
  const sought = new Map<string, { email?: string; directoryId?: string; elsewhereId?: string }>();
  if (users.length === 0) return sought;
  const rows = await tx.rows<{ user_id: string; kind: string; value: Buffer; wrapped: Buffer }>(sql`
    SELECT m.user_id, m.kind, m.value,
           (SELECT k.wrapped FROM sluice.user_key k WHERE k.tenant_id = m.tenant_id AND k.user_id = m.user_id) AS wrapped
      FROM sluice.match_value m
     WHERE m.tenant_id = ${tenantId} AND m.user_id = ANY(${users}::uuid[]) AND m.kind IN ('email', 'directory-id')`);
  for (const { user_id, kind, value, wrapped } of rows) {
    const person = sought.get(user_id) ?? {};
    sought.set(user_id, person);
    const opened = keys.userKey(user_id, wrapped).open('match_value', kind, user_id, value);
    if (kind === 'email') person.email = opened;
    else if (opened.startsWith(`${directory}:`)) person.directoryId = opened.slice(directory.length + 1);
    else if (elsewhere !== undefined && opened.startsWith(`${elsewhere}:`))
      person.elsewhereId = opened.slice(elsewhere.length + 1);
  }
  return sought;
}

/** Commits like a page, takes no lease, moves no state, removes nothing, and always writes `read_at`. */
export async function applyLookup(
  context: TenantContext,
  connection: string,
  rules: RulesInMemory,
  readAt: Date,
  judge: (rules: RulesInMemory) => readonly Kept[],
): Promise<number> {
  const { tenantId } = context;
  return inTenant(context, async (tx) => {
    const version = await lockRules(tx, tenantId, 'alone');
    await rules.load(tx, version);
    const kept = judge(rules);
    const applied = await applyUsers(tx, context, connection, readAt, kept, true);
    // Found just now: whoever waits for removal here does so no longer.
    await seenAgain(
      tx,
      context,
      connection,
      'users',
      kept.flatMap(({ person }) => person?.user ?? []),
    );
    if (applied.identityChanged) await rulesChanged(tx, tenantId);
    return kept.length;
  });
}
