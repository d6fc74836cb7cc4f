import { expect } from 'chai';
import type { GraphRequest } from '../../../src/sandbox/graph/index.ts';
import type { UserEvent } from '../../../src/store/index.ts';
import type { GraphCalendars, ToldEvent } from '../graph-calendars.ts';
import { CalendarOracle } from './calendar-oracle.ts';
import type { Followed } from './feed-reader.ts';
import { ALL, DIRECTORY, GraphSiege, guid, type Laid, layGraph } from './graph-siege.ts';
import { Kills } from './kills.ts';
import type { Site } from './site.ts';

const FEATURE = 'hybrid-meetings';
const EVIDENCE = { text_version: '1', locale: 'nl' };
/** More than are asked about at a time, which is 20. */
const PEOPLE = 25;
const OPTED_IN = 21;
const ROOMS = ['one@acme.example', 'two@acme.example'];
const DAY_MS = 86_400_000;
const addressOf = (n: number) => `p${n}@acme.example`;

const followedUserEvents: Followed<UserEvent> = {
  kind: 'user_event',
  many: ({ userCalendars }, ids) => userCalendars.many(ids),
};

/** What the connection asks: when people are busy, or that and in which of our rooms. */
export type Asks = 'free-busy' | 'free-busy-and-rooms';

interface Diarist {
  readonly id: string;
  readonly n: number;
}

type Lines = ReadonlyMap<string, readonly string[]>;

/**
 * A tenant whose users opted in to being asked when they are busy, which the sandbox's Microsoft 365 knows: a hub asks about
 * more of them than go on a page, while opt-ins come and go.
 */
export class DiarySiege extends GraphSiege<UserEvent> {
  readonly #asks: Asks;
  readonly #oracle: CalendarOracle;
  readonly #people: readonly Diarist[];
  readonly #optedIn = new Set<Diarist>();
  /** Who opted in after the kill: asked about by the hub that goes on, or by the one after it. */
  #fresh: readonly Diarist[] = [];
  /** What calendars held when the hub was killed. */
  #before: Lines = new Map();
  #api: Promise<GraphCalendars> | undefined;

  private constructor(laid: Laid, asks: Asks, people: readonly Diarist[]) {
    super(laid, followedUserEvents);
    this.#asks = asks;
    this.#people = people;
    const addresses = people.map(({ n }) => addressOf(n));
    this.#oracle = new CalendarOracle(laid.source, this.random, addresses, new Date(), () => this.#somewhere());
  }

  static async lay(site: Site, seed: number, asks: Asks): Promise<DiarySiege> {
    const laid = await layGraph(site, seed, {
      features: [FEATURE, 'room-booking'],
      settings: { people_calendars: asks, mailboxes: [] },
      streams: ['users', 'user_events'],
    });
    for (const [n, emailAddress] of ROOMS.entries())
      laid.source.putPlace({
        '@odata.type': '#microsoft.graph.room',
        id: guid(900 + n),
        displayName: emailAddress,
        emailAddress,
      });
    const { users } = await site.store.tenant(laid.tenantId);
    const people: Diarist[] = [];
    for (let n = 0; n < PEOPLE; n++) {
      const mail = addressOf(n);
      laid.source.putUser({ id: guid(n), mail, givenName: 'Given', surname: `Family${n}`, accountEnabled: true });
      const names = { given_name: 'Given', family_name: `Family${n}` };
      const { user } = await users.logOn({ email: mail, ...names, directory_id: `${DIRECTORY}:${guid(n)}` });
      people.push({ id: user.id, n });
    }
    const siege = new DiarySiege(laid, asks, people);
    siege.#oracle.fill(4 * PEOPLE);
    for (const one of people.slice(0, OPTED_IN)) await siege.#optIn(one);
    return siege;
  }

  /** In one of our rooms, somewhere that is none of our business, in both, or nowhere. */
  #somewhere() {
    const places = [...ROOMS, 'clinic@elsewhere.example'].filter(() => this.random.chance(0.3));
    return { locations: places.map((address) => ({ displayName: address, locationEmailAddress: address })) };
  }

  async #optIn(one: Diarist): Promise<void> {
    await (await this.tenant()).users.optIn(one.id, FEATURE, EVIDENCE);
    this.#optedIn.add(one);
  }

  async #optOut(one: Diarist): Promise<void> {
    await (await this.tenant()).users.optOut(one.id, FEATURE);
    this.#optedIn.delete(one);
  }

  /** Calendars move, opt-ins come and go; there are always more of them than go on a page. */
  async move(): Promise<void> {
    this.#oracle.change(20);
    await this.#changeMinds();
  }

  /** Some withdraw, some of those give it again at once, and as many others give it. @returns who gave it */
  async #changeMinds(): Promise<readonly Diarist[]> {
    const withdrawn = [0, 1, 2].map(() => this.random.pick([...this.#optedIn]));
    for (const one of new Set(withdrawn)) await this.#optOut(one);
    await this.#checkWithdrawn();
    const out = this.#people.filter((one) => !this.#optedIn.has(one));
    const giving = new Set<Diarist>([withdrawn[0]!]);
    while (this.#optedIn.size + giving.size < OPTED_IN) giving.add(this.random.pick(out));
    for (const one of giving) await this.#optIn(one);
    return [...giving];
  }

  protected override async meanwhile(): Promise<boolean> {
    if (this.random.chance(0.25)) return false;
    this.#before = await this.#truth();
    this.#oracle.change(12);
    this.#fresh = await this.#changeMinds();
    return true;
  }

  /** Nobody is asked about who has not opted in, and nobody twice. */
  protected override checkRequests(requests: readonly GraphRequest[]): void {
    const asked = requests.flatMap(({ url }) => /^\/v1\.0\/users\/([^/]+)\/calendarView/.exec(url)?.[1] ?? []);
    expect(asked, 'calendars opened in one attempt').to.deep.equal([...new Set(asked)]);
    expect(
      [...this.#optedIn].map(({ n }) => guid(n)),
      'who has opted in',
    ).to.include.members(asked);
  }

  protected override async checkBetween(): Promise<void> {
    await this.#checkWithdrawn();
    const now = await this.#truth();
    const told = await this.#told(await this.#rows());
    for (const one of this.#optedIn) {
      const options = [this.#before.get(one.id), now.get(one.id)].filter((lines) => lines !== undefined);
      expect(this.#fresh.includes(one) ? [...options, []] : options).to.deep.include(told.get(one.id) ?? []);
    }
  }

  protected async checkRows(): Promise<readonly UserEvent[]> {
    await this.#checkWithdrawn();
    const items = await this.#rows();
    const busy = [...(await this.#truth())].filter(([, lines]) => lines.length > 0);
    expect(Object.fromEntries(await this.#told(items)), 'what keeps them busy').to.deep.equal(Object.fromEntries(busy));
    const { userCalendars } = await this.tenant();
    for (const { id } of this.#optedIn) expect((await userCalendars.known(id)).as_of).to.be.a('string');
    return items;
  }

  async #rows(): Promise<readonly UserEvent[]> {
    const { userCalendars } = await this.tenant();
    const pages = this.#people.map(({ id }) =>
      userCalendars.list({ user: id, from: undefined, to: undefined, ...ALL }),
    );
    return (await Promise.all(pages)).flatMap(({ items }) => items);
  }

  async #told(events: readonly UserEvent[]): Promise<Lines> {
    const { spaces } = await this.tenant();
    const names = new Map((await spaces.list(ALL)).items.map(({ id, name }) => [id, name]));
    const lines = new Map<string, string[]>();
    for (const { user, starts_at, ends_at, show_as, spaces: ours } of events)
      lines.set(user, [
        ...(lines.get(user) ?? []),
        line(
          starts_at,
          ends_at,
          show_as,
          ours.map((id) => names.get(id)!),
        ),
      ]);
    for (const own of lines.values()) own.sort();
    return lines;
  }

  /** Of everybody who has opted in, as their calendars tell themselves. */
  async #truth(): Promise<Lines> {
    this.#api ??= this.signIn();
    const api = await this.#api;
    const from = new Date();
    const to = new Date(from.getTime() + 60 * DAY_MS);
    const told = [...this.#optedIn].map(async ({ id, n }) => {
      const events = (await api.events(addressOf(n), from, to)) as readonly Placed[];
      return [id, busyLines(events, this.#asks === 'free-busy-and-rooms')] as const;
    });
    return new Map(await Promise.all(told));
  }

  /** Nothing at all is left of anybody who has not opted in, past every wall. */
  async #checkWithdrawn(): Promise<void> {
    const users = this.#people.filter((one) => !this.#optedIn.has(one)).map(({ id }) => `'${id}'`);
    const counted = ['user_event', 'user_calendar', 'opt_in'].map(
      (table) => `SELECT '${table}' AS name FROM sluice.${table}
                   WHERE tenant_id = '${this.tenantId}' AND user_id IN (${users.join()})`,
    );
    expect(await this.site.sql(counted.join(' UNION ALL ')), 'what is left of who opted out').to.deep.equal([]);
    const dangling = `SELECT row_id FROM sluice.held h WHERE tenant_id = '${this.tenantId}' AND stream = 'user_events'`;
    expect(await this.site.sql(dangling), 'what waits for a person').to.deep.equal([]);
  }
}

type Placed = ToldEvent & { readonly locations?: readonly { readonly locationEmailAddress?: string }[] };

const line = (from: string, to: string, how: string, rooms: readonly string[]): string =>
  [from, to, how, ...[...rooms].sort()].join(' ');

/** What takes the same time is one; it is as certain as the most certain of it, and in all of their rooms. */
function busyLines(events: readonly Placed[], withRooms: boolean): string[] {
  const at = new Map<string, { how: string; rooms: Set<string> }>();
  const instant = ({ dateTime }: { readonly dateTime: string }) => `${dateTime.slice(0, 23)}Z`;
  for (const { isCancelled, showAs, start, end, locations = [] } of events) {
    if (isCancelled || showAs === 'free') continue;
    const time = `${instant(start)} ${instant(end)}`;
    const there = at.get(time) ?? { how: showAs, rooms: new Set() };
    if (showAs === 'busy') there.how = 'busy';
    const named = locations.flatMap(({ locationEmailAddress = '' }) => locationEmailAddress);
    if (withRooms) for (const room of named.filter((one) => ROOMS.includes(one))) there.rooms.add(room);
    at.set(time, there);
  }
  return [...at].map(([time, { how, rooms }]) => [time, how, ...[...rooms].sort()].join(' ')).sort();
}

/** People and rooms were read, each on one page; from there on people are asked about. */
const asking = { point: 'page.acknowledged', hit: 2 };
/** What is told of people is judged as it comes: there is no page to be gated. */
const NOT_PASSED = ['gate.before', 'page.gated'];

/**
 * Kills a hub that asks about users who opted in, by both ways of asking. Each killed run is finished by the next hub and verified.
 * @param every where given: at every point in turn that the asking passes, or each one in so many
 * @param named points within the asking; those before it are passed in the same runs
 */
export async function killOverDiaries(
  site: Site,
  seed: number,
  { every, named = [] }: { readonly every?: number; readonly named?: readonly string[] },
): Promise<{ kills: Kills }> {
  const kills = new Kills(site);
  for (const [way, asks] of (['free-busy', 'free-busy-and-rooms'] as const).entries()) {
    const siege = await DiarySiege.lay(site, seed + way, asks);
    const moved = async () => {
      await siege.move();
      return siege;
    };
    await siege.readWhole(await kills.hub(), false);
    await siege.verify();
    if (every !== undefined) await kills.inTurn(moved, every, asking);
    for (const [at, point] of named.entries()) {
      if (at % 2 !== way) continue;
      const before = point.startsWith('lease') || NOT_PASSED.includes(point);
      await kills.at(moved, before ? { point } : { point, from: asking });
    }
    await siege.lift();
  }
  await kills.end();
  return { kills };
}
