import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { NeedsAttention, Refused } from '../base/errors.ts';
import type { Receipt } from '../model/receipt.ts';
import type { OperatorSettings } from '../settings/index.ts';
import type { HubTenantStore } from '../store/index.ts';
import { applyFile } from './apply-file.ts';
import { allowSandbox, type DemoFile, type DemoKey, type DemoMicrosoft365, TENANT } from './demo-state.ts';
import type { CliDeps, RunningHub, SandboxDeps, SandboxMicrosoft365Handle, SandboxSystemHandle } from './deps.ts';

/** The systems of the sandbox company. */
export interface Systems {
  readonly directory: SandboxSystemHandle;
  readonly microsoft365: SandboxMicrosoft365Handle;
  /** By what Microsoft 365 lets the hub in, and is recognised. */
  readonly access: Omit<DemoMicrosoft365, 'port'>;
  stop(): Promise<void>;
}

/** Starts both where they were the last time, with the same secrets. */
export async function startSystems(sandbox: SandboxDeps, file: DemoFile): Promise<Systems> {
  const { seed, bindPassword, port, microsoft365: known } = file.state;
  const directory = await whereItWas(port, (where) =>
    sandbox.startDirectory({ seed, password: bindPassword, ...where }),
  );
  try {
    const access = {
      clientSecret: known?.clientSecret ?? randomBytes(18).toString('base64url'),
      certificate: known?.certificate ?? sandbox.makeCertificate(),
    };
    const microsoft365 = await whereItWas(known?.port, (where) =>
      sandbox.startMicrosoft365({ seed, directory, ...access, ...where }),
    );
    return {
      directory,
      microsoft365,
      access,
      stop: async () => void (await Promise.all([directory.stop(), microsoft365.stop()])),
    };
  } catch (error) {
    await directory.stop();
    throw error;
  }
}

/** Anywhere else if that port is taken by now. */
async function whereItWas<T>(port: number | undefined, start: (where: { port?: number }) => Promise<T>): Promise<T> {
  if (port === undefined) return start({});
  try {
    return await start({ port });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return start({});
  }
}

const portOf = ({ url }: SandboxSystemHandle) => Number(new URL(url).port);

/**
 * The operator's settings as far as a demo may follow them: it stays on this machine, in its own embedded database,
 * and its one tenant may reach the sandbox's ports, that of the directory in clear.
 */
export function demoSettings(settings: OperatorSettings, systems: Systems, log: string | undefined): OperatorSettings {
  return {
    ...allowSandbox(settings, { directory: portOf(systems.directory), microsoft365: portOf(systems.microsoft365) }),
    databaseUrl: undefined,
    databaseMigrateUrl: undefined,
    host: '127.0.0.1',
    tlsCert: undefined,
    tlsKey: undefined,
    trustProxy: undefined,
    publicUrl: undefined,
    proxy: undefined,
    log: log ? settings.log : 'error',
  };
}

/** The tenant as its sandbox IT department would have applied it. @throws NeedsAttention if it is somebody else's */
export async function ensureTenant(
  deps: CliDeps,
  hub: RunningHub,
  file: DemoFile,
  { directory, microsoft365, access }: Systems,
): Promise<HubTenantStore> {
  if (!file.found && (await hub.store.registry.byName(TENANT)))
    throw new NeedsAttention(
      `This hub has a tenant ${TENANT} already, which is not the demo's; set SLUICE_DATA to another folder.`,
    );
  await file.save({ port: portOf(directory), microsoft365: { ...access, port: portOf(microsoft365) } });
  const { resolveSecrets, validateConfiguration } = await import('../tenants/index.ts');
  const { sandboxConfiguration } = await deps.sandbox();
  const { bindPassword } = file.state;
  const text = sandboxConfiguration({ directory: { url: directory.url, bindPassword }, microsoft365 });
  const validated = validateConfiguration(text, { file: 'the demo', connectors: deps.connectors });
  if (!validated.ok) throw new Error('The sandbox made a configuration that is not in order.');
  const next = resolveSecrets(validated.draft, { env: {}, secretsFolder: '' });
  // The first time people log on before anything is read; then the first runs show what they let in.
  await applyFile(hub.store, next, deps, { yes: true, resume: file.found, overwrite: true });
  return hub.store.tenantByName(TENANT);
}

/** Two keys, made once and kept: for a booking service, and for tenant IT. */
export async function ensureKeys(deps: CliDeps, tenant: HubTenantStore, file: DemoFile): Promise<void> {
  const live = new Set((await tenant.keys.list()).map(({ id }) => id));
  const kept = (key: DemoKey | undefined) => key !== undefined && live.has(key.id);
  const make = (name: string, scopes: readonly string[]) =>
    tenant.keys.create({ name, scopes, features: null, expires_at: null });
  const ofServices = Object.keys(deps.scopes).filter((scope) => scope !== 'admin');
  if (!kept(file.state.key)) await file.save({ key: await make('demo booking service', ofServices) });
  if (!kept(file.state.adminKey)) await file.save({ adminKey: await make('demo tenant IT', ['admin']) });
}

export interface LogOns {
  readonly created: number;
  readonly known: number;
  /** Users who opted in to hybrid-meetings. */
  readonly optedIn: readonly string[];
}

/** At once; more would be a stampede that no booking service makes. */
const AT_ONCE = 4;
const LOG_ON_DEADLINE_MS = 15_000;

/** Every third of them has switched it on, as a booking service would ask them. */
const OPTS_IN = 3;

/** Every employee of the sandbox who books logs on, through the interface that a booking service uses; some opt in. */
export async function logEverybodyOn(
  url: string,
  key: string,
  people: readonly { email: string; given_name: string; family_name: string }[],
): Promise<LogOns> {
  const counted = { created: 0, known: 0, optedIn: [] as string[] };
  const ask = asker(url, key);
  const waiting = [...people.entries()];
  const work = async () => {
    for (let one = waiting.shift(); one; one = waiting.shift()) {
      const [number, person] = one;
      const { status, id } = await ask('POST', 'logons', person);
      counted[status === 201 ? 'created' : 'known'] += 1;
      if (number % OPTS_IN !== 0) continue;
      await ask('PUT', `users/${id}/opt-ins/hybrid-meetings`, { text_version: 'demo', locale: 'en' });
      counted.optedIn.push(id);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return counted;
}

function asker(url: string, key: string) {
  return async (method: 'POST' | 'PUT', path: string, body: object): Promise<{ status: number; id: string }> => {
    const answer = await fetch(`${url}/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(LOG_ON_DEADLINE_MS),
    });
    const { id } = (await answer.json()) as { id: string };
    if (answer.ok) return { status: answer.status, id };
    throw new NeedsAttention(
      `The hub answered a request of the demo with ${answer.status}; start it again with SLUICE_LOG=info to see why.`,
    );
  };
}

const BUSY_DEADLINE_MS = 60_000;
const BUSY_WAIT_MS = 250;

/**
 * A run of ours, after the scheduled one that may be under way. It reads everything: the systems began anew with this
 * process, and whoever watches wants to see what is there, not that a scheduled run was a second earlier.
 */
export async function runOnce(hub: RunningHub, tenant: HubTenantStore, connection: string): Promise<Receipt> {
  const until = performance.now() + BUSY_DEADLINE_MS;
  for (;;) {
    try {
      return await hub.sync.run({ tenantId: tenant.tenantId, connection, trigger: 'manual', mode: 'full' });
    } catch (error) {
      const busy = error instanceof Refused && error.kind === 'already-running';
      if (!busy || performance.now() > until) throw error;
      await sleep(BUSY_WAIT_MS);
    }
  }
}
