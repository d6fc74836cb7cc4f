import { nearest } from '../base/nearest.ts';
import { settings } from './table.ts';

const PREFIX = 'SLUICE_';
const AMBIENT_PROXIES = ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'];

/** A tenant's own variables (`ACME__…`, also of a tenant called `sluice-test`) are not the operator's settings. */
const TENANTS_OWN = /^(?!SLUICE__)[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*__./;

/** What is set and does nothing, one sentence each: a misspelt setting would otherwise be a default in silence. */
export function settingsWarnings(env: NodeJS.ProcessEnv): string[] {
  const known = Object.values(settings).flatMap((setting) => [setting.env, `${setting.env}_FILE`]);
  const warnings: string[] = [];
  for (const name of Object.keys(env).sort()) {
    if (!name.startsWith(PREFIX) || known.includes(name) || TENANTS_OWN.test(name)) continue;
    // Without the prefix, which makes every name look like every other.
    const rest = nearest(
      name.slice(PREFIX.length),
      known.flatMap((one) => (one.startsWith(PREFIX) ? [one.slice(PREFIX.length)] : [])),
    );
    const meant = rest && PREFIX + rest;
    warnings.push(
      `${name} is no setting of the hub and does nothing; ${meant ? `did you mean ${meant}?` : 'see sluice settings.'}`,
    );
  }
  const proxies = Object.keys(env).filter((name) => AMBIENT_PROXIES.includes(name.toLowerCase()) && env[name]);
  if (proxies.length > 0) {
    const [verb, theirs] = proxies.length === 1 ? ['is', 'it'] : ['are', 'they'];
    warnings.push(
      `${proxies.sort().join(', ')} ${verb} set and ignored (${theirs} may be meant for other programs); for a proxy set SLUICE_PROXY and SLUICE_NO_PROXY.`,
    );
  }
  return warnings;
}
