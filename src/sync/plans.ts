import { type CheckContext, type Connector, streamOf } from '../contract/connector.ts';
import { essential, type SettingsOf, type SettingsShape, withDefaults } from '../contract/settings.ts';
import { planStream, type StreamPlan } from '../gate/plan.ts';
import { type StreamName, streamNames } from '../model/model.ts';
import type { ConnectionConfiguration, HubTenantStore, RemovalLimit, TenantConfiguration } from '../store/index.ts';

/** Everything a reading of one connection needs, from one version of the configuration. */
export interface ConnectionPlan {
  readonly connector: Connector;
  readonly configured: ConnectionConfiguration;
  readonly directory: string;
  /** Version of the configuration it was made from. */
  readonly version: number;
  /** Lockers before their assignments, users first. */
  readonly streams: readonly PlannedStream[];
}

export interface PlannedStream {
  readonly plan: StreamPlan;
  readonly limit: RemovalLimit | undefined;
  /** A state is valid for one fingerprint only. */
  readonly fingerprint: string;
}

/** As its connector's code takes them: `apply` held them against the shape that it declares. */
export const settingsOf = (settings: ConnectionConfiguration['settings']) => settings as SettingsOf<SettingsShape>;

/** The name under which log-ons know the connection's people, as far as its settings say one. */
export function namedDirectory(connector: Connector | undefined, settings: ConnectionConfiguration['settings']) {
  const { directory } = settings;
  if (typeof directory === 'string' && directory !== '') return directory;
  return connector?.directory?.(settingsOf(settings));
}

/** @param byDefault the connection's DIRECTORY where its settings name none */
export function planConnection(
  store: Pick<HubTenantStore, 'digest'>,
  connector: Connector,
  live: { readonly configuration: TenantConfiguration; readonly version: number },
  stored: ConnectionConfiguration,
  byDefault: string,
): ConnectionPlan {
  const configured = { ...stored, settings: withDefaults(connector.settings, stored.settings) };
  const features = new Set(live.configuration.features);
  const directory = namedDirectory(connector, configured.settings) ?? byDefault;
  const streams = streamNames
    .filter((name) => streamOf(connector, name))
    .map((stream): PlannedStream => {
      const settings = configured.streams[stream];
      const plan = planStream({
        connector,
        stream,
        directory,
        settings: configured.settings,
        scope: settings?.scope,
        fields: settings?.fields,
        features,
      });
      return { plan, limit: settings?.removals, fingerprint: fingerprint(store, connector, configured, stream, plan) };
    })
    .filter(({ plan }) => plan.featureOn);
  return { connector, configured, directory, version: live.version, streams };
}

/** Before anything is judged by the plan and written: bindings of another directory than its own are forgotten. */
export function settle(tenant: HubTenantStore, connectionId: string, { directory, configured }: ConnectionPlan) {
  return tenant.settleDirectory(connectionId, directory, namedDirectory(undefined, configured.settings) ?? null);
}

/** What a connector is told for reading one stream, or for looking into it. */
export function contextFor(
  { configured }: ConnectionPlan,
  plan: StreamPlan,
  by: Pick<CheckContext<SettingsShape>, 'net' | 'signal' | 'now'>,
): CheckContext<SettingsShape> {
  return {
    ...by,
    settings: settingsOf(configured.settings),
    fields: plan.asked,
    scope: configured.streams[plan.stream]?.scope,
  };
}

// Settings can name people (a bind DN), so even this digest is keyed. Secrets are left out: a new password is not
// a new source.
function fingerprint(
  store: Pick<HubTenantStore, 'digest'>,
  connector: Connector,
  configured: ConnectionConfiguration,
  stream: StreamName,
  plan: StreamPlan,
): string {
  const open = Object.entries(essential(connector.settings, configured.settings));
  const essence = [
    connector.name,
    connector.version,
    open.sort(([a], [b]) => (a < b ? -1 : 1)),
    configured.streams[stream]?.scope ?? null,
    configured.streams[stream]?.fields ?? null,
    [...plan.asked].sort(),
    // A directory that its code names may change without its settings; the setting is among those above.
    ...(connector.directory && namedDirectory(undefined, configured.settings) === undefined ? [plan.directory] : []),
  ];
  return store.digest('fingerprint', JSON.stringify(essence)).slice(0, 32);
}
