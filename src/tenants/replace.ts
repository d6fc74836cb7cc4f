import { BadInput, NeedsAttention, Refused } from '../base/errors.ts';
import type { Connector } from '../contract/connector.ts';
import type { StreamName } from '../model/model.ts';
import type { Replacement, TenantConfiguration, TenantStore, ThingStream } from '../store/types.ts';
import { listed } from './problem.ts';

export interface ReplaceRequest {
  readonly store: Pick<TenantStore, 'configuration' | 'connections'>;
  /** The connection that goes, and the one that takes its place. */
  readonly old: string;
  readonly by: string;
  readonly connectors: readonly Connector[];
  /** Do it; else it is only shown. */
  readonly yes?: boolean;
  /** Called before anything is written, so that it is shown even when it is refused. */
  readonly onShown?: (shown: Replacement) => void | Promise<void>;
}

export interface Replaced {
  readonly outcome: 'shown' | 'replaced';
  readonly shown: Replacement;
  /** The live configuration, or the one that there would be. */
  readonly configuration: TenantConfiguration;
  readonly version: number;
}

/** Whether anything of the old connection's would not be found again in the new one. */
export const loses = ({ users, spaces, events, lockers }: Replacement): boolean =>
  users.unmatched.length > 0 || [spaces, events, lockers].some(({ known, matched }) => known > matched);

/**
 * One connection takes the place of another: its place in `sources`, and the ids of what both tell of. The old one is
 * removed with what it alone supplied.
 * @throws NeedsAttention the new one has not read everything yet, so that nobody knows what it will not find
 * @throws Refused `already-running`, `conflict`, `not-found`
 */
export async function replaceConnection(request: ReplaceRequest): Promise<Replaced> {
  const { store, old, by, connectors } = request;
  if (old === by) throw new BadInput('A connection cannot take its own place: name two.');
  const live = await store.configuration.read();
  if (!live) throw new Refused('not-found', 'This tenant has no configuration yet.');
  const configuration = without(live.configuration, old, by);
  const shown = await store.connections.replacement(old, by);
  await request.onShown?.(shown);
  if (!request.yes) return { outcome: 'shown', shown, configuration, version: live.version };
  const unread = unreadStreams(shown, streamsOf(live.configuration, by, connectors));
  if (unread.length > 0)
    throw new NeedsAttention(
      `${by} has not read its ${listed(unread, 'and')} to the end yet, so nobody knows whom and what it does not know; nothing was changed: let it run first.`,
    );
  const replaces = { old, by, unmatched: shown.users.unmatched.length };
  const { version } = await store.configuration.write(configuration, {
    expected: live.version,
    resume: false,
    replaces,
  });
  return { outcome: 'replaced', shown, configuration, version };
}

function without(live: TenantConfiguration, old: string, by: string): TenantConfiguration {
  const { sources } = live.users;
  // Whose place it takes is the old one's, wherever it stood itself.
  const moved = sources.includes(old)
    ? sources.filter((name) => name !== by).map((name) => (name === old ? by : name))
    : sources;
  return {
    ...live,
    users: { ...live.users, sources: moved },
    connections: live.connections.filter(({ name }) => name !== old),
  };
}

function streamsOf(live: TenantConfiguration, name: string, connectors: readonly Connector[]): readonly StreamName[] {
  const kind = live.connections.find((one) => one.name === name)?.connector;
  return Object.keys(connectors.find((one) => one.name === kind)?.streams ?? {}) as StreamName[];
}

/** Of what both tell: the new one's word is worth something only once it has been heard to the end. */
function unreadStreams(shown: Replacement, streams: readonly StreamName[]): StreamName[] {
  const supplied = (['users', 'spaces', 'events', 'lockers'] as const).filter((stream) => shown[stream].known > 0);
  return supplied.filter(
    (stream: 'users' | ThingStream) => streams.includes(stream) && !shown.readCompletely.includes(stream),
  );
}
