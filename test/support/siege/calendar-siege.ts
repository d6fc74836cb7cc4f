import { expect } from 'chai';
import type { SpaceEvent } from '../../../src/store/index.ts';
import { CalendarOracle } from './calendar-oracle.ts';
import { followedEvents } from './feed-reader.ts';
import { ALL, GraphSiege, guid, type Laid, layGraph } from './graph-siege.ts';
import { Kills } from './kills.ts';
import type { Site } from './site.ts';

const ROOMS = ['one@acme.example', 'two@acme.example', 'three@acme.example'];

/** A tenant whose rooms are in the sandbox's Microsoft 365: a hub reads their calendars, several pages of delta each. */
export class CalendarSiege extends GraphSiege<SpaceEvent> {
  readonly #oracle: CalendarOracle;

  private constructor(laid: Laid) {
    super(laid, followedEvents);
    this.#oracle = new CalendarOracle(laid.source, this.random, ROOMS, new Date());
  }

  static async lay(site: Site, seed: number): Promise<CalendarSiege> {
    const laid = await layGraph(site, seed, {
      features: ['room-booking'],
      settings: { mailboxes: ROOMS },
      streams: ['events'],
    });
    laid.source.oddities({ longestPage: 6 });
    for (const [n, emailAddress] of ROOMS.entries())
      laid.source.putPlace({
        '@odata.type': '#microsoft.graph.room',
        id: guid(n),
        displayName: emailAddress,
        emailAddress,
      });
    const siege = new CalendarSiege(laid);
    siege.#oracle.fill(36);
    return siege;
  }

  /** The calendars move; with `anew`, every token that was kept is worth nothing from now on. */
  async move(anew: boolean): Promise<void> {
    this.#oracle.change(6);
    if (anew) this.source.expireTokens({ status: 410, code: 'syncStateNotFound' });
    const odd = () => this.random.chance(0.3);
    this.source.oddities({ emptyPages: odd(), replays: odd(), duplicates: odd() });
  }

  protected async checkRows(): Promise<readonly SpaceEvent[]> {
    const tenant = await this.tenant();
    const names = new Map((await tenant.spaces.list(ALL)).items.map(({ id, name }) => [id, name]));
    const { items, next } = await tenant.events.list({ spaces: undefined, from: undefined, to: undefined, ...ALL });
    expect(next, 'all of them on one page').to.equal(null);
    const rows = items.map(
      ({ space, starts_at, ends_at, show_as }) => `${names.get(space!)} ${starts_at} ${ends_at} ${show_as}`,
    );
    expect(rows.sort(), 'events are what the calendars hold').to.deep.equal(this.#oracle.lines);
    return items;
  }

  /** Pages of delta beyond the first of their round that were asked for so far. */
  get furtherPages(): number {
    return this.source.requests().filter(({ url }) => /calendarView\/delta\?\$skiptoken=/.test(url)).length;
  }
}

export interface CalendarKills {
  /** Every hit of a point is killed at, or only each one in so many. */
  readonly every: number;
  /** Points at which a hub must have been killed at the end: those that were nobody's turn are killed at by name. */
  readonly named: readonly string[];
}

/**
 * Kills a hub at the first point it passes, the next at the second, and so on until one goes untouched: first over
 * calendars that tell what changed, then over such whose tokens have ended. Each killed run is finished by the next hub.
 */
export async function killOverCalendars(
  site: Site,
  siege: CalendarSiege,
  { every, named }: CalendarKills,
): Promise<Kills> {
  const kills = new Kills(site);
  const moved = (anew: boolean) => async () => {
    await siege.move(anew);
    return siege;
  };
  for (const anew of [false, true]) await kills.inTurn(moved(anew), every);
  await kills.byName(moved(true), named);
  await kills.end();
  return kills;
}
