import { BadInput } from '../base/errors.ts';
import { newId } from '../base/uuid.ts';
import type { MasterKey } from '../crypto/keys.ts';
import { newTenantKeys } from '../crypto/keys.ts';
import type { Database, Tx } from './database.ts';
import { sql } from './sql.ts';

const TENANT_NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

export interface TenantName {
  readonly id: string;
  readonly name: string;
}

export interface DueConnection {
  readonly tenantId: string;
  readonly id: string;
  readonly name: string;
  readonly schedule: string;
  readonly fullSchedule: string | null;
  readonly timeZone: string;
  readonly nextFullAt: Date | null;
}

/** What names no person and is seen across tenants. The only part of the store that does. */
export interface Registry {
  tenants(): Promise<readonly TenantName[]>;
  byName(name: string): Promise<TenantName | undefined>;
  /** A tenant with keys and no configuration; the one that is there if there is one. */
  ensureTenant(name: string): Promise<TenantName>;
  /**
   * Connections whose slot has come and whose source may be asked, each claimed by moving its slot on in the same
   * transaction in which `enqueue` writes its job: a slot is run once, however many schedulers look.
   */
  claimDue(
    now: Date,
    slots: (due: DueConnection) => { next: Date | null; nextFull: Date | null; full: boolean },
    enqueue: (tx: Tx, due: DueConnection) => Promise<void>,
  ): Promise<number>;
  /** Paused connections whose source is to be told to be quiet, and may be asked; each claimed by setting its next try. */
  claimQuiet(
    now: Date,
    next: (tries: number) => Date | null,
    enqueue: (tx: Tx, due: { readonly tenantId: string; readonly name: string }) => Promise<void>,
  ): Promise<number>;
  /** Connections whose run lost its process, or was left by a graceful stop: it goes on elsewhere. */
  orphans(now: Date): Promise<readonly { readonly tenantId: string; readonly name: string; readonly run: string }[]>;
  /** Last feed number of each tenant, for those who wait for a change. */
  feedHeads(tenantIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
  ping(): Promise<void>;
}

export function openRegistry(db: Database, master: MasterKey): Registry {
  const byName = async (name: string) => {
    const [row] = await db.registry((tx) =>
      tx.rows<TenantName>(sql`SELECT id, name FROM registry.tenant WHERE name = ${name}`),
    );
    return row;
  };
  return {
    tenants: () => db.registry((tx) => tx.rows<TenantName>(sql`SELECT id, name FROM registry.tenant ORDER BY name`)),
    byName,

    async ensureTenant(name) {
      if (!TENANT_NAME.test(name) || name.length > 40 || name === 'sluice') {
        throw new BadInput(
          'A tenant’s name is lower-case letters and digits with single hyphens, at most 40, and not `sluice`.',
        );
      }
      const there = await byName(name);
      if (there) return there;
      const id = newId();
      const keys = newTenantKeys(master, id);
      const made = await db.tenant(id, async (tx) => {
        const inserted = await tx.run(
          sql`INSERT INTO registry.tenant (id, name) VALUES (${id}, ${name}) ON CONFLICT (name) DO NOTHING`,
        );
        if (inserted === 0) return false;
        await tx.run(sql`INSERT INTO registry.rules (tenant_id) VALUES (${id})`);
        await tx.run(sql`INSERT INTO registry.feed_head (tenant_id) VALUES (${id})`);
        await tx.run(sql`
          INSERT INTO sluice.tenant_key (tenant_id, data_key, digest_key) VALUES (${id}, ${keys.dataKey}, ${keys.digestKey})`);
        return true;
      });
      return made ? { id, name } : (await byName(name))!;
    },

    orphans: (now) =>
      db.registry((tx) =>
        tx.rows<{ tenantId: string; name: string; run: string }>(sql`
          SELECT tenant_id AS "tenantId", name, lease_run AS run FROM registry.connection
           WHERE lease_run IS NOT NULL AND (lease_until IS NULL OR lease_until < now()) AND NOT paused
             AND (not_before IS NULL OR not_before <= ${now})`),
      ),

    claimDue: (now, slots, enqueue) =>
      db.registry(async (tx) => {
        const due = await tx.rows<DueConnection>(sql`
          SELECT tenant_id AS "tenantId", id, name, schedule, full_schedule AS "fullSchedule", time_zone AS "timeZone",
                 next_full_at AS "nextFullAt"
            FROM registry.connection
           WHERE NOT paused AND schedule IS NOT NULL AND next_due_at <= ${now}
             AND (not_before IS NULL OR not_before <= ${now})
           ORDER BY next_due_at LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED`);
        for (const connection of due) {
          const { next, nextFull, full } = slots(connection);
          await tx.run(sql`
            UPDATE registry.connection
               SET next_due_at = ${next}, next_full_at = ${nextFull}, full_wanted = full_wanted + ${full ? 1 : 0}
             WHERE tenant_id = ${connection.tenantId} AND id = ${connection.id}`);
          await enqueue(tx, connection);
        }
        return due.length;
      }),

    claimQuiet: (now, next, enqueue) =>
      db.registry(async (tx) => {
        // One that is still being read would go on with what it holds: its turn comes when that is over.
        const due = await tx.rows<{ tenantId: string; id: string; name: string; tries: number }>(sql`
          SELECT tenant_id AS "tenantId", id, name, quiet_tries AS tries FROM registry.connection
           WHERE paused AND quiet_due_at <= ${now} AND (lease_until IS NULL OR lease_until < now())
             AND (not_before IS NULL OR not_before <= ${now})
           ORDER BY quiet_due_at LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED`);
        for (const { tenantId, id, name, tries } of due) {
          await tx.run(sql`
            UPDATE registry.connection SET quiet_due_at = ${next(tries)}, quiet_tries = quiet_tries + 1
             WHERE tenant_id = ${tenantId} AND id = ${id}`);
          await enqueue(tx, { tenantId, name });
        }
        return due.length;
      }),

    feedHeads: async (tenantIds) => {
      const rows = await db.registry((tx) =>
        tx.rows<{ tenant_id: string; seq: number }>(sql`
          SELECT tenant_id, seq FROM registry.feed_head WHERE tenant_id = ANY(${tenantIds}::uuid[])`),
      );
      return new Map(rows.map((row) => [row.tenant_id, row.seq]));
    },

    ping: () => db.registry(async (tx) => void (await tx.rows(sql`SELECT 1 AS one`))),
  };
}
