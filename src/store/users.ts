import { Refused } from '../base/errors.ts';
import { isUuid } from '../base/uuid.ts';
import { type Feature, features } from '../model/features.ts';
import type { MatchKind, UserField } from '../model/model.ts';
import type { Contribution } from '../users/derive.ts';
import { normaliseEmail } from '../users/normalise.ts';
import { CORRECTION, inTenant, LOG_ON, type TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { eraseUsers } from './erase.ts';
import { announce } from './feed.ts';
import { logOn } from './log-on.ts';
import { lockRules, rulesChanged } from './rules.ts';
import { sql } from './sql.ts';
import type { ListPage, LogOn, OptInEvidence, User, UserAccount, UserStore } from './types.ts';
import { eraseCalendars } from './user-events.ts';

interface Row {
  id: string;
  status: 'active' | 'left';
  confirmed: boolean;
  fields: Buffer;
  version: number;
  wrapped: Buffer;
  opt_ins: Feature[];
}

const selected = (tenantId: string, ids: readonly string[]) => sql`
  SELECT u.id, u.status, u.confirmed, u.fields, u.version,
         (SELECT k.wrapped FROM sluice.user_key k WHERE k.tenant_id = u.tenant_id AND k.user_id = u.id) AS wrapped,
         ARRAY(SELECT o.feature FROM sluice.opt_in o
                WHERE o.tenant_id = ${tenantId} AND o.user_id = u.id ORDER BY o.feature) AS opt_ins
    FROM sluice.users u
   WHERE u.tenant_id = ${tenantId} AND u.id = ANY(${ids}::uuid[]) ORDER BY u.id`;

function opened({ keys }: TenantContext, row: Row): User {
  const key = keys.userKey(row.id, row.wrapped);
  const fields = JSON.parse(key.open('users', 'fields', row.id, row.fields)) as User['fields'];
  const { id, status, confirmed, version, opt_ins } = row;
  return { id, status, confirmed, fields, opt_ins, version };
}

async function read(tx: Tx, context: TenantContext, ids: readonly string[]): Promise<User[]> {
  if (ids.length === 0) return [];
  return (await tx.rows<Row>(selected(context.tenantId, ids))).map((row) => opened(context, row));
}

const unknown = () => new Refused('not-found', 'There is no such user.');

export function userStore(context: TenantContext, domains: () => Promise<readonly string[]>): UserStore {
  const { tenantId, keys, clock } = context;

  async function one(tx: Tx, id: string): Promise<User> {
    const [user] = isUuid(id) ? await read(tx, context, [id]) : [];
    if (!user) throw unknown();
    return user;
  }

  async function announceUser(tx: Tx, id: string): Promise<void> {
    const [version] = await announce(tx, context, [{ kind: 'user', id }]);
    await tx.run(sql`UPDATE sluice.users SET version = ${version} WHERE tenant_id = ${tenantId} AND id = ${id}`);
  }

  return {
    async get(id) {
      if (!isUuid(id)) return undefined;
      const [user] = await inTenant(context, (tx) => read(tx, context, [id]));
      return user;
    },

    async many(ids) {
      const users = await inTenant(context, (tx) => read(tx, context, ids.filter(isUuid)));
      return new Map(users.map((user) => [user.id, user]));
    },

    async findByEmail(email) {
      const normalised = normaliseEmail(email);
      if (!normalised) return undefined;
      return inTenant(context, async (tx) => {
        const found = await tx.rows<{ user_id: string }>(sql`
          SELECT user_id FROM sluice.match_value
           WHERE tenant_id = ${tenantId} AND kind = 'email' AND digest = ${keys.digest('email', normalised)} LIMIT 1`);
        const [user] = await read(
          tx,
          context,
          found.map((row) => row.user_id),
        );
        return user;
      });
    },

    async list({ after, limit }): Promise<ListPage<User>> {
      return inTenant(context, async (tx) => {
        const ids = await tx.rows<{ id: string }>(sql`
          SELECT id FROM sluice.users WHERE tenant_id = ${tenantId} AND (${after ?? null}::uuid IS NULL OR id > ${after ?? null}::uuid)
           ORDER BY id LIMIT ${limit + 1}`);
        const shown = ids.slice(0, limit).map(({ id }) => id);
        return { items: await read(tx, context, shown), next: ids.length > limit ? shown.at(-1)! : null };
      });
    },

    async logOn(given: LogOn) {
      const { outcome, user: id, lookUp } = await logOn(context, given, await domains());
      return { outcome, lookUp, user: await inTenant(context, (tx) => one(tx, id)) };
    },

    async erase(id) {
      if (!isUuid(id)) return false;
      return inTenant(context, async (tx) => {
        await lockRules(tx, tenantId, 'alone');
        const erased = await eraseUsers(tx, context, [id], 'erased');
        if (erased > 0) await rulesChanged(tx, tenantId);
        return erased > 0;
      });
    },

    async optIn(id: string, feature: Feature, evidence: OptInEvidence) {
      return inTenant(context, async (tx) => {
        await lockRules(tx, tenantId, 'alone');
        const user = await one(tx, id);
        const on = await tx.rows(sql`SELECT 1 FROM sluice.feature WHERE tenant_id = ${tenantId} AND name = ${feature}`);
        if (on.length === 0 || !features[feature].optIn) {
          throw new Refused(
            'feature-off',
            features[feature].optIn
              ? `The feature ${feature} is off for this tenant; switch it on in the configuration first.`
              : `The feature ${feature} needs no opt-in.`,
          );
        }
        if (user.status === 'left')
          throw new Refused('conflict', 'A user who has left cannot opt in; let them log on first.');
        const written = await tx.run(sql`
          INSERT INTO sluice.opt_in (tenant_id, user_id, feature, text_version, locale, given_at)
          VALUES (${tenantId}, ${id}, ${feature}, ${evidence.text_version}, ${evidence.locale}, ${clock.now()})
          ON CONFLICT (tenant_id, user_id, feature) DO UPDATE
             SET text_version = excluded.text_version, locale = excluded.locale, given_at = excluded.given_at
           WHERE (opt_in.text_version, opt_in.locale) <> (excluded.text_version, excluded.locale)`);
        if (written === 0) return { user, given: false };
        await rulesChanged(tx, tenantId);
        const given = !user.opt_ins.includes(feature);
        if (given) await announceUser(tx, id);
        return { user: await one(tx, id), given };
      });
    },

    async optOut(id: string, feature: Feature) {
      return inTenant(context, async (tx) => {
        await lockRules(tx, tenantId, 'alone');
        await one(tx, id);
        const gone = await tx.run(sql`
          DELETE FROM sluice.opt_in WHERE tenant_id = ${tenantId} AND user_id = ${id} AND feature = ${feature}`);
        if (gone > 0) {
          await rulesChanged(tx, tenantId);
          if (feature === 'hybrid-meetings')
            await eraseCalendars(tx, context, { users: [id], connection: null }, 'opted-out');
          await announceUser(tx, id);
        }
        return one(tx, id);
      });
    },

    account: (id) => inTenant(context, async (tx) => account(tx, context, await one(tx, id))),
  };
}

/** Everything held about one user and who supplied it. */
async function account(tx: Tx, { tenantId, keys }: TenantContext, user: User): Promise<UserAccount> {
  const [row] = await tx.rows<{ wrapped: Buffer }>(sql`
    SELECT wrapped FROM sluice.user_key WHERE tenant_id = ${tenantId} AND user_id = ${user.id}`);
  const key = keys.userKey(user.id, row!.wrapped);
  const said = await tx.rows<{ supplier: string; name: string | null; fields: Buffer; read_at: Date }>(sql`
    SELECT c.supplier, n.name, c.fields, c.read_at FROM sluice.contribution c
      LEFT JOIN registry.connection n ON n.tenant_id = c.tenant_id AND n.id = c.supplier
     WHERE c.tenant_id = ${tenantId} AND c.user_id = ${user.id} ORDER BY n.name NULLS FIRST`);
  const matches = await tx.rows<{ kind: MatchKind; value: Buffer }>(sql`
    SELECT kind, value FROM sluice.match_value WHERE tenant_id = ${tenantId} AND user_id = ${user.id} ORDER BY kind`);
  const lockers = await tx.rows<{ locker: string; number: string | null; until: Date | null }>(sql`
    SELECT l.source_key AS locker, l.number, a.until FROM sluice.locker_assignment a
      JOIN sluice.locker l ON l.tenant_id = a.tenant_id AND l.id = a.locker_id
     WHERE a.tenant_id = ${tenantId} AND a.user_id = ${user.id} ORDER BY l.source_key`);
  const meetings = await tx.rows<{ connection: string; space: string; starts_at: Date; ends_at: Date }>(sql`
    SELECT c.name AS connection, coalesce(s.name, e.space) AS space, e.starts_at, e.ends_at FROM sluice.event e
      JOIN registry.connection c ON c.tenant_id = e.tenant_id AND c.id = e.connection_id
      LEFT JOIN sluice.space s ON s.tenant_id = e.tenant_id AND s.connection_id = e.connection_id AND s.source_key = e.space
     WHERE e.tenant_id = ${tenantId} AND e.organizer = ${user.id} ORDER BY e.starts_at, e.id`);
  const busy = await tx.rows<{
    connection: string;
    starts_at: Date;
    ends_at: Date;
    time_zone: string | null;
    all_day: boolean;
    show_as: string;
    spaces: string[];
  }>(sql`
    SELECT c.name AS connection, e.starts_at, e.ends_at, e.time_zone, e.all_day, e.show_as,
           ARRAY(SELECT coalesce(s.name, s.source_key) FROM sluice.space s
                  WHERE s.tenant_id = ${tenantId} AND s.connection_id = e.connection_id
                    AND s.source_key = ANY(e.spaces) ORDER BY s.id) AS spaces
      FROM sluice.user_event e JOIN registry.connection c ON c.tenant_id = e.tenant_id AND c.id = e.connection_id
     WHERE e.tenant_id = ${tenantId} AND e.user_id = ${user.id} ORDER BY e.starts_at, e.id`);
  const calendars = await tx.rows<{ connection: string; read_at: Date; covers_from: Date; covers_to: Date }>(sql`
    SELECT c.name AS connection, k.read_at, k.covers_from, k.covers_to FROM sluice.user_calendar k
      JOIN registry.connection c ON c.tenant_id = k.tenant_id AND c.id = k.connection_id
     WHERE k.tenant_id = ${tenantId} AND k.user_id = ${user.id} ORDER BY c.name`);
  return {
    ...user,
    contributions: said.map(({ supplier, name, fields, read_at }) => ({
      supplier: name ?? (supplier === LOG_ON ? 'log-on' : supplier === CORRECTION ? 'correction' : 'unknown'),
      fields: (JSON.parse(key.open('contribution', supplier, user.id, fields)) as Contribution).fields as Partial<
        Record<UserField, string | null>
      >,
      read_at: read_at.toISOString(),
    })),
    match_values: matches.map(({ kind, value }) => ({ kind, value: key.open('match_value', kind, user.id, value) })),
    lockers: lockers.map(({ until, ...locker }) => ({ ...locker, until: until?.toISOString() ?? null })),
    meetings: meetings.map(inWords),
    busy: busy.map(inWords),
    calendars: calendars.map(({ connection, read_at, covers_from, covers_to }) => ({
      connection,
      read_at: read_at.toISOString(),
      covers: { from: covers_from.toISOString(), to: covers_to.toISOString() },
    })),
  };
}

const inWords = <T extends { starts_at: Date; ends_at: Date }>({ starts_at, ends_at, ...event }: T) => ({
  ...event,
  starts_at: starts_at.toISOString(),
  ends_at: ends_at.toISOString(),
});
