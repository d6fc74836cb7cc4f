import { NeedsAttention, type Net } from '../../src/contract/index.ts';
import { type Message, Unreadable } from './ber.ts';
import { LdapClient } from './client.ts';
import { present, type Search } from './codec.ts';
import { EntryDecoder } from './entry.ts';
import { parseFilter } from './filter.ts';
import { bindFailure, codes, failure, type Place, type Result } from './results.ts';
import { endpointOf, type LdapSettings } from './settings.ts';
import { type Root, rootAttributes, type Vendor, vendorOf } from './vendors.ts';

export interface SessionContext {
  readonly settings: LdapSettings;
  readonly net: Net;
  readonly signal: AbortSignal;
}

/** A signed-in connection to a directory whose kind is known. */
export interface Session {
  readonly client: LdapClient;
  readonly vendor: Vendor;
  readonly root: Root;
  readonly place: Place;
}

/** The steps of signing in, in order; `check` reports them one by one. */
export type SignInStep = 'settings' | 'connection' | 'tls' | 'sign-in' | 'root';

/**
 * Connects, secures, signs in, asks what kind of server it is, and hands the session to `use`. The connection is
 * gone when `use` ends, however it ends.
 * @param reached called before each step
 * @throws TryLater, NeedsAttention
 */
export async function* withSession<T>(
  context: SessionContext,
  use: (session: Session) => AsyncGenerator<T>,
  reached: (step: SignInStep) => void = () => {},
): AsyncGenerator<T> {
  reached('settings');
  const { settings, net, signal } = context;
  const endpoint = endpointOf(settings.url);
  refuseUnsafe(settings, endpoint.tls);
  const timeoutMs = settings.timeout_s * 1000;
  reached('connection');
  const client = await LdapClient.connect({
    net,
    signal,
    timeoutMs,
    // TLS is begun in a step of its own, so that `check` can tell a closed port from a bad certificate.
    target: { host: endpoint.host, port: endpoint.port, tls: false, ca: settings.ca, timeoutMs },
  });
  try {
    if (endpoint.tls || settings.start_tls) reached('tls');
    if (endpoint.tls) await client.secure();
    else if (settings.start_tls) await client.startTls();
    // Only now: for a host name the net knows what the operator allows once it has resolved it.
    else if (!net.allowsCleartext(endpoint.host, endpoint.port))
      throw new NeedsAttention(
        `The password would travel to ${client.at} in clear: use ldaps:// in \`url\`, or switch \`start_tls\` on.`,
      );
    reached('sign-in');
    const bound = await client.bind(settings.bind_dn, settings.bind_password);
    if (bound.code !== codes.success) throw bindFailure(bound, client.at);
    reached('root');
    const root = await readRoot(client);
    yield* use({ client, root, vendor: vendorOf(root), place: { at: client.at, baseDn: settings.base_dn } });
  } finally {
    client.close();
  }
}

function refuseUnsafe(settings: LdapSettings, tls: boolean): void {
  if (settings.bind_dn.trim() === '')
    throw new NeedsAttention('The setting `bind_dn` is empty, which would read as nobody: give the read-only account.');
  if (settings.bind_password === '')
    throw new NeedsAttention(
      'The setting `bind_password` is empty, and servers then let anybody in as nobody: give the account’s password.',
    );
  if (settings.base_dn.trim() === '')
    throw new NeedsAttention('The setting `base_dn` is empty: name the branch that holds the people.');
  if (settings.filter) parseFilter(settings.filter);
  if (tls && settings.start_tls)
    throw new NeedsAttention(
      'The settings `url` with ldaps:// and `start_tls` exclude each other: switch `start_tls` off, or use ldap://.',
    );
}

async function readRoot(client: LdapClient): Promise<Root> {
  const decoder = new EntryDecoder({
    fields: rootAttributes,
    key: 'entryUUID',
    all: rootAttributes,
    alike: [],
    known: [],
  });
  const root: Record<string, readonly string[]> = Object.fromEntries(rootAttributes.map((name) => [name, []]));
  const search: Search = { base: '', scope: 'base', filter: present('objectClass'), attributes: rootAttributes };
  const result = await eachEntry(client, search, (message) => {
    const { record } = decoder.decode(message);
    for (const name of rootAttributes) root[name] = [record?.[name] ?? []].flat().map(String);
  });
  if (result.code !== codes.success) throw failure(result, client.at, 'to say what it is (its root DSE)');
  return root as Root;
}

/** One search whose answer is small. */
export async function eachEntry(client: LdapClient, search: Search, take: (message: Message) => void): Promise<Result> {
  for await (const { entries, result } of client.search(search)) {
    try {
      for (const message of entries) take(message);
    } catch (error) {
      throw error instanceof Unreadable ? client.unreadable() : error;
    }
    if (result) return result;
  }
  throw new Error('A search ended without its result.');
}
