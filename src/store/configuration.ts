import { isDeepStrictEqual } from 'node:util';
import { Refused } from '../base/errors.ts';
import { newId } from '../base/uuid.ts';
import type { Feature } from '../model/features.ts';
import { userFieldNames, userFields } from '../model/model.ts';
import { forgetBindings } from './bindings.ts';
import { inTenant, type TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { eventsOf, removeEvents } from './events.ts';
import { announce, type FeedEntry } from './feed.ts';
import { removeAssignments, removeLockers } from './lockers.ts';
import { loadPeople, savePeople, supplierOrder } from './people.ts';
import { type RemovedConnection, settleQuiet, subscriptionsOf } from './quiet.ts';
import { takeOver } from './replacement.ts';
import { lockRules, rulesChanged } from './rules.ts';
import { removeSpaces, spacesOf } from './spaces.ts';
import { sql } from './sql.ts';
import type {
  ApplyOptions,
  ConfigurationStore,
  ConnectionConfiguration,
  Consequences,
  LiveConfiguration,
  TenantConfiguration,
} from './types.ts';
import { eraseCalendars, forgetSpacesOfUserEvents } from './user-events.ts';

const PEOPLE_AT_ONCE = 500;

/**
 * Whether the connection would read something else, or from somewhere else, than before: then it waits for `resume`.
 * A rotated secret, another schedule or another removal limit is no such change.
 * @param essential of its settings those that say what is read
 */
function materiallyChanged(
  before: ConnectionConfiguration,
  after: ConnectionConfiguration,
  essential: EssentialSettings,
): boolean {
  const essence = ({ connector, settings, streams }: ConnectionConfiguration) => ({
    connector,
    settings: essential({ connector, settings }),
    streams: Object.fromEntries(
      Object.entries(streams).map(([name, { scope = null, fields = {} }]) => [name, { scope, fields }]),
    ),
  });
  return !isDeepStrictEqual(essence(before), essence(after));
}

/** Of a connection's settings those that say what is read and from where. */
export type EssentialSettings = (
  connection: Pick<ConnectionConfiguration, 'connector' | 'settings'>,
) => Readonly<Record<string, unknown>>;

/** Of a connection's settings those that say whom the source is asked as, and where. */
export type AskedAs = EssentialSettings;

/** What connectors know of their settings, and the store does not. */
export interface SettingsReading {
  readonly essential: EssentialSettings;
  readonly askedAs: AskedAs;
  readonly namedDirectory: NamedDirectory;
}

/** DIRECTORY of its directory-ids as far as its settings say one. */
export type NamedDirectory = (connection: ConnectionConfiguration) => string | undefined;

export function configurationStore(
  context: TenantContext,
  reading: SettingsReading,
  removed: (connection: RemovedConnection) => Promise<void> = async () => {},
): ConfigurationStore & { current(tx: Tx): Promise<LiveConfiguration | undefined> } {
  const { tenantId, keys } = context;

  async function current(tx: Tx): Promise<LiveConfiguration | undefined> {
    const [row] = await tx.rows<{ version: number; document: Buffer }>(sql`
      SELECT version, document FROM sluice.configuration WHERE tenant_id = ${tenantId}`);
    if (!row) return undefined;
    const configuration = JSON.parse(
      keys.open('configuration', 'document', tenantId, row.document),
    ) as TenantConfiguration;
    return { configuration, version: row.version };
  }

  return {
    current,
    read: () => inTenant(context, current),
    consequences: (next) =>
      inTenant(context, async (tx) => consequences(tx, context, (await current(tx))?.configuration, next)),

    async write(next, options: ApplyOptions) {
      const written = await inTenant(context, async (tx) => {
        // The one lock order: connections, then rules. A page holds its connection when it waits for the rules.
        await tx.rows(
          sql`SELECT 1 FROM registry.connection WHERE tenant_id = ${tenantId} ORDER BY id FOR NO KEY UPDATE`,
        );
        await lockRules(tx, tenantId, 'alone');
        const live = await current(tx);
        if ((live?.version ?? null) !== options.expected) {
          throw new Refused(
            'conflict',
            'The configuration was changed by somebody else meanwhile; look at it with `sluice config` and apply again.',
          );
        }
        const version = (live?.version ?? 0) + 1;
        const document = keys.seal('configuration', 'document', tenantId, JSON.stringify(next));
        await tx.run(sql`
          INSERT INTO sluice.configuration (tenant_id, version, document) VALUES (${tenantId}, ${version}, ${document})
          ON CONFLICT (tenant_id) DO UPDATE SET version = excluded.version, document = excluded.document`);
        const order = await supplierOrder(tx, context);
        if (options.replaces) await takeOver(tx, context, live?.configuration, options.replaces);
        const featuresMoved = await writeFeatures(tx, context, live?.configuration.features ?? [], next.features);
        const gone = await writeConnections(tx, context, live?.configuration, next, options, reading, featuresMoved);
        await deriveIfReordered(tx, context, order);
        await rulesChanged(tx, tenantId);
        return { version, gone };
      });
      await Promise.all(written.gone.map(removed));
      return { version: written.version };
    },
  };
}

async function writeFeatures(
  tx: Tx,
  context: TenantContext,
  before: readonly Feature[],
  after: readonly Feature[],
): Promise<boolean> {
  const { tenantId } = context;
  const off = before.filter((feature) => !after.includes(feature));
  const on = after.filter((feature) => !before.includes(feature));
  await tx.run(sql`DELETE FROM sluice.feature WHERE tenant_id = ${tenantId} AND name = ANY(${off}::text[])`);
  await tx.run(sql`
    INSERT INTO sluice.feature (tenant_id, name) SELECT ${tenantId}, * FROM unnest(${on}::text[])`);
  for (const feature of off) await eraseFeature(tx, context, feature);
  return on.length > 0;
}

/** What only this feature needed goes now, in the transaction that switches it off. */
async function eraseFeature(tx: Tx, context: TenantContext, feature: Feature): Promise<void> {
  const { tenantId } = context;
  if (feature === 'hybrid-meetings')
    await eraseCalendars(tx, context, { users: null, connection: null }, 'feature-off');
  const optIns = await tx.rows<{ user_id: string }>(sql`
    DELETE FROM sluice.opt_in WHERE tenant_id = ${tenantId} AND feature = ${feature} RETURNING user_id`);
  const versions = await announce(
    tx,
    context,
    optIns.map(({ user_id }): FeedEntry => ({ kind: 'user', id: user_id })),
  );
  await tx.run(sql`
    UPDATE sluice.users u SET version = new.version
      FROM unnest(${optIns.map((row) => row.user_id)}::uuid[], ${versions}::bigint[]) AS new (id, version)
     WHERE u.tenant_id = ${tenantId} AND u.id = new.id`);
  if (feature === 'lockers') await eraseLockers(tx, context, null, 'feature-off');
  if (feature === 'room-booking') await eraseRooms(tx, context, null, 'feature-off');
  const fields = userFieldNames.filter((name) => 'feature' in userFields[name] && userFields[name].feature === feature);
  if (fields.length > 0) {
    await eachPerson(tx, context, null, (person) => {
      for (const [supplier, said] of person.contributions) {
        if (!fields.some((name) => name in said.fields)) continue;
        const kept = Object.fromEntries(
          Object.entries(said.fields).filter(([name]) => !fields.includes(name as never)),
        );
        person.contributions.set(supplier, { ...said, fields: kept });
        person.touched.add(supplier);
      }
    });
  }
}

async function eraseLockers(
  tx: Tx,
  context: TenantContext,
  connection: string | null,
  reason: 'feature-off' | 'source-removed',
) {
  const { tenantId } = context;
  const assignments = await tx.rows<{ row_id: string }>(sql`
    SELECT row_id FROM sluice.locker_assignment
     WHERE tenant_id = ${tenantId} AND (${connection}::uuid IS NULL OR connection_id = ${connection}::uuid)`);
  await removeAssignments(
    tx,
    context,
    connection,
    assignments.map((row) => row.row_id),
  );
  const lockers = await tx.rows<{ id: string }>(sql`
    SELECT id FROM sluice.locker
     WHERE tenant_id = ${tenantId} AND (${connection}::uuid IS NULL OR connection_id = ${connection}::uuid)`);
  await removeLockers(
    tx,
    context,
    lockers.map((row) => row.id),
    reason,
  );
}

async function eraseRooms(
  tx: Tx,
  context: TenantContext,
  connection: string | null,
  reason: 'feature-off' | 'source-removed',
) {
  await forgetSpacesOfUserEvents(tx, context, connection);
  await removeEvents(tx, context, await eventsOf(tx, context, connection), reason);
  await removeSpaces(tx, context, await spacesOf(tx, context, connection), reason);
}

type LoadedPerson = Awaited<ReturnType<typeof loadPeople>> extends Map<string, infer P> ? P : never;

async function eachPerson(
  tx: Tx,
  context: TenantContext,
  supplier: string | null,
  change: (person: LoadedPerson) => void,
): Promise<void> {
  const rows = await tx.rows<{ user_id: string }>(sql`
    SELECT DISTINCT user_id FROM sluice.contribution
     WHERE tenant_id = ${context.tenantId} AND (${supplier}::uuid IS NULL OR supplier = ${supplier}::uuid) ORDER BY user_id`);
  for (let at = 0; at < rows.length; at += PEOPLE_AT_ONCE) {
    const people = await loadPeople(
      tx,
      context,
      rows.slice(at, at + PEOPLE_AT_ONCE).map((row) => row.user_id),
    );
    for (const person of people.values()) change(person);
    await savePeople(tx, context, people.values());
  }
}

async function writeConnections(
  tx: Tx,
  context: TenantContext,
  before: TenantConfiguration | undefined,
  after: TenantConfiguration,
  options: ApplyOptions,
  { essential, askedAs, namedDirectory }: SettingsReading,
  featuresMoved: boolean,
): Promise<readonly RemovedConnection[]> {
  const { tenantId, clock } = context;
  const live = await tx.rows<{ id: string; name: string; connector: string; notBefore: Date | null }>(sql`
    SELECT id, name, connector, not_before AS "notBefore"
      FROM registry.connection WHERE tenant_id = ${tenantId} ORDER BY id`);
  // Another kind of system under an old name is another connection: what the old one told goes with it.
  const same = (name: string, connector: string) =>
    after.connections.find((one) => one.name === name || one.was === name)?.connector === connector;
  const idOf = new Map(live.filter(({ name, connector }) => same(name, connector)).map(({ id, name }) => [name, id]));
  const kept = new Set(
    after.connections.map((connection) => idOf.get(connection.was ?? '') ?? idOf.get(connection.name)),
  );
  const gone: RemovedConnection[] = [];
  for (const { id, name, notBefore } of live) {
    if (kept.has(id)) continue;
    const configured = before?.connections.find((one) => one.name === name);
    const { tenant } = context;
    if (configured) gone.push({ tenant, configured, held: await subscriptionsOf(tx, context, id), notBefore });
    await removeConnection(tx, context, id);
  }
  for (const connection of after.connections) {
    const id = idOf.get(connection.was ?? '') ?? idOf.get(connection.name);
    const old = before?.connections.find(({ name }) => name === connection.name || name === connection.was);
    const material = !id || !old || materiallyChanged(old, connection, essential);
    // Source keys are digested with their directory: under another one records are recognised by their values anew.
    if (id && old && namedDirectory(old) !== namedDirectory(connection)) await forgetBindings(tx, context, id);
    const rank = after.users.sources.indexOf(connection.name);
    const pause = connection.paused || (material && !options.resume);
    const resume = options.resume && !connection.paused;
    // Another application, account or host is another to the source: what it asked of the old one does not hold for it.
    const another = !old || !isDeepStrictEqual(askedAs(old), askedAs(connection));
    const moved = !old || old.schedule !== connection.schedule || before?.time_zone !== after.time_zone;
    await tx.run(sql`
      INSERT INTO registry.connection (tenant_id, id, name, connector, directory, paused, source_rank, schedule, full_schedule, time_zone, next_due_at)
      VALUES (${tenantId}, ${id ?? newId()}, ${connection.name}, ${connection.connector}, ${connection.name}, ${pause}, ${rank < 0 ? null : rank},
              ${connection.schedule ?? null}, ${connection.full ?? null}, ${after.time_zone},
              CASE WHEN ${!pause && connection.schedule !== undefined} THEN ${clock.now()}::timestamptz END)
      ON CONFLICT (tenant_id, id) DO UPDATE
         SET name = excluded.name, connector = excluded.connector, source_rank = excluded.source_rank,
             schedule = excluded.schedule, full_schedule = excluded.full_schedule, time_zone = excluded.time_zone,
             paused = CASE WHEN ${pause} THEN true WHEN ${resume} THEN false ELSE connection.paused END,
             next_due_at = CASE WHEN ${pause} OR excluded.schedule IS NULL THEN NULL
                                WHEN ${resume || moved || featuresMoved}
                                  OR ${another} AND connection.not_before > ${clock.now()}::timestamptz THEN ${clock.now()}::timestamptz
                                ELSE connection.next_due_at END,
             not_before = CASE WHEN NOT ${another} THEN connection.not_before END,
             next_full_at = CASE WHEN ${moved || old?.full !== connection.full} THEN NULL ELSE connection.next_full_at END,
             full_wanted = connection.full_wanted + ${material || featuresMoved ? 1 : 0}`);
  }
  await settleQuiet(tx, context);
  return gone;
}

/** Whose word counts first has changed: users are what their suppliers say in the new order. */
async function deriveIfReordered(tx: Tx, context: TenantContext, before: readonly string[]): Promise<void> {
  const after = await supplierOrder(tx, context);
  const common = (order: readonly string[], other: readonly string[]) =>
    order.filter((id) => other.includes(id)).join();
  if (common(before, after) !== common(after, before)) await eachPerson(tx, context, null, () => {});
}

/** A person ordered it, so nobody leaves by it: users stay, known by what is left of them. */
async function removeConnection(tx: Tx, context: TenantContext, id: string): Promise<void> {
  const { tenantId } = context;
  await eraseLockers(tx, context, id, 'source-removed');
  await eraseRooms(tx, context, id, 'source-removed');
  await eraseCalendars(tx, context, { users: null, connection: id }, 'source-removed');
  await forgetBindings(tx, context, id);
  await eachPerson(tx, context, id, (person) => person.unsay(id));
  await tx.run(sql`DELETE FROM registry.connection WHERE tenant_id = ${tenantId} AND id = ${id}`);
}

async function consequences(
  tx: Tx,
  { tenantId }: TenantContext,
  before: TenantConfiguration | undefined,
  after: TenantConfiguration,
): Promise<Consequences> {
  const staying = new Set(after.connections.flatMap(({ name, was }) => [name, was]));
  const going = (before?.connections ?? []).map(({ name }) => name).filter((name) => !staying.has(name));
  const rows = await tx.rows<{ name: string } & Consequences['connections'][string]>(sql`
    SELECT c.name,
           (SELECT count(*)::int FROM sluice.contribution x WHERE x.tenant_id = ${tenantId} AND x.supplier = c.id) AS contributions,
           (SELECT count(*)::int FROM sluice.locker x WHERE x.tenant_id = ${tenantId} AND x.connection_id = c.id) AS lockers,
           (SELECT count(*)::int FROM sluice.locker_assignment x WHERE x.tenant_id = ${tenantId} AND x.connection_id = c.id) AS assignments,
           (SELECT count(*)::int FROM sluice.space x WHERE x.tenant_id = ${tenantId} AND x.connection_id = c.id) AS spaces,
           (SELECT count(*)::int FROM sluice.event x WHERE x.tenant_id = ${tenantId} AND x.connection_id = c.id) AS events,
           (SELECT count(*)::int FROM sluice.user_event x WHERE x.tenant_id = ${tenantId} AND x.connection_id = c.id) AS user_events
      FROM registry.connection c WHERE c.tenant_id = ${tenantId} AND c.name = ANY(${going}::text[])`);
  const off = (before?.features ?? []).filter((feature) => !after.features.includes(feature));
  const features: Partial<Record<Feature, number>> = {};
  for (const feature of off) {
    const [row] = await tx.rows<{ n: number }>(
      feature === 'lockers'
        ? sql`SELECT count(*)::int AS n FROM sluice.locker WHERE tenant_id = ${tenantId}`
        : feature === 'room-booking'
          ? sql`SELECT count(*)::int AS n FROM sluice.space WHERE tenant_id = ${tenantId}`
          : feature === 'people-directory'
            ? sql`SELECT count(DISTINCT user_id)::int AS n FROM sluice.contribution WHERE tenant_id = ${tenantId} AND supplier > '00000000-0000-0000-0000-0000000000ff'`
            : sql`SELECT count(*)::int AS n FROM sluice.opt_in WHERE tenant_id = ${tenantId} AND feature = ${feature}`,
    );
    features[feature] = row!.n;
  }
  return { connections: Object.fromEntries(rows.map(({ name, ...counts }) => [name, counts])), features };
}
