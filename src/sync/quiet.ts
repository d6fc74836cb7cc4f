import { describeUnexpected, SluiceError } from '../base/errors.ts';
import type { HeldSubscription, KeepContext } from '../contract/notifications.ts';
import { type SettingsShape, withDefaults } from '../contract/settings.ts';
import type { ConnectionConfiguration, HubTenantStore, RemovedConnection } from '../store/index.ts';
import { contact, lastContact, type SourceNet } from './contact.ts';
import type { RunDeps } from './run.ts';

/** For all that one connection's source holds. Whoever removes a connection waits for it, and not longer than this. */
const DEADLINE_MS = 30_000;
const LIMITS = { maxRequests: 5_000, withinMs: DEADLINE_MS } as const;
const MINUTE_MS = 60_000;
/** How long after each try the next one comes. The first is at once; then a source ends by itself what it holds. */
const AGAIN_AFTER_MS = [MINUTE_MS, 10 * MINUTE_MS, 60 * MINUTE_MS, 360 * MINUTE_MS] as const;

/** @param tries how often it was tried before this one. @returns null: this is the last */
export function nextQuietTry(tries: number, now: Date): Date | null {
  const after = AGAIN_AFTER_MS[tries];
  return after === undefined ? null : new Date(now.getTime() + after);
}

export type QuietDeps = Pick<RunDeps, 'clock' | 'log' | 'connectors' | 'net' | 'stopping'>;

/** A paused connection's source is told to be quiet. Whatever goes wrong is told to tenant IT, and tried again later. */
export async function endOfPaused(deps: QuietDeps, tenant: HubTenantStore, connection: string): Promise<void> {
  const { id } = await tenant.connections.get(connection);
  const live = await tenant.configuration.read();
  const configured = live?.configuration.connections.find(({ name }) => name === connection);
  if (!configured) return;
  const held = await tenant.quiet.letGo(id);
  if (held.length > 0) {
    const failure = await endAll(
      deps,
      { tenant: tenant.tenant, configured, held },
      {
        open: (signal, work) => contact(deps, tenant, { id, name: connection }, { ...LIMITS, signal }, work),
        gone: (one) => tenant.quiet.gone(id, one),
      },
    );
    // A hub that stops has not failed: the next try is written down.
    if (!deps.stopping.aborted) await tenant.quiet.tell(id, failure);
  }
  await tenant.quiet.settled(id);
}

/** The same for one that is no more: tried once, because with it went what it signs in with. Never throws. */
export async function endOfRemoved(deps: QuietDeps, removed: RemovedConnection): Promise<void> {
  const { tenant, configured, held, notBefore } = removed;
  if (held.length === 0) return;
  await endAll(deps, removed, {
    open: (signal, work) =>
      lastContact(deps, { tenant, name: configured.name, notBefore }, { ...LIMITS, signal }, work),
    gone: async () => {},
  });
}

interface Ending {
  /** @throws TryLater the source asked to be left alone */
  open(signal: AbortSignal, work: (net: SourceNet) => Promise<void>): Promise<void>;
  gone(id: string): Promise<void>;
}

/** @returns why some are left, and until when; null if none is */
async function endAll(
  deps: QuietDeps,
  { tenant, configured, held }: Omit<RemovedConnection, 'notBefore'>,
  { open, gone }: Ending,
): Promise<string | null> {
  const left = new Map(held.map((one) => [one.id, one]));
  let why: string | undefined;
  try {
    const signal = AbortSignal.any([deps.stopping, AbortSignal.timeout(DEADLINE_MS)]);
    await open(signal, async (net) => {
      for await (const id of endedBy(deps, configured, held, { net, signal })) {
        await gone(id);
        left.delete(id);
      }
    });
  } catch (error) {
    why =
      error instanceof SluiceError
        ? error.message
        : `Something unexpected went wrong inside the hub (${describeUnexpected(error)}); please report it.`;
  }
  const sentence = left.size === 0 ? null : leftSentence([...left.values()], why);
  deps.log.event(sentence === null ? 'info' : 'warn', {
    event: 'subscriptions',
    tenant,
    connection: configured.name,
    made: 0,
    renewed: 0,
    ended: held.length - left.size,
    sentence,
  });
  return sentence;
}

async function* endedBy(
  deps: QuietDeps,
  configured: ConnectionConfiguration,
  held: readonly HeldSubscription[],
  { net, signal }: { readonly net: SourceNet; readonly signal: AbortSignal },
): AsyncGenerator<string> {
  const connector = deps.connectors.get(configured.connector);
  if (!connector?.notifications) return;
  const settings = withDefaults(connector.settings, configured.settings);
  const context = {
    settings: settings as KeepContext<SettingsShape>['settings'],
    net,
    signal,
    now: deps.clock.now(),
    held,
    watched: [],
    address: '',
    newSecret: () => '',
  };
  for await (const kept of connector.notifications.keep(context)) if (kept.kept === 'ended') yield kept.id;
}

function leftSentence(left: readonly HeldSubscription[], why: string | undefined): string {
  const last = new Date(Math.max(...left.map(({ expiresAt }) => expiresAt.getTime()))).toISOString().slice(0, 10);
  const what = left.length === 1 ? 'One subscription' : `${left.length} subscriptions`;
  const cause = why ?? 'nobody answered for them.';
  return `${what} for notifications could not be ended at the source, whose calls are ignored; by ${last} the last has ended by itself. Of the first: ${cause}`;
}
