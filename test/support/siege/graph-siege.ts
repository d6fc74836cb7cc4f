import { expect } from 'chai';
import graph from '../../../connectors/microsoft-graph/index.ts';
import type { StreamName } from '../../../src/model/model.ts';
import { type GraphRequest, type SandboxGraph, startSandboxGraph } from '../../../src/sandbox/graph/index.ts';
import { type Random, seededRandom } from '../../../src/sandbox/random.ts';
import type { HubTenantStore, RemovalLimit, TenantConfiguration } from '../../../src/store/index.ts';
import { certificates } from '../certificates.ts';
import { GraphCalendars } from '../graph-calendars.ts';
import { testConfiguration } from '../hub.ts';
import type { HubOrder, HubSaid } from '../killable-hub.ts';
import { FeedReader, type Followed } from './feed-reader.ts';
import type { KillableHub, Site } from './site.ts';

export const CONNECTION = 'm365';
const application = {
  tenantId: '8f4c1f0e-3a52-4b0a-9c0e-2f6d5f5f6a11',
  clientId: '5b0c2f9d-0d8e-4f5c-8d0a-6a1f3c9b7e22',
  clientSecret: 'the~secret.of-the-app',
};
/** The directory of its people, as log-ons name it. */
export const DIRECTORY = `entra:${application.tenantId}`;
export const guid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
export const ALL = { after: undefined, limit: 1_000 };
const POLL_MS = 40;
const unlimited: { readonly removals: RemovalLimit } = { removals: { percent: 100, more_than: 1_000 } };
let sieges = 0;

/** A tenant and the sandbox's Microsoft 365 that it reads. */
export interface Laid {
  readonly site: Site;
  readonly tenantId: string;
  readonly source: SandboxGraph;
  readonly seed: number;
}

export interface Laying {
  readonly features: TenantConfiguration['features'];
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Of which as much may be taken away as the source says. */
  readonly streams: readonly StreamName[];
  /** Users on a page. */
  readonly pageSize?: number;
}

export async function layGraph(site: Site, seed: number, laying: Laying): Promise<Laid> {
  const { features, settings = {}, streams, pageSize } = laying;
  const source = await startSandboxGraph({
    tls: certificates.valid,
    ...application,
    ...(pageSize === undefined ? {} : { pageSize }),
  });
  const name = `graph-siege-${++sieges}`;
  const { id } = await site.store.registry.ensureTenant(name);
  const defaults = Object.entries(graph.settings).flatMap(([one, { default: value }]) =>
    value === undefined ? [] : [[one, value]],
  );
  const all = {
    ...Object.fromEntries(defaults),
    tenant_id: application.tenantId,
    client_id: application.clientId,
    client_secret: application.clientSecret,
    graph_url: source.graphUrl,
    login_url: source.loginUrl,
    ca: certificates.authority,
    ...settings,
  };
  const limits = Object.fromEntries(streams.map((stream) => [stream, unlimited]));
  await (await site.store.tenant(id)).configuration.write(
    testConfiguration(name, {
      users: { admit: 'first-logon', sources: [CONNECTION], leaver_grace_ms: 7 * 24 * 3_600_000, domains: [] },
      features,
      connections: [{ name: CONNECTION, connector: graph.name, settings: all, streams: limits, paused: false }],
    }),
    { expected: null, resume: true },
  );
  return { site, tenantId: id, source, seed };
}

/**
 * What is the same whichever stream of a Microsoft 365 is read: its hub is killed, the next one finishes, and the emulator
 * and who follows the feed outlive both.
 */
export abstract class GraphSiege<E extends { readonly id: string; readonly version: number }> {
  protected readonly site: Site;
  protected readonly tenantId: string;
  protected readonly source: SandboxGraph;
  protected readonly random: Random;
  readonly reader: FeedReader<E>;
  #lastRequest: GraphRequest | undefined;
  #verified = new Set<string>();

  protected constructor({ site, tenantId, source, seed }: Laid, followed: Followed<E>) {
    this.site = site;
    this.tenantId = tenantId;
    this.source = source;
    this.random = seededRandom(seed);
    this.reader = new FeedReader(() => this.tenant(), followed, 25);
    this.reader.start(POLL_MS);
  }

  protected tenant(): Promise<HubTenantStore> {
    return this.site.store.tenant(this.tenantId);
  }

  /** Whom the emulator is asked by for the truth: anybody but the connector. */
  protected signIn(): Promise<GraphCalendars> {
    return GraphCalendars.signIn({ url: this.source.graphUrl, ca: certificates.authority, ...application });
  }

  /** Whether removals may have to wait for a person, who lets them go. */
  protected get asksPerson(): boolean {
    return false;
  }

  /** The source changes after a kill and before the next hub. @returns whether it did */
  protected async meanwhile(): Promise<boolean> {
    return false;
  }

  /** @throws what the hub asked for in its attempt and should not have; `resumed`: it goes on where one was killed */
  protected checkRequests(_requests: readonly GraphRequest[], _resumed: boolean): void {}

  /** @throws where the rows are neither as the source was before `meanwhile` nor as it is now */
  protected async checkBetween(): Promise<void> {}

  /** What there is of the followed kind. @throws where it is not what the source holds */
  protected abstract checkRows(): Promise<readonly E[]>;

  /** One order to a hub; killed, its lease is over at once. */
  async attempt(hub: KillableHub, at?: HubOrder['at'], resumed = false): Promise<HubSaid | undefined> {
    // As if a day had gone by: how much may be taken away in one is another test's matter.
    await this.site.sql(`DELETE FROM sluice.removal WHERE tenant_id = '${this.tenantId}'`);
    this.#lastRequest = this.source.requests().at(-1);
    hub.send({ tenantId: this.tenantId, connection: CONNECTION, ahead_ms: 0, ...(at ? { at } : {}) });
    const said = await hub.next();
    if (said?.is === 'at') {
      await hub.kill();
      await this.site.expireLease(this.tenantId);
    }
    const requests = this.source.requests();
    const before = this.#lastRequest ? requests.lastIndexOf(this.#lastRequest) : -1;
    this.checkRequests(requests.slice(before + 1), resumed);
    return said;
  }

  /** What a killed hub left is finished by this one, and then everything is as it must be. */
  async finish(hub: KillableHub): Promise<void> {
    const moved = await this.meanwhile();
    await this.readWhole(hub, true);
    if (moved) {
      await this.checkBetween();
      await this.readWhole(hub, false);
    }
    await this.verify();
  }

  /** A run that nobody disturbs. */
  async readWhole(hub: KillableHub, resumed: boolean): Promise<void> {
    const said = await this.attempt(hub, undefined, resumed);
    if (said?.is !== 'ended') throw new Error(`a hub could not go on: ${JSON.stringify(said)}`);
    const { status, error } = said.receipt;
    expect(status, error ?? '').to.be.oneOf(this.asksPerson ? ['succeeded', 'held'] : ['succeeded']);
    await this.#decide();
  }

  async #decide(): Promise<void> {
    const { runs } = await this.tenant();
    for (const { run, status } of await this.freshReceipts())
      if (status === 'held' && this.asksPerson) await runs.approve(run, 'siege');
  }

  async verify(): Promise<void> {
    const closed = this.asksPerson ? ['succeeded', 'superseded'] : ['succeeded'];
    await this.#decide();
    const items = await this.checkRows();
    await this.reader.stop();
    await this.reader.drain();
    expect(this.reader.complaints).to.deep.equal([]);
    const final = new Map(items.map((one) => [one.id, one]));
    expect(sorted(this.reader.state), 'what the reader put together').to.deep.equal(sorted(final));
    for (const { status, finished_at } of await this.freshReceipts()) {
      expect(status, 'how a run ended').to.be.oneOf(closed);
      expect(finished_at).to.not.equal(null);
    }
    for (const { run } of await this.freshReceipts()) this.#verified.add(run);
    this.reader.start(POLL_MS);
  }

  /** Of runs since everything was verified last. */
  protected async freshReceipts() {
    const { items } = await (await this.tenant()).runs.list({ limit: 50 });
    return items.filter(({ run }) => !this.#verified.has(run));
  }

  async lift(): Promise<void> {
    await this.reader.stop();
    await this.source.stop();
  }
}

const sorted = <E extends { readonly id: string }>(entities: ReadonlyMap<string, E>) =>
  [...entities.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
