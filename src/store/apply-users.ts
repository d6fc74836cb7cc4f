import type { Kept } from '../gate/gate.ts';
import type { UserField } from '../model/model.ts';
import type { Contribution } from '../users/derive.ts';
import { type Unsaid, withUnsaid } from '../users/unsaid.ts';
import type { TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import type { RowOutcome } from './lockers.ts';
import { contributionDigest, loadPeople, type Recognised, savePeople } from './people.ts';
import { sql } from './sql.ts';

export interface UsersApplied {
  readonly outcomes: readonly RowOutcome[];
  readonly identityChanged: boolean;
  readonly came: readonly Recognised[];
  readonly went: readonly Recognised[];
}

type KeptUser = Kept & { readonly person: NonNullable<Kept['person']> };

const contributionOf = (kept: Kept): Contribution => ({
  fields: kept.fields as Partial<Record<UserField, string | null>>,
  matches: kept.matches,
});

/**
 * Contributions of one connection. Unchanged ones are recognised by their digest and neither locked nor written;
 * `touch` (a lookup) writes `read_at` all the same, so that a pass that began before it takes nothing of it away.
 */
export async function applyUsers(
  tx: Tx,
  context: TenantContext,
  connection: string,
  readAt: Date,
  records: readonly Kept[],
  touch = false,
): Promise<UsersApplied> {
  const kept = records as readonly KeptUser[];
  const before = await contributionsNow(
    tx,
    context,
    connection,
    kept.map(({ person }) => person.user),
  );
  const isUnchanged = (one: KeptUser) => {
    const now = before.get(one.person.user);
    const same = now?.digest?.equals(contributionDigest(context, one.person.user, contributionOf(one)));
    return !touch && !one.partial && !one.person.newBinding && now?.status === 'active' && same === true;
  };
  const unchanged = new Set(kept.filter(isUnchanged));
  const changing = kept.filter((one) => !unchanged.has(one));
  const people = await loadPeople(
    tx,
    context,
    changing.map(({ person }) => person.user),
  );
  const outcomes = new Map<KeptUser, RowOutcome['outcome']>();
  for (const one of changing) {
    const person = people.get(one.person.user);
    if (!person) continue; // erased since: the rules had moved, and the page was gated again
    const said = contributionOf(one);
    const before = one.partial ? person.contributions.get(connection) : undefined;
    const written = person.say(connection, merged(said, before, one.unsaid ?? []), readAt);
    if (touch && written === 'unchanged') person.confirmReadAt(connection, readAt);
    outcomes.set(one, written === 'stale' ? 'unchanged' : written);
  }
  await bind(
    tx,
    context,
    connection,
    changing.filter(({ person }) => person.newBinding),
  );
  const saved = await savePeople(tx, context, people.values());
  return {
    outcomes: kept.map((one) => ({ row: one.person.user, outcome: outcomes.get(one) ?? 'unchanged' })),
    identityChanged: saved.identityChanged || changing.some(({ person }) => person.newBinding),
    came: saved.came,
    went: saved.went,
  };
}

/** What a partial record does not speak of stays as it was. */
function merged(said: Contribution, before: Contribution | undefined, unsaid: readonly Unsaid[]): Contribution {
  if (!before) return said;
  return { fields: { ...before.fields, ...said.fields }, matches: withUnsaid(said.matches, before.matches, unsaid) };
}

async function contributionsNow(tx: Tx, { tenantId }: TenantContext, connection: string, users: readonly string[]) {
  if (users.length === 0) return new Map<string, never>();
  // As a join this takes twenty times as long while the tables are new and the planner knows nothing of them.
  const rows = await tx.rows<{ id: string; status: 'active' | 'left'; digest: Buffer | null }>(sql`
    SELECT u.id, u.status,
           (SELECT c.digest FROM sluice.contribution c
             WHERE c.tenant_id = u.tenant_id AND c.user_id = u.id AND c.supplier = ${connection}) AS digest
      FROM sluice.users u
     WHERE u.tenant_id = ${tenantId} AND u.id = ANY(${users}::uuid[])`);
  return new Map(rows.map((row) => [row.id, row]));
}

async function bind(
  tx: Tx,
  { tenantId }: TenantContext,
  connection: string,
  fresh: readonly KeptUser[],
): Promise<void> {
  if (fresh.length === 0) return;
  await tx.run(sql`
    INSERT INTO sluice.binding (tenant_id, connection_id, key_digest, user_id)
    SELECT ${tenantId}, ${connection}, key_digest, user_id
      FROM unnest(${fresh.map(({ person }) => Buffer.from(person.keyDigest, 'latin1'))}::bytea[],
                  ${fresh.map(({ person }) => person.user)}::uuid[]) AS new (key_digest, user_id)
    ON CONFLICT (tenant_id, connection_id, key_digest) DO UPDATE SET user_id = excluded.user_id`);
}
