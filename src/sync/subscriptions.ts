import { randomBytes } from 'node:crypto';
import { describeUnexpected, NeedsAttention, SluiceError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { type CheckContext, streamOf } from '../contract/connector.ts';
import type { Kept, Watched } from '../contract/notifications.ts';
import type { SettingsShape } from '../contract/settings.ts';
import { type HubTenantStore, type Lease, LostLease } from '../store/index.ts';
import { keepTo } from './contact.ts';
import { type ConnectionPlan, contextFor } from './plans.ts';

/** How notifications reach this hub. */
export interface NotificationDeps {
  /** What the outside calls; absent: nothing is to be told, and what was asked for is ended. */
  readonly publicUrl: string | undefined;
  /** A run for what notifications ask for, soon. */
  call(tenant: HubTenantStore, connection: string): Promise<void>;
}

export interface Keeping {
  readonly notifications: NotificationDeps;
  readonly tenant: HubTenantStore;
  readonly lease: Lease;
  readonly plan: () => Promise<ConnectionPlan | undefined>;
  readonly asking: Pick<CheckContext<SettingsShape>, 'net' | 'signal' | 'now'>;
  readonly log: Log;
  /** Only if the source has asked for something about a subscription. */
  readonly onlyIfAsked: boolean;
}

/** Under which path sources call; the token follows. */
const PUSH_PATH = '/push/v1/';

/**
 * Has the source hold subscriptions for what this connection reads, as long as they are on. It fails no run: whatever is
 * wrong with it is logged and told to tenant IT, and schedules carry on.
 * @throws LostLease
 */
export async function keepSubscriptions(keeping: Keeping): Promise<void> {
  const { tenant, lease, log, notifications } = keeping;
  const done = { made: 0, renewed: 0, ended: 0 };
  let sentence: string | null = null;
  let looked = true;
  try {
    const keep = await toKeep(keeping);
    looked = keep !== undefined;
    for await (const kept of keep ?? nothing()) {
      await remember(keeping, kept);
      done[kept.kept]++;
    }
  } catch (error) {
    if (error instanceof LostLease) throw error;
    await keepTo(tenant, lease.connectionId, error);
    sentence =
      error instanceof SluiceError
        ? error.message
        : `Something unexpected went wrong inside the hub (${describeUnexpected(error)}); please report it.`;
  }
  if (sentence !== null || done.made + done.renewed + done.ended > 0)
    log.event(sentence === null ? 'info' : 'warn', {
      event: 'subscriptions',
      tenant: tenant.tenant,
      connection: lease.connection,
      ...done,
      sentence,
    });
  if (looked && !keeping.asking.signal.aborted) await tenant.quiet.tell(lease.connectionId, sentence);
  // What changed between the reading and the subscription nobody tells.
  if (done.made > 0) await notifications.call(tenant, lease.connection).catch(() => {});
}

/** What is to be made, renewed and ended; `undefined` where nothing was to be looked at. */
async function toKeep(keeping: Keeping): Promise<AsyncIterable<Kept> | undefined> {
  const { notifications, tenant, lease, asking, onlyIfAsked } = keeping;
  const address = addressOf(keeping);
  const held = await tenant.subscriptions.held(lease.connectionId, address);
  if (onlyIfAsked && !held.some(({ renew, lost }) => renew || lost)) return undefined;
  const plan = await keeping.plan();
  // Whoever paused it meanwhile wants none made or renewed; those there are, are ended when this run is over.
  if (!plan || (await tenant.connections.get(plan.configured.name)).paused) return undefined;
  const told = plan.connector.notifications;
  if (!told) return undefined;
  const settings = plan.configured.settings as CheckContext<SettingsShape>['settings'];
  const { publicUrl } = notifications;
  const on = told.on(settings);
  const watched = on && publicUrl ? await watchedOf(plan, asking) : [];
  if (watched.length > 0 && !publicUrl?.startsWith('https://'))
    throw new NeedsAttention(
      'SLUICE_PUBLIC_URL does not begin with https://, so no source will call it: set the address under which a proxy with TLS is reached from outside.',
    );
  if (watched.length === 0 && held.length === 0) return nothing();
  return told.keep({
    ...asking,
    settings,
    held,
    watched,
    address,
    newSecret: () => randomBytes(32).toString('base64url'),
  });
}

async function* nothing(): AsyncGenerator<Kept> {}

async function watchedOf(plan: ConnectionPlan, asking: Keeping['asking']): Promise<Watched[]> {
  const watched: Watched[] = [];
  for (const planned of plan.streams) {
    const { stream } = planned.plan;
    if (!plan.connector.notifications?.streams.includes(stream)) continue;
    const { partitions } = streamOf(plan.connector, stream)!;
    const names = partitions ? await partitions(contextFor(plan, planned.plan, asking)) : [{ name: '' }];
    for (const { name, refused } of names) if (!refused) watched.push({ stream, partition: name });
  }
  return watched;
}

const addressOf = ({ notifications, tenant, lease }: Keeping): string =>
  `${notifications.publicUrl ?? ''}${PUSH_PATH}${tenant.pushToken(lease.connectionId)}`;

function remember(keeping: Keeping, kept: Kept): Promise<void> {
  const { lease } = keeping;
  const { subscriptions } = keeping.tenant;
  if (kept.kept === 'ended') return subscriptions.ended(lease, kept.id);
  if (kept.kept === 'renewed') return subscriptions.renewed(lease, kept.subscription);
  return subscriptions.made(lease, kept.subscription, { secret: kept.secret, address: addressOf(keeping) });
}
