import type { Clock } from '../base/clock.ts';
import { describeUnexpected } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { certificateEnds } from '../contract/certificates.ts';
import type { Connector, Expiry } from '../contract/connector.ts';
import type { SettingsOf, SettingsShape } from '../contract/settings.ts';
import type { ConnectionConfiguration, HubTenantStore, LiveConfiguration } from '../store/index.ts';
import { type Expiring, expirySentence } from '../webhooks/index.ts';
import type { JobQueue } from './jobs.ts';
import type { ExpiringSoon } from './types.ts';

const DAY_MS = 86_400_000;
/** Days before the end at which tenant IT is told; 0: that it has ended. */
const THRESHOLDS = [0, 1, 7, 30] as const;

/** The nearest threshold that was passed: a hub that was off tells that one alone. */
export function daysLeft(at: Date, now: Date): number | undefined {
  return THRESHOLDS.find((days) => at.getTime() - now.getTime() <= days * DAY_MS);
}

/** What a connection's settings hold that ends, each end of a setting once. */
export function expiriesOf(connector: Connector, settings: ConnectionConfiguration['settings']): readonly Expiry[] {
  const byKind = Object.entries(connector.settings).flatMap(([setting, { kind, of }]): Expiry[] => {
    const value = settings[setting];
    if (typeof value !== 'string') return [];
    if (kind === 'certificates') return certificateEnds(value).map((at) => ({ setting, at }));
    // A day means its beginning: told an hour too early is better than told too late.
    if (kind === 'expiry' && of !== undefined && settings[of] !== undefined)
      return [{ setting: of, at: new Date(`${value}T00:00:00Z`) }];
    return [];
  });
  const told = connector.expiries?.(settings as SettingsOf<SettingsShape>) ?? [];
  const readable = [...byKind, ...told].filter(({ at }) => !Number.isNaN(at.getTime()));
  return [...new Map(readable.map((one) => [`${one.setting} ${one.at.getTime()}`, one])).values()];
}

/** The same with the names for telling it. */
export function expiringOf(
  tenant: string,
  connector: Connector,
  { name, settings }: ConnectionConfiguration,
): readonly Expiring[] {
  return expiriesOf(connector, settings).map(({ setting, at }) => ({
    tenant,
    connection: name,
    connector: connector.name,
    setting,
    expires_at: at,
  }));
}

/** Of every connection that is not paused: whoever pauses one knows that it does not sign in. */
export async function expiringIn(
  tenant: HubTenantStore,
  live: LiveConfiguration | undefined,
  connectors: ReadonlyMap<string, Connector>,
): Promise<readonly { readonly id: string; readonly expiring: () => readonly Expiring[] }[]> {
  const running = (await tenant.connections.list()).filter(({ paused }) => !paused);
  return running.flatMap(({ id, name }) => {
    const configured = live?.configuration.connections.find((one) => one.name === name);
    const connector = configured && connectors.get(configured.connector);
    return connector ? [{ id, expiring: () => expiringOf(tenant.tenant, connector, configured) }] : [];
  });
}

/** Those that tenant IT has been or would be told of, the next to end first. */
export function soon(expiring: readonly Expiring[], now: Date): readonly ExpiringSoon[] {
  return expiring
    .filter(({ expires_at }) => daysLeft(expires_at, now) !== undefined)
    .sort((a, b) => a.expires_at.getTime() - b.expires_at.getTime())
    .map((one) => ({
      connection: `${one.tenant}/${one.connection}`,
      setting: one.setting,
      expires_at: one.expires_at.toISOString(),
      sentence: expirySentence(one, now),
    }));
}

export interface ExpiryWatch {
  readonly connectors: ReadonlyMap<string, Connector>;
  readonly jobs: JobQueue;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Tells a tenant's IT of what ends in 30, 7 and 1 days, and that it has ended: the mark and the notice are one
 * transaction, so that a kill loses neither and doubles neither. One connection's trouble is not another's.
 * @returns all that its connections hold and that ends
 */
export async function tellExpiries(
  watch: ExpiryWatch,
  tenant: HubTenantStore,
  live: LiveConfiguration,
): Promise<readonly Expiring[]> {
  const all: Expiring[] = [];
  for (const { id, expiring } of await expiringIn(tenant, live, watch.connectors)) {
    try {
      const theirs = expiring();
      all.push(...theirs);
      await tellOne(watch, tenant, id, theirs);
    } catch (error) {
      watch.log.event('warn', { event: 'tick-failed', fault: describeUnexpected(error) });
    }
  }
  return all;
}

async function tellOne(
  { jobs, clock, log }: ExpiryWatch,
  tenant: HubTenantStore,
  connectionId: string,
  expiring: readonly Expiring[],
): Promise<void> {
  const now = clock.now();
  const standing = expiring.flatMap(({ setting, expires_at }) => {
    const days_left = daysLeft(expires_at, now);
    return days_left === undefined ? [] : [{ setting, expires_at, days_left }];
  });
  const told = await tenant.markExpiries(connectionId, standing, async (tx, { setting, expires_at, days_left }) => {
    const { connection, connector } = expiring.find((one) => one.setting === setting)!;
    await jobs.send(
      'notice',
      {
        kind: 'expiring',
        tenantId: tenant.tenantId,
        connection,
        connector,
        setting,
        expires_at: expires_at.toISOString(),
        days_left,
        at: now.toISOString(),
        attempt: 1,
      },
      { tx },
    );
  });
  for (const { setting, days_left } of told)
    log.event('warn', {
      event: 'credential-expires',
      tenant: tenant.tenant,
      connection: expiring[0]!.connection,
      setting,
      days_left,
    });
}
