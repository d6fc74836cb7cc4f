import type { HubOrder, HubSaid } from '../killable-hub.ts';
import type { KillableHub, Site } from './site.ts';

/** Whatever a hub reads while it is killed. */
export interface Besieged {
  attempt(hub: KillableHub, at: HubOrder['at']): Promise<HubSaid | undefined>;
  /** What a killed hub left is finished by this one and verified. */
  finish(hub: KillableHub): Promise<void>;
  verify(): Promise<void>;
}

/** Where a hub is killed: without a point at the n-th hit of any. */
type At = Omit<NonNullable<HubOrder['at']>, 'what'>;

/** What runs read differs in length: one in so many passes any point. */
const MOST_RUNS = 10;

/** Named points that every run passes, whatever it reads. */
export const everyPoint = [
  ...['lease', 'fetch', 'statement', 'commit', 'end'].flatMap((what) => [`${what}.before`, `${what}.after`]),
  'gate.before',
  'page.gated',
  'page.acknowledged',
  'pass.ending',
];

/** Kills hubs one after the other. The one that finished what a killed one had left is the next to be killed. */
export class Kills {
  /** Names of the points at which a hub was killed, each with how often. */
  readonly points = new Map<string, number>();
  readonly #site: Site;
  #hub: KillableHub | undefined;

  constructor(site: Site) {
    this.#site = site;
  }

  get count(): number {
    return [...this.points.values()].reduce((sum, times) => sum + times, 0);
  }

  /** The hub that works next. */
  async hub(): Promise<KillableHub> {
    this.#hub ??= await this.#site.hub();
    return this.#hub;
  }

  /**
   * At the first point that a hub passes, then at the one `every` later, and so on until one goes untouched.
   * @param ready what is to be read next
   */
  async inTurn(ready: () => Promise<Besieged>, every: number, from?: At['from']): Promise<void> {
    for (let hit = 1; await this.#once(await ready(), { hit, from }); hit += every);
  }

  /** At these points, as far as no hub was killed there yet. */
  async byName(ready: () => Promise<Besieged>, names: readonly string[]): Promise<void> {
    for (const point of names.filter((one) => !this.points.has(one))) await this.at(ready, { point });
  }

  /** At the first hit of this point; a run that is too short to pass it is followed by another one. */
  async at(ready: () => Promise<Besieged>, at: Omit<At, 'hit'> & { readonly point: string }): Promise<void> {
    for (let attempt = 1; attempt <= MOST_RUNS; attempt++)
      if (await this.#once(await ready(), { ...at, hit: 1 })) return;
    throw new Error(`no hub passes ${at.point}`);
  }

  /** @returns whether the hub was killed; if it went untouched, everything is verified all the same */
  async #once(siege: Besieged, at: At): Promise<boolean> {
    const said = await siege.attempt(await this.hub(), { what: 'SIGKILL', ...at });
    if (said?.is === 'ended') {
      await siege.verify();
      return false;
    }
    if (said?.is !== 'at') throw new Error(`at hit ${at.hit}: ${JSON.stringify(said)}`);
    this.points.set(said.point, (this.points.get(said.point) ?? 0) + 1);
    this.#hub = undefined;
    await siege.finish(await this.hub());
    return true;
  }

  async end(): Promise<void> {
    await this.#hub?.kill();
  }
}
