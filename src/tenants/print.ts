import { isDeepStrictEqual } from 'node:util';
import { Document, isScalar } from 'yaml';
import type { Connector } from '../contract/connector.ts';
import type { SettingsShape } from '../contract/settings.ts';
import type { ConnectionConfiguration, StreamSettings, TenantConfiguration } from '../store/types.ts';
import { durationText } from './duration.ts';
import { secretPrefix } from './names.ts';

type Secret = { readonly path: readonly (string | number)[] };

/**
 * The live configuration as a file that can be applied again. Secrets are never in it: a reference that the operator
 * would have to set stands in their place.
 */
export function printConfiguration(live: TenantConfiguration, connectors: readonly Connector[]): string {
  const secrets: Secret[] = [];
  const reference = (...words: readonly string[]) =>
    `\${env:${secretPrefix(live.tenant)}${words
      .join('_')
      .toUpperCase()
      .replace(/[^A-Z0-9]+/g, '_')}}`;

  const connection = (one: ConnectionConfiguration) => {
    const connector = connectors.find(({ name }) => name === one.connector);
    const settings: Record<string, unknown> = {};
    for (const [name, declared] of Object.entries((connector?.settings ?? {}) as SettingsShape)) {
      const value = one.settings[name];
      if (value === undefined || isDeepStrictEqual(value, declared.default)) continue;
      settings[name] = declared.kind === 'secret' ? reference(one.name, name) : value;
      if (declared.kind === 'secret') secrets.push({ path: ['connections', one.name, 'settings', name] });
    }
    const streams = Object.entries(one.streams).filter(([, stream]) => stream && saysSomething(stream));
    return {
      connector: one.connector,
      ...(one.paused ? { paused: 'on' } : {}),
      ...(one.schedule === undefined ? {} : { schedule: one.schedule }),
      ...(one.full === undefined ? {} : { full: one.full }),
      ...(Object.keys(settings).length > 0 ? { settings } : {}),
      ...(streams.length > 0 ? { streams: Object.fromEntries(streams) } : {}),
    };
  };

  const notify = live.notify.map((one, index) => {
    if (!('webhook' in one) || one.secret === undefined) return one;
    secrets.push({ path: ['notify', index, 'secret'] });
    return { webhook: one.webhook, secret: reference('notify', String(index + 1)) };
  });

  const document = new Document(
    {
      version: 1,
      tenant: live.tenant,
      name: live.name,
      time_zone: live.time_zone,
      users: {
        admit: live.users.admit,
        sources: live.users.sources,
        leaver_grace: durationText(live.users.leaver_grace_ms),
        ...(live.users.domains.length > 0 ? { domains: live.users.domains } : {}),
      },
      features: Object.fromEntries(live.features.map((feature) => [feature, 'on'])),
      ...(notify.length > 0 ? { notify } : {}),
      connections: Object.fromEntries(live.connections.map((one) => [one.name, connection(one)])),
    },
    // Equal objects are written twice, not as an alias: people edit this file.
    { aliasDuplicateObjects: false },
  );
  for (const { path } of secrets) {
    const node = document.getIn(path, true);
    if (isScalar(node)) node.comment = ' stored sealed, never shown';
  }
  return document.toString({ lineWidth: 0 });
}

function saysSomething(stream: StreamSettings): boolean {
  return stream.scope !== undefined || stream.fields !== undefined || stream.removals !== undefined;
}
