import { type Interval, merged, within, without } from './busy.ts';
import type { TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { sql } from './sql.ts';
import type { EventStore, SpaceAvailability } from './types.ts';

/** What was last read completely longer ago than this is told as stale. */
const FRESH_MS = 3_600_000;

interface Known {
  readonly id: string;
  readonly as_of: Date | null;
  readonly covers_from: Date | null;
  readonly covers_to: Date | null;
}

/**
 * When spaces are taken and when they are free. A calendar that was never read to its end, and time beyond the window
 * that was read, are never told as free: a room that nobody could read is not an empty room.
 */
export async function availability(
  tx: Tx,
  { tenantId, clock }: TenantContext,
  { spaces, from, to, ignore, atLeastMs }: Parameters<EventStore['availability']>[0],
): Promise<SpaceAvailability[]> {
  const known = await tx.rows<Known>(sql`
    SELECT s.id, p.last_complete_at AS as_of, p.covers_from, p.covers_to
      FROM sluice.space s
      LEFT JOIN sluice.partition p ON p.tenant_id = s.tenant_id AND p.connection_id = s.connection_id
                                  AND p.stream = 'events' AND p.about = s.source_key
     WHERE s.tenant_id = ${tenantId} AND s.id = ANY(${spaces}::uuid[])`);
  const taken = await tx.rows<{ id: string; starts_at: Date; ends_at: Date; tentative: boolean }>(sql`
    SELECT s.id, e.starts_at, e.ends_at, e.show_as = 'tentative' AS tentative
      FROM sluice.space s
      JOIN sluice.event e ON e.tenant_id = s.tenant_id AND e.connection_id = s.connection_id AND e.space = s.source_key
     WHERE s.tenant_id = ${tenantId} AND s.id = ANY(${spaces}::uuid[])
       AND e.ends_at > ${from}::timestamptz AND e.starts_at < ${to}::timestamptz AND e.show_as <> 'free'
       AND NOT (e.id = ANY(${ignore}::uuid[]))`);
  const asked = { from: from.getTime(), to: to.getTime() };
  const now = clock.now().getTime();
  const byId = new Map(known.map((one) => [one.id, one]));
  return spaces.flatMap((space) => {
    const about = byId.get(space);
    if (!about) return [];
    const events = taken.filter(({ id }) => id === space);
    return [{ space, ...answer(about, events, asked, now, atLeastMs) }];
  });
}

function answer(
  { as_of, covers_from, covers_to }: Known,
  events: readonly { starts_at: Date; ends_at: Date; tentative: boolean }[],
  asked: Interval,
  now: number,
  atLeastMs: number,
): Omit<SpaceAvailability, 'space'> {
  const times = (tentative: boolean) =>
    merged(
      within(
        events
          .filter((one) => one.tentative === tentative)
          .map(({ starts_at, ends_at }) => ({ from: starts_at.getTime(), to: ends_at.getTime() })),
        asked,
      ),
    );
  const certain = times(false);
  const tentative = without(times(true), certain);
  const covered: Interval = as_of
    ? { from: covers_from?.getTime() ?? asked.from, to: covers_to?.getTime() ?? asked.to }
    : { from: asked.from, to: asked.from };
  const free = without(within([asked], covered), merged([...certain, ...tentative]));
  const whole = covered.from <= asked.from && covered.to >= asked.to;
  return {
    status: !as_of || !whole ? 'unknown' : now - as_of.getTime() > FRESH_MS ? 'stale' : 'known',
    as_of: as_of?.toISOString() ?? null,
    busy: [...certain.map((one) => told(one, false)), ...tentative.map((one) => told(one, true))].sort((a, b) =>
      a.from < b.from ? -1 : 1,
    ),
    free: free.filter(({ from, to }) => to - from >= atLeastMs).map(instants),
  };
}

const instants = ({ from, to }: Interval) => ({ from: new Date(from).toISOString(), to: new Date(to).toISOString() });
const told = (interval: Interval, tentative: boolean) => ({ ...instants(interval), tentative });
