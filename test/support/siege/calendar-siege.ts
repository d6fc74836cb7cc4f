import { expect } from 'chai';
import graph from '../../../connectors/microsoft-graph/index.ts';
import { type SandboxGraph, startSandboxGraph } from '../../../src/sandbox/graph/index.ts';
import { type Random, seededRandom } from '../../../src/sandbox/random.ts';
import type { HubTenantStore, SpaceEvent } from '../../../src/store/index.ts';
import { certificates } from '../certificates.ts';
import { testConfiguration } from '../hub.ts';
import type { HubOrder, HubSaid } from '../killable-hub.ts';
import { CalendarOracle } from './calendar-oracle.ts';
import { FeedReader, followedEvents } from './feed-reader.ts';
import type { KillableHub, Site } from './site.ts';

const CONNECTION = 'm365';
const application = {
  tenantId: '8f4c1f0e-3a52-4b0a-9c0e-2f6d5f5f6a11',
  clientId: '5b0c2f9d-0d8e-4f5c-8d0a-6a1f3c9b7e22',
  clientSecret: 'the~secret.of-the-app',
};
const ROOMS = ['one@acme.example', 'two@acme.example', 'three@acme.example'];
const ALL = { after: undefined, limit: 1_000 };
let sieges = 0;

/**
 * A tenant whose rooms are in the sandbox's Microsoft 365. Its hub is killed while it reads their calendars, several pages
 * of delta each; the emulator and who follows the feed outlive it.
 */
export class CalendarSiege {
  readonly #site: Site;
  readonly #tenantId: string;
  readonly #source: SandboxGraph;
  readonly #oracle: CalendarOracle;
  readonly #random: Random;
  readonly reader: FeedReader<SpaceEvent>;

  private constructor(site: Site, tenantId: string, source: SandboxGraph, seed: number) {
    this.#site = site;
    this.#tenantId = tenantId;
    this.#source = source;
    this.#random = seededRandom(seed);
    this.#oracle = new CalendarOracle(source, this.#random, ROOMS, new Date());
    this.reader = new FeedReader(() => this.#tenant(), followedEvents, 25);
    this.reader.start(40);
  }

  static async lay(site: Site, seed: number): Promise<CalendarSiege> {
    const source = await startSandboxGraph({ tls: certificates.valid, ...application });
    source.oddities({ longestPage: 6 });
    for (const [n, emailAddress] of ROOMS.entries())
      source.putPlace({
        '@odata.type': '#microsoft.graph.room',
        id: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
        displayName: emailAddress,
        emailAddress,
      });
    const name = `calendar-siege-${++sieges}`;
    const { id } = await site.store.registry.ensureTenant(name);
    const defaults = Object.entries(graph.settings).flatMap(([one, { default: value }]) =>
      value === undefined ? [] : [[one, value]],
    );
    const settings = {
      ...Object.fromEntries(defaults),
      tenant_id: application.tenantId,
      client_id: application.clientId,
      client_secret: application.clientSecret,
      graph_url: source.graphUrl,
      login_url: source.loginUrl,
      ca: certificates.authority,
      mailboxes: ROOMS,
    };
    const streams = { events: { removals: { percent: 100, more_than: 1_000 } } };
    await (await site.store.tenant(id)).configuration.write(
      testConfiguration(name, {
        features: ['room-booking'],
        connections: [{ name: CONNECTION, connector: graph.name, settings, streams, paused: false }],
      }),
      { expected: null, resume: true },
    );
    const siege = new CalendarSiege(site, id, source, seed);
    siege.#oracle.fill(36);
    return siege;
  }

  #tenant(): Promise<HubTenantStore> {
    return this.#site.store.tenant(this.#tenantId);
  }

  /** The calendars move; with `anew`, every token that was kept is worth nothing from now on. */
  async move(anew: boolean): Promise<void> {
    // As if a day had gone by: how much may be taken away in one is another test's matter.
    await this.#site.sql(`DELETE FROM sluice.removal WHERE tenant_id = '${this.#tenantId}'`);
    this.#oracle.change(6);
    if (anew) this.#source.expireTokens({ status: 410, code: 'syncStateNotFound' });
    const odd = () => this.#random.chance(0.3);
    this.#source.oddities({ emptyPages: odd(), replays: odd(), duplicates: odd() });
  }

  /** One order to a hub; killed, its lease is over at once. */
  async attempt(hub: KillableHub, at?: HubOrder['at']): Promise<HubSaid | undefined> {
    hub.send({ tenantId: this.#tenantId, connection: CONNECTION, ahead_ms: 0, ...(at ? { at } : {}) });
    const said = await hub.next();
    // One that has come to its end would keep its connections, of which the server has no more than a hundred.
    await hub.kill();
    if (said?.is === 'at') await this.#site.expireLease(this.#tenantId);
    return said;
  }

  /** What a killed hub left is finished by this one, and then everything is as it must be. */
  async finish(hub: KillableHub): Promise<void> {
    const said = await this.attempt(hub);
    if (said?.is !== 'ended') throw new Error(`a hub could not go on after a kill: ${JSON.stringify(said)}`);
    expect(said.receipt.status, said.receipt.error ?? '').to.equal('succeeded');
    await this.verify();
  }

  async verify(): Promise<void> {
    const tenant = await this.#tenant();
    const names = new Map((await tenant.spaces.list(ALL)).items.map(({ id, name }) => [id, name]));
    const { items, next } = await tenant.events.list({ spaces: undefined, from: undefined, to: undefined, ...ALL });
    expect(next, 'all of them on one page').to.equal(null);
    const rows = items.map(
      ({ space, starts_at, ends_at, show_as }) => `${names.get(space!)} ${starts_at} ${ends_at} ${show_as}`,
    );
    expect(rows.sort(), 'events are what the calendars hold').to.deep.equal(this.#oracle.lines);
    await this.reader.stop();
    await this.reader.drain();
    expect(this.reader.complaints).to.deep.equal([]);
    const final = new Map(items.map((event) => [event.id, event]));
    expect(sorted(this.reader.state), 'what the reader put together').to.deep.equal(sorted(final));
    const running = (await tenant.runs.list({ limit: 50 })).items.filter(({ status }) => status !== 'succeeded');
    expect(running, 'runs that did not succeed').to.deep.equal([]);
    this.reader.start(40);
  }

  /** Pages of delta beyond the first of their round that were asked for so far. */
  get furtherPages(): number {
    return this.#source.requests().filter(({ url }) => /calendarView\/delta\?\$skiptoken=/.test(url)).length;
  }

  async lift(): Promise<void> {
    await this.reader.stop();
    await this.#source.stop();
  }
}

const sorted = (events: ReadonlyMap<string, SpaceEvent>) => [...events.values()].sort((a, b) => (a.id < b.id ? -1 : 1));

export interface CalendarKills {
  /** Every hit of a point is killed at, or only each one in so many. */
  readonly every: number;
  /** Points at which a hub must have been killed at the end: those that were nobody's turn are killed at by name. */
  readonly named: readonly string[];
}

/**
 * Kills a hub at the first point it passes, the next at the second, and so on until one goes untouched: first over
 * calendars that tell what changed, then over such whose tokens have ended. Each killed run is finished by the next hub.
 * @returns the names of the points at which a hub was killed, each with how often
 */
export async function killOverCalendars(
  site: Site,
  siege: CalendarSiege,
  { every, named }: CalendarKills,
): Promise<ReadonlyMap<string, number>> {
  const points = new Map<string, number>();
  const kill = async (anew: boolean, at: { hit: number; point?: string }): Promise<boolean> => {
    await siege.move(anew);
    const said = await siege.attempt(await site.hub(), { what: 'SIGKILL', ...at });
    if (said?.is === 'at') {
      points.set(said.point, (points.get(said.point) ?? 0) + 1);
      await siege.finish(await site.hub());
      return true;
    }
    if (said?.is !== 'ended') throw new Error(`at hit ${at.hit}: ${JSON.stringify(said)}`);
    await siege.verify();
    return false;
  };
  for (const anew of [false, true]) for (let hit = 1; await kill(anew, { hit }); hit += every);
  for (const point of named.filter((one) => !points.has(one)))
    if (!(await kill(true, { hit: 1, point }))) throw new Error(`no hub passes ${point}`);
  return points;
}
