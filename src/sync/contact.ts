import type { Clock } from '../base/clock.ts';
import { TryLater } from '../base/errors.ts';
import type { Net } from '../contract/net.ts';
import { type ConnectionStatus, type HubTenantStore, keptWait, LONGEST_WAIT_MS } from '../store/index.ts';

export type SourceNet = Net & { readonly spent: { readonly requests: number; readonly bytes: number } };

/** Whoever opens a network of a connection's goes through `contact`; what goes elsewhere needs no `mayAsk`. */
export type OpenNet = (options: {
  tenant: string;
  signal: AbortSignal;
  maxRequests: number;
  deadline: Date;
  mayAsk?: () => Promise<void>;
}) => SourceNet;

interface ContactDeps {
  readonly clock: Clock;
  net: OpenNet;
}

interface Limits {
  readonly signal: AbortSignal;
  readonly maxRequests: number;
  readonly withinMs: number;
}

type Contacted = Pick<ConnectionStatus, 'id' | 'name'>;

/** While something is being asked, another process may be told to wait: this long it may go unheard. */
const LOOK_AGAIN_MS = 1_000;

/**
 * The only way to a connection's source, for whatever reason it is asked: a run, a look-up, a check, a preview. Nothing is
 * asked before the instant that the source named, and when it names one it is kept, for every process over this database.
 * A kill between the answer and the commit of that instant costs one request too early, and no more.
 * @throws TryLater the source asked to be left alone, before or now; and whatever the work throws
 */
export async function contact<T>(
  deps: ContactDeps,
  tenant: HubTenantStore,
  connection: Contacted,
  limits: Limits,
  work: (net: SourceNet) => Promise<T>,
): Promise<T> {
  await requireAskable(tenant, connection);
  const { signal, maxRequests, withinMs } = limits;
  const deadline = new Date(deps.clock.now().getTime() + withinMs);
  const net = deps.net({ tenant: tenant.tenant, signal, maxRequests, deadline, mayAsk: listening(tenant, connection) });
  try {
    return await work(net);
  } catch (error) {
    await keepTo(tenant, connection.id, error);
    throw error;
  }
}

/** @throws TryLater with a sentence for a person, if the source asked to be left alone */
export async function requireAskable(tenant: HubTenantStore, { id, name }: Contacted): Promise<void> {
  const until = await tenant.leftAloneUntil(id);
  if (until)
    throw new TryLater(
      `${leftAlone(tenant.tenant, name, until)}: try again then (a schedule goes on by itself), or at once if you change its address or credentials.`,
      until,
    );
}

/**
 * The same for a connection that was removed, of which nothing is kept any more.
 * @throws TryLater the source had asked to be left alone; and whatever the work throws
 */
export async function lastContact(
  { clock, net }: ContactDeps,
  { tenant, name, notBefore }: { readonly tenant: string; readonly name: string; readonly notBefore: Date | null },
  { signal, maxRequests, withinMs }: Limits,
  work: (net: SourceNet) => Promise<void>,
): Promise<void> {
  const now = clock.now();
  if (notBefore && notBefore > now) throw new TryLater(`${leftAlone(tenant, name, notBefore)}.`, notBefore);
  await work(net({ tenant, signal, maxRequests, deadline: new Date(now.getTime() + withinMs) }));
}

const leftAlone = (tenant: string, connection: string, until: Date): string =>
  `The source of ${tenant}/${connection} asked for no request before ${instantOf(until)}, so none was sent`;

/** A source that names an instant which is past, or a clock that is ahead of ours, must not have a job tried again and again. */
const JOB_AT_LEAST_MS = 15_000;

/** When a job comes back that found the source left alone. */
export const comeBackAt = (until: Date, clock: Clock): Date =>
  new Date(Math.max(until.getTime(), clock.now().getTime() + JOB_AT_LEAST_MS));

/** Keeps to what a source asked for in an error that the caller does not let through. */
export async function keepTo(tenant: HubTenantStore, connectionId: string, error: unknown): Promise<void> {
  if (error instanceof TryLater && error.notBefore) await tenant.leaveAlone(connectionId, error.notBefore);
}

function listening(tenant: HubTenantStore, { id }: Contacted): () => Promise<void> {
  let looked = performance.now();
  return async () => {
    if (performance.now() - looked < LOOK_AGAIN_MS) return;
    looked = performance.now();
    const until = await tenant.leftAloneUntil(id);
    if (until) throw new TryLater('The source asked another run or look-up of this connection to wait.', until);
  };
}

/** The sentence of a run that ended so, with the instant at which it goes on. */
export function withWait(sentence: string, asked: Date, now: Date): string {
  const until = keptWait(asked, now);
  const shortened = until < asked ? ` (it asked for longer, and is asked every ${LONGEST_WAIT_MS / 3_600_000} h)` : '';
  return `${sentence.replace(/\.$/, '')}; nothing is asked of the source before ${instantOf(until)}${shortened}.`;
}

/** `2026-12-01 09:35:00 UTC`, never too early by what is cut off. */
const instantOf = (at: Date): string => {
  const text = new Date(Math.ceil(at.getTime() / 1000) * 1000).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 19)} UTC`;
};
