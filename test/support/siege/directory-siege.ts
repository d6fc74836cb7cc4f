import { expect } from 'chai';
import graph from '../../../connectors/microsoft-graph/index.ts';
import type { GraphRequest, GraphUser } from '../../../src/sandbox/graph/index.ts';
import type { User } from '../../../src/store/index.ts';
import { lookUp } from '../../../src/sync/lookup.ts';
import { DirectoryOracle } from './directory-oracle.ts';
import { followedUsers } from './feed-reader.ts';
import { ALL, CONNECTION, GraphSiege, type Laid, layGraph } from './graph-siege.ts';
import { Kills } from './kills.ts';
import { essence } from './oracle.ts';
import { siegeDeps } from './run-deps.ts';
import type { Site } from './site.ts';

const PEOPLE = 16;
const USERS = 12;
const PAGE_SIZE = 3;
const SELECT = 'id,accountEnabled,userType,givenName,surname,mail,jobTitle,department,businessPhones';

/** A tenant whose people are in the sandbox's Microsoft 365: a hub reads them, several pages of users/delta a round. */
export class DirectorySiege extends GraphSiege<User> {
  readonly #oracle: DirectoryOracle;
  /** Pages that the attempt before the present one asked for, by address. */
  #asked: readonly string[] = [];
  /** Rounds of several pages that went on where a hub had been killed. */
  resumed = 0;
  #toldTwice = false;
  #isFirst = true;
  #expired = false;

  private constructor(laid: Laid) {
    super(laid, followedUsers);
    this.#oracle = new DirectoryOracle(laid.source, this.random);
  }

  /** Some of its people have logged on; nobody has read it. */
  static async lay(site: Site, seed: number): Promise<DirectorySiege> {
    const laid = await layGraph(site, seed, {
      features: ['people-directory'],
      streams: ['users'],
      pageSize: PAGE_SIZE,
    });
    const siege = new DirectorySiege(laid);
    siege.#oracle.fill(PEOPLE);
    await siege.#logOn(USERS);
    siege.#misbehave();
    return siege;
  }

  /** The directory lives on; with `anew`, every token that was kept is worth nothing from now on. */
  async move(anew: boolean): Promise<void> {
    this.#oracle.change(8);
    if (anew) this.#expire();
    this.#misbehave();
    await this.#lookUp(await this.#logOn(1));
  }

  /** While few are known, one who goes may be more than half; and who is told twice may be counted twice. */
  protected override get asksPerson(): boolean {
    return this.#isFirst || this.#toldTwice;
  }

  protected override async meanwhile(): Promise<boolean> {
    this.#oracle.killed();
    if (this.random.chance(0.25)) return false;
    this.#oracle.change(3);
    if (this.random.chance(0.15)) this.#expire();
    await this.#lookUp(await this.#logOn(this.random.below(2)));
    return true;
  }

  #expire(): void {
    this.#expired = true;
    const status = this.random.pick([400, 410] as const);
    this.source.expireTokens({ status, code: 'syncStateNotFound' });
  }

  #misbehave(): void {
    const odd = () => this.random.chance(0.3);
    this.#toldTwice = odd();
    this.source.oddities({ emptyPages: odd(), replays: odd(), duplicates: this.#toldTwice });
  }

  async #logOn(count: number): Promise<string[]> {
    const tenant = await this.tenant();
    const ids: string[] = [];
    for (let left = count; left > 0; left--) {
      const strangers = this.#oracle.strangers();
      if (strangers.length === 0) break;
      const n = this.random.pick(strangers);
      const logOn = this.#oracle.logOnOf(n);
      const { user } = await tenant.users.logOn(logOn);
      this.#oracle.loggedOn(n, user.id, logOn);
      ids.push(user.id);
    }
    return ids;
  }

  /** As the hub does after a log-on. */
  async #lookUp(users: readonly string[]): Promise<void> {
    if (users.length === 0) return;
    const deps = siegeDeps({ now: () => new Date() }, new Map([[graph.name, graph]]));
    await lookUp(deps, await this.tenant(), users);
  }

  /**
   * Each page once; after a kill from one of the last two that the killed hub had asked for (the one under way, the one
   * read ahead), or from one that nobody has seen yet. From the beginning only the first time, or if the token has expired.
   */
  protected override checkRequests(requests: readonly GraphRequest[], resumed: boolean): void {
    const pages = requests.filter(({ url }) => url.startsWith('/v1.0/users/delta'));
    const asked = pages.map(({ url }) => url);
    expect(asked, 'pages of one attempt').to.deep.equal([...new Set(asked)]);
    // A token that ended meanwhile is one reason more to begin at the beginning.
    const anew = pages.some(({ status }) => status !== 200);
    const begins = asked.some((url) => url.includes('$select='));
    expect(begins && !this.#isFirst && !this.#expired, 'begun at the beginning though its token was good').to.equal(
      false,
    );
    const again = asked.filter((url) => this.#asked.includes(url) && !(anew && url.includes('$select=')));
    if (resumed) expect(this.#asked.slice(-2), 'pages asked for once more after a kill').to.include.members(again);
    if (resumed && asked.length > 0 && this.#asked.length > 2) this.resumed++;
    this.#asked = asked;
  }

  protected override async checkBetween(): Promise<void> {
    await this.#checkUsers(true);
  }

  protected async checkRows(): Promise<readonly User[]> {
    const api = await this.signIn();
    const { value } = await api.get<{ value: GraphUser[] }>(`/users?$select=${SELECT}&$top=999`);
    this.#oracle.confirm(value);
    const users = await this.#checkUsers(false);
    const tenant = await this.tenant();
    for (const { user, here, matches } of this.#oracle.expected(false)) {
      const account = await tenant.users.account(user);
      const values = account.match_values.map(({ kind, value: told }) => `${kind} ${told}`).sort();
      expect(matches, 'by what the user is recognised').to.deep.include(values);
      const suppliers = account.contributions.map(({ supplier }) => supplier).sort();
      expect(suppliers).to.deep.equal(here ? ['log-on', CONNECTION] : ['log-on']);
    }
    await this.#checkStrangers(users);
    await this.#checkRemoved();
    this.#oracle.verified();
    this.#isFirst = false;
    this.#expired = false;
    return users;
  }

  async #checkUsers(between: boolean): Promise<readonly User[]> {
    const { items, next } = await (await this.tenant()).users.list(ALL);
    expect(next, 'all of them on one page').to.equal(null);
    const expected = this.#oracle.expected(between);
    expect(items.map(({ id }) => id).sort(), 'who has logged on').to.deep.equal(
      expected.map(({ user }) => user).sort(),
    );
    const told = new Map(items.map((user) => [user.id, essence(user)]));
    for (const { user, essences } of expected)
      expect(essences, 'as the directory has the user').to.include(told.get(user));
    return items;
  }

  /** Told twice, somebody who left may come back and leave again within a page; else nobody goes who was there all the time. */
  async #checkRemoved(): Promise<void> {
    if (this.#toldTwice) return;
    const removed = (await this.freshReceipts()).reduce((sum, { streams }) => sum + (streams.users?.removed ?? 0), 0);
    expect(removed, 'removed, though they were there all the time').to.be.at.most(this.#oracle.falls);
  }

  /** Whoever has not logged on is in no row: each row that names anybody names one of the users. */
  async #checkStrangers(users: readonly User[]): Promise<void> {
    const rows = await this.site.sql<{ id: string }>(
      [
        ['contribution', 'user_id'],
        ['binding', 'user_id'],
        ['match_value', 'user_id'],
        ['feed', 'entity_id'],
      ]
        .map(([table, id]) => `SELECT ${id}::text AS id FROM sluice.${table} WHERE tenant_id = '${this.tenantId}'`)
        .join(' UNION '),
    );
    expect(users.map(({ id }) => id)).to.include.members(rows.map(({ id }) => id));
    const [bound] = await this.site.sql<{ most: number }>(
      `SELECT coalesce(max(n), 0)::int AS most
         FROM (SELECT count(*) AS n FROM sluice.binding WHERE tenant_id = '${this.tenantId}' GROUP BY user_id) b`,
    );
    expect(bound!.most, 'entries bound to one user').to.be.at.most(1);
  }
}

/** Kills between which a tenant lives on; those who are gone for good make every full reading longer. */
const KILLS_PER_TENANT = 40;

/** Once the second page was gated: the next commit is the one that keeps the token after it. */
const onSecondPage = { point: 'page.gated', hit: 2 };
const afterFirstPage = { point: 'page.gated', hit: 1 };
/** On the last page, whose commit keeps the token of the next round. */
const onLastPage = { point: 'pass.ending', hit: 1 };

/**
 * Kills a hub over a first round of several pages, over rounds of changes, and over full rounds because the token had
 * expired. Each killed run is finished by the next hub and verified.
 * @param every where given: in each of the three at every point in turn that a run passes, or each one in so many
 * @param named points between pages, shared out among the three; the instant after a token was kept in each
 */
export async function killOverDirectory(
  site: Site,
  seed: number,
  { every, named = [] }: { readonly every?: number; readonly named?: readonly string[] },
): Promise<{ kills: Kills; resumed: number }> {
  const kills = new Kills(site);
  let siege: DirectorySiege | undefined;
  let laid = 0;
  let resumed = 0;
  const lift = async () => {
    resumed += siege?.resumed ?? 0;
    await siege?.lift();
  };
  const first = async () => {
    await lift();
    siege = await DirectorySiege.lay(site, seed + laid++);
    return siege;
  };
  let moves = 0;
  const moved = (anew: boolean) => async () => {
    if (moves++ % KILLS_PER_TENANT === 0) {
      const fresh = await first();
      await fresh.readWhole(await kills.hub(), false);
      await fresh.verify();
    }
    await siege!.move(anew);
    return siege!;
  };
  for (const [n, round] of [first, moved(false), moved(true)].entries()) {
    if (every !== undefined) await kills.inTurn(round, every);
    for (const [at, point] of named.entries()) {
      const isTurn = at % 3 === n;
      if (point === 'commit.after' ? n > 0 : point === 'commit.before' && n === 1)
        await kills.at(round, { point, from: onLastPage });
      if (!isTurn && point !== 'commit.after') continue;
      // Of the first page as well: until it is committed the token with which the round began must stand.
      if (/^(lease|gate|pass)/.test(point)) await kills.at(round, { point });
      else await kills.at(round, { point, from: point.startsWith('fetch') ? afterFirstPage : onSecondPage });
    }
  }
  await lift();
  await kills.end();
  return { kills, resumed };
}
