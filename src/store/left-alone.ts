import { inTenant, type TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { sql } from './sql.ts';

/**
 * No source silences its connection for longer than this by one answer: whatever it says, by mistake or on purpose, it
 * is asked once a day, and what it answers then is seen by tenant IT.
 */
export const LONGEST_WAIT_MS = 24 * 3_600_000;

/** The instant that is kept to where a source asked for this one. */
export const keptWait = (asked: Date, now: Date): Date =>
  new Date(Math.min(asked.getTime(), now.getTime() + LONGEST_WAIT_MS));

/**
 * From now on nothing is asked of the connection's source before this instant. A later one that stands already is not
 * shortened: two requests under way may be told to wait for different times.
 * @returns the instant that stands
 */
export async function leaveAlone(
  tx: Tx,
  { tenantId, clock }: TenantContext,
  connectionId: string,
  asked: Date,
): Promise<Date> {
  const until = keptWait(asked, clock.now());
  const [row] = await tx.rows<{ until: Date }>(sql`
    UPDATE registry.connection SET not_before = greatest(not_before, ${until}::timestamptz)
     WHERE tenant_id = ${tenantId} AND id = ${connectionId} RETURNING not_before AS until`);
  return row?.until ?? until;
}

/** Until when the connection's source asked to be left alone; `undefined`: it may be asked now. */
export function leftAloneUntil(context: TenantContext, connectionId: string): Promise<Date | undefined> {
  const { tenantId, clock } = context;
  return inTenant(context, async (tx) => {
    const [row] = await tx.rows<{ until: Date }>(sql`
      SELECT not_before AS until FROM registry.connection
       WHERE tenant_id = ${tenantId} AND id = ${connectionId} AND not_before > ${clock.now()}`);
    return row?.until;
  });
}
