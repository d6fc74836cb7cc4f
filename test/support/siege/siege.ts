import { expect } from 'chai';
import type { Receipt } from '../../../src/model/receipt.ts';
import { seededRandom } from '../../../src/sandbox/random.ts';
import type { HubTenantStore, Store, User } from '../../../src/store/index.ts';
import { runConnection } from '../../../src/sync/run.ts';
import { testConfiguration } from '../hub.ts';
import type { HubOrder, HubSaid } from '../killable-hub.ts';
import { FeedReader, followedUsers } from './feed-reader.ts';
import { Company, type ExpectedPass, essence, GRACE_MS, matchValuesOf } from './oracle.ts';
import { PagedSource, pagedConnectors, type SourceKind } from './paged-source.ts';
import { siegeDeps } from './run-deps.ts';
import type { KillableHub, Site } from './site.ts';

const DAY_MS = 24 * 3_600_000;
export const CONNECTION = 'people';
let sieges = 0;

/** The business clock of a site: two days pass between two versions of a directory, for grace and limits. */
export class SiegeClock {
  ahead_ms = 0;
  readonly now = () => new Date(Date.now() + this.ahead_ms);
}

export interface SiegeOptions {
  readonly kind: SourceKind;
  readonly seed: number;
  readonly people: number;
  readonly pageSize: number;
}

/** One tenant whose directory lives on, whose hub is killed, and whose feed is followed all the while. */
export class Siege {
  readonly site: Site;
  readonly clock: SiegeClock;
  readonly source: PagedSource;
  readonly tenantId: string;
  readonly reader: FeedReader<User>;
  readonly #kind: SourceKind;
  readonly #company: Company;
  readonly #random: ReturnType<typeof seededRandom>;
  #expected: ExpectedPass | undefined;
  /** Its own days: the site's clock shows them while this siege changes its directory. */
  #ahead_ms = 0;
  #versionBegan = { feed: 0, runs: new Set<string>() };
  /** Changes to who is here that no pass made: log-ons, erasures, graces that ended. */
  #ownChanges = 0;
  /** Kills in this version of the directory. */
  #kills = 0;
  #attemptBegan = 0;

  private constructor(site: Site, clock: SiegeClock, source: PagedSource, tenantId: string, options: SiegeOptions) {
    this.site = site;
    this.clock = clock;
    this.source = source;
    this.tenantId = tenantId;
    this.#kind = options.kind;
    this.#random = seededRandom(options.seed);
    this.#company = new Company(this.#random, options.people);
    this.reader = new FeedReader(() => this.tenant(), followedUsers, options.pageSize);
    this.reader.start(40);
  }

  static async lay(site: Site, clock: SiegeClock, options: SiegeOptions): Promise<Siege> {
    const source = await PagedSource.open(options.pageSize);
    const name = `siege-${++sieges}`;
    const { id } = await site.store.registry.ensureTenant(name);
    const tenant = await site.store.tenant(id);
    await tenant.configuration.write(
      testConfiguration(name, {
        users: { admit: 'first-logon', sources: [CONNECTION], leaver_grace_ms: GRACE_MS, domains: [] },
        connections: [
          {
            name: CONNECTION,
            connector: options.kind,
            settings: { url: source.url, directory: 'paged' },
            streams: {},
            paused: false,
          },
        ],
      }),
      { expected: null, resume: true },
    );
    const siege = new Siege(site, clock, source, id, options);
    await siege.#logOnSome(Math.ceil(options.people * 0.6));
    await siege.nextVersion();
    return siege;
  }

  tenant(): Promise<HubTenantStore> {
    return this.site.store.tenant(this.tenantId);
  }

  order(at?: HubOrder['at']): HubOrder {
    return { tenantId: this.tenantId, connection: CONNECTION, ahead_ms: this.#ahead_ms, ...(at ? { at } : {}) };
  }

  /** Two days later: the directory has changed, people logged on, some were erased, graces ended. */
  async nextVersion(): Promise<void> {
    const tenant = await this.tenant();
    this.#ahead_ms += 2 * DAY_MS;
    this.clock.ahead_ms = this.#ahead_ms;
    await this.#settleVersion();
    const now = this.clock.now();
    await tenant.upkeep(GRACE_MS);
    this.#ownChanges += this.#company.graceOver(now.getTime());
    if (this.#random.chance(0.2) && this.#company.users.length > 0) {
      const { id } = this.#random.pick(this.#company.users);
      expect(await tenant.users.erase(id)).to.equal(true);
      this.#company.erased(id);
      this.#ownChanges++;
    }
    this.#company.change();
    await this.#logOnSome(1 + this.#random.below(2));
    this.source.people = this.#company.records;
    this.source.fetched.length = 0;
    this.#attemptBegan = 0;
    this.#kills = 0;
    this.#expected = this.#company.pass(this.clock.now().getTime());
  }

  async #settleVersion(): Promise<void> {
    this.#ownChanges = 0;
    this.#versionBegan = { feed: await this.#feedHead(), runs: new Set((await this.#runs()).map(({ run }) => run)) };
  }

  async #logOnSome(count: number): Promise<void> {
    const tenant = await this.tenant();
    for (let left = count; left > 0; left--) {
      const strangers = this.#company.strangers();
      if (strangers.length === 0) return;
      const n = this.#random.pick(strangers);
      const { outcome, user } = await tenant.users.logOn(this.#company.logOnOf(n));
      expect(outcome).to.equal('created');
      this.#company.loggedOn(n, user.id);
      this.#ownChanges++;
    }
  }

  /** Tells a hub to run, and hears how that ended; undefined: it was killed. */
  async attempt(hub: KillableHub, at?: HubOrder['at']): Promise<HubSaid | undefined> {
    this.beginAttempt();
    hub.send(this.order(at));
    const said = await hub.next();
    if (said?.is === 'at' && at?.what === 'SIGKILL') {
      await hub.kill();
      await this.killed();
    }
    return said;
  }

  /** The pass that was killed is finished by this hub, unless the kill came after its end; everything is checked. */
  async finish(hub: KillableHub): Promise<void> {
    const ended = await this.#endedRun();
    if (ended) return this.verify(ended, { oneRun: true });
    const said = await this.attempt(hub);
    this.checkFetches();
    if (said?.is !== 'ended') throw new Error(`a hub could not go on after a kill: ${JSON.stringify(said)}`);
    await this.verify(said.receipt, { oneRun: true });
  }

  async #endedRun(): Promise<Receipt | undefined> {
    const fresh = (await this.#runs()).filter(({ run }) => !this.#versionBegan.runs.has(run));
    return fresh.find(({ status }) => status !== 'running');
  }

  beginAttempt(): void {
    this.#attemptBegan = this.source.fetched.length;
  }

  /** Runs the connection in this process, over this store or another. */
  async runHere(store: Store = this.site.store): Promise<Receipt> {
    const clock = { now: () => new Date(Date.now() + this.#ahead_ms) };
    const deps = siegeDeps(clock, pagedConnectors);
    return runConnection(deps, await store.tenant(this.tenantId), { connection: CONNECTION, trigger: 'siege' });
  }

  /** Every row of this tenant that a run can write, lease and feed head included, as text. */
  async rows(): Promise<string> {
    const tables = [
      'sluice.users',
      'sluice.contribution',
      'sluice.binding',
      'sluice.match_value',
      'sluice.feed',
      'sluice.partition',
    ];
    tables.push(
      'sluice.seen',
      'sluice.run',
      'sluice.held',
      'sluice.removal',
      'registry.connection',
      'registry.feed_head',
      'registry.rules',
    );
    const parts = tables.map(
      (table) =>
        `SELECT '${table}' AS name, coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '') AS rows
           FROM ${table} t WHERE tenant_id = '${this.tenantId}'`,
    );
    return JSON.stringify(await this.site.sql(parts.join(' UNION ALL ')), null, 1);
  }

  /** One more kill, after which pages may be fetched once more. */
  struck(): void {
    this.#kills++;
  }

  /** To be told after every kill: the next attempt may begin. */
  async killed(): Promise<void> {
    this.struck();
    await this.site.expireLease(this.tenantId);
  }

  /**
   * What was fetched by the attempt that ended just now: each page once, in order; and by one that goes on where a
   * killed one had been, from the first page that was not committed: at most two before the last one it fetched, the
   * page under way and the one read ahead.
   */
  checkFetches(): void {
    const { fetched } = this.source;
    const now = fetched.slice(this.#attemptBegan);
    const first = now[0];
    if (first === undefined) return;
    expect(now, 'pages of one attempt').to.deep.equal(now.map((_, index) => first + index));
    const before = fetched[this.#attemptBegan - 1];
    if (this.#kind === 'restarting') expect(first).to.equal(0);
    else if (before !== undefined)
      expect(first, 'first page after a kill').to.be.within(Math.max(0, before - 1), before + 1);
  }

  /** No page was fetched more than once, and once more per kill. */
  checkFetchBudget(): void {
    const times = new Map<number, number>();
    for (const page of this.source.fetched) times.set(page, (times.get(page) ?? 0) + 1);
    for (const [page, count] of times) expect(count, `fetches of page ${page}`).to.be.at.most(1 + this.#kills);
  }

  /** Everything that must be true when a pass is complete. */
  async verify(last: Receipt, options: { oneRun: boolean }): Promise<void> {
    const expected = this.#expected!;
    expect(last.status).to.equal(expected.held > 0 ? 'held' : 'succeeded');
    this.checkFetchBudget();
    await this.#checkReceipts(last, options.oneRun);
    await this.#checkUsers();
    await this.#checkFeed();
  }

  async #checkReceipts(last: Receipt, oneRun: boolean): Promise<void> {
    const expected = this.#expected!;
    const runs = (await this.#runs()).filter(({ run }) => !this.#versionBegan.runs.has(run));
    if (oneRun)
      expect(runs.map(({ run, status }) => ({ run, status }))).to.deep.equal([{ run: last.run, status: last.status }]);
    const sum = { created: 0, updated: 0, removed: 0 };
    for (const { streams, finished_at } of runs) {
      expect(finished_at).to.not.equal(null);
      const users = streams.users;
      if (!users) continue;
      const dropped = Object.values(users.dropped).reduce((total, count) => total + count, 0);
      expect(users.read, 'read = kept + dropped + repeated').to.equal(users.kept + dropped + users.repeated);
      expect(users.kept, 'kept = created + updated + unchanged').to.equal(
        users.created + users.updated + users.unchanged,
      );
      sum.created += users.created;
      sum.updated += users.updated;
      sum.removed += users.removed;
    }
    const { created, updated, removed, unchanged, held, strangers, outOfScope } = expected;
    expect(sum, 'over all runs').to.deep.equal({ created, updated, removed });
    expect(last.streams.users?.held).to.equal(held);
    if (!oneRun) return;
    expect(last.streams.users).to.include({ kept: created + updated + unchanged, unchanged });
    if (this.#kind === 'resumable') expect(last.streams.users?.read).to.equal(this.source.people.length);
    // Of strangers nothing is remembered: a pass that began at its first page again counted them again.
    if (last.streams.users!.read !== this.source.people.length) return;
    expect(last.streams.users?.dropped).to.deep.equal({
      ...(strangers ? { 'not-a-user': strangers } : {}),
      ...(outOfScope ? { 'out-of-scope': outOfScope } : {}),
    });
  }

  async #checkUsers(): Promise<void> {
    const tenant = await this.tenant();
    const told = new Map((await everybody(tenant)).map((user) => [user.id, user]));
    const expected = this.#company.users;
    expect(
      Object.fromEntries([...told].map(([id, user]) => [id, essence(user)])),
      'users are what the oracle says',
    ).to.deep.equal(Object.fromEntries(expected.map((user) => [user.id, essence(user)])));
    for (const user of this.#random.chance(0.25) ? expected : expected.slice(0, 3)) {
      const account = await tenant.users.account(user.id);
      const values = account.match_values.map(({ kind, value }) => `${kind} ${value}`).sort();
      expect(values).to.deep.equal(matchValuesOf(user).sort());
      const suppliers = account.contributions.map(({ supplier }) => supplier).sort();
      expect(suppliers).to.deep.equal(user.told ? ['log-on', CONNECTION] : ['log-on']);
    }
  }

  async #checkFeed(): Promise<void> {
    const tenant = await this.tenant();
    await this.reader.stop();
    await this.reader.drain();
    expect(this.reader.complaints).to.deep.equal([]);
    const final = new Map((await everybody(tenant)).map((user) => [user.id, user]));
    expect(sortedById(this.reader.state), 'what the reader put together').to.deep.equal(sortedById(final));
    const [feed] = await this.site.sql<{ odd: number }>(
      `SELECT count(*)::int AS odd
         FROM (SELECT * FROM sluice.feed WHERE tenant_id = '${this.tenantId}' AND kind = 'user' AND op = 'upsert') f
         FULL JOIN (SELECT * FROM sluice.users WHERE tenant_id = '${this.tenantId}') u
           ON u.id = f.entity_id AND u.version = f.seq
        WHERE u.id IS NULL OR f.seq IS NULL`,
    );
    expect(feed!.odd, 'users whose version is not their number in the feed').to.equal(0);
    const taken = (await this.#feedHead()) - this.#versionBegan.feed;
    expect(taken, 'one number for each change').to.equal(this.#expected!.changes + this.#ownChanges);
    this.reader.start(40);
  }

  async #feedHead(): Promise<number> {
    const [row] = await this.site.sql<{ seq: number }>(
      `SELECT seq::bigint AS seq FROM registry.feed_head WHERE tenant_id = '${this.tenantId}'`,
    );
    return Number(row!.seq);
  }

  async #runs(): Promise<Receipt[]> {
    const { items } = await (await this.tenant()).runs.list({ limit: 50 });
    return [...items];
  }

  async lift(): Promise<void> {
    await this.reader.stop();
    await this.source.close();
  }
}

async function everybody(tenant: HubTenantStore): Promise<User[]> {
  const users: User[] = [];
  for (let after: string | undefined; ; ) {
    const page = await tenant.users.list({ after, limit: 200 });
    users.push(...page.items);
    if (!page.next) return users;
    after = page.next;
  }
}

const sortedById = (users: ReadonlyMap<string, User>) => [...users.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
