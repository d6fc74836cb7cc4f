/**
 * Many writers, each with connections of its own, do real store transactions on the same people at once, and a share
 * of them is rolled back at its very end. Readers follow the feed throughout and must end with what is there.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Refused } from '../../src/base/errors.ts';
import { onFaultPoint } from '../../src/base/faults.ts';
import { type Connector, connector, gone, type Item, records, type SourceRecord } from '../../src/contract/index.ts';
import type { FeedKind } from '../../src/model/model.ts';
import type { HubTenantStore } from '../../src/store/index.ts';
import { FeedReader, liveEntities } from './feed-reader.ts';
import { type TestClock, testClock, testHub } from './hub.ts';
import { asOwner, deadlocks } from './owner.ts';
import { pageWriter, type WritePage } from './page-writer.ts';
import { below, type Chance, chance, pick } from './random.ts';

const DAY_MS = 24 * 3_600_000;
/** Small, so that writers meet on the same rows. */
const PEOPLE = 30;
const LOCKERS = 8;
/** Fed by hand, page by page: what it would read by itself is nothing. */
const trialConnector: Connector = connector({
  name: 'trial',
  summary: 'People, lockers and assignments that a test writes.',
  version: 1,
  network: 'None.',
  permission: 'None.',
  settings: {},
  streams: {
    users: {
      key: 'id',
      match: { email: 'mail' },
      keep: { given_name: 'given', email: 'mail', job_title: 'title' },
      read: nothing,
    },
    lockers: { key: 'id', keep: { number: 'id', status: 'status' }, read: nothing },
    locker_assignments: { key: 'id', match: { email: 'mail' }, keep: { locker: 'locker' }, read: nothing },
  },
  check: async () => ({ findings: [] }),
});

async function* nothing(): AsyncIterable<Item> {}

export interface FeedTrial {
  readonly seed: number;
  readonly writers: number;
  readonly transactions: number;
  readonly log?: (line: string) => void;
}

export interface FeedTrialResult {
  readonly committed: number;
  readonly rolledBack: number;
  /** Answers the store gives to operations on somebody erased meanwhile; nothing is written by them. */
  readonly refused: number;
  /** Differences between what readers hold and what is there; empty when all is well. */
  readonly differences: readonly string[];
  /** How often PostgreSQL had to break one: each costs a second. */
  readonly deadlocks: number;
  readonly live: number;
  readonly head: number;
}

class RolledBack extends Error {}

/** How many commits of this writer's operation go through before the one that fails; only its own are counted. */
const failing = new AsyncLocalStorage<{ commitsLeft: number }>();

export async function feedTrial({ seed, writers, transactions, log = () => {} }: FeedTrial): Promise<FeedTrialResult> {
  const clock = testClock(new Date('2026-11-22T09:00:00Z'));
  const first = await testHub({ connectors: [trialConnector], clock, poolSize: 4 });
  const tenant = await first.tenant(() => ({
    features: ['people-directory', 'lockers', 'hybrid-meetings'],
    connections: Array.from({ length: writers }, (_, n) => ({
      name: `w${n}`,
      connector: 'trial',
      settings: {},
      streams: {},
      paused: false,
    })),
  }));
  onFaultPoint((point) => {
    const fault = failing.getStore();
    if (fault && point === 'commit.before' && fault.commitsLeft-- === 0) throw new RolledBack();
  });
  const deadlocksBefore = await deadlocks();
  try {
    const known = new Map<number, string>();
    const hubs = await Promise.all(
      Array.from({ length: writers }, () => testHub({ connectors: [trialConnector], clock, poolSize: 2 })),
    );
    let running = true;
    const readers = [new FeedReader(tenant), new FeedReader(tenant, ['locker']), new FeedReader(tenant)];
    const following = readers.map((reader, n) =>
      follow(reader, chance(seed + 1000 + n), n === 2 ? 400 : 0, () => running),
    );
    const writing = hubs.map(async (hub, n) => {
      const own = await hub.store.tenant(tenant.tenantId);
      const write = await pageWriter(own, trialConnector, `w${n}`);
      const writer = new Writer(own, n, { random: chance(seed + n), clock, known, write });
      for (let done = 0; done < transactions; done++) {
        await writer.transaction();
        if (n === 0 && done % 250 === 249) log(`${done + 1} of ${transactions} transactions per writer`);
      }
      await hub.close();
      return writer;
    });
    const wrote = await Promise.all(writing).finally(() => {
      running = false;
    });
    await Promise.all(following);
    const sum = (what: 'committed' | 'rolledBack' | 'refused') =>
      wrote.reduce((total, writer) => total + writer[what], 0);
    const { differences, live, head } = await compare(tenant, readers);
    return {
      committed: sum('committed'),
      rolledBack: sum('rolledBack'),
      refused: sum('refused'),
      deadlocks: (await deadlocks()) - deadlocksBefore,
      differences,
      live,
      head,
    };
  } finally {
    onFaultPoint(undefined);
    await first.close();
  }
}

async function follow(reader: FeedReader, random: Chance, afterMs: number, running: () => boolean): Promise<void> {
  await sleep(afterMs);
  while (running()) if (!(await reader.poll(1 + below(random, 20)))) await sleep(below(random, 30));
  await reader.drain(100);
}

class Writer {
  readonly #tenant: HubTenantStore;
  readonly #random: Chance;
  readonly #clock: TestClock;
  readonly #known: Map<number, string>;
  readonly #write: WritePage;
  readonly #number: number;
  committed = 0;
  rolledBack = 0;
  refused = 0;

  constructor(
    tenant: HubTenantStore,
    number: number,
    given: { random: Chance; clock: TestClock; known: Map<number, string>; write: WritePage },
  ) {
    this.#tenant = tenant;
    this.#number = number;
    this.#random = given.random;
    this.#clock = given.clock;
    this.#known = given.known;
    this.#write = given.write;
  }

  async transaction(): Promise<void> {
    const [operation, commitsBefore] = this.#choose();
    const rollBack = this.#random() < 0.1;
    try {
      await (rollBack ? failing.run({ commitsLeft: commitsBefore }, operation) : operation());
      this.committed++;
    } catch (error) {
      if (error instanceof RolledBack) this.rolledBack++;
      else if (error instanceof Refused) this.refused++;
      else throw error;
    }
  }

  /** What to do, and how many transactions that only read it commits before the one that writes. */
  #choose(): [() => Promise<unknown>, number] {
    const random = this.#random;
    const n = below(random, PEOPLE);
    const user = this.#known.get(n);
    const die = random();
    if (!user || die < 0.2) return [() => this.#logOn(n), 1];
    if (die < 0.5) return [() => this.#write('users', [records(this.#people())], this.#clock.now()), 0];
    if (die < 0.65) return [() => this.#write('lockers', this.#lockers(), this.#clock.now()), 0];
    if (die < 0.75)
      return [() => this.#write('locker_assignments', [records(this.#assignments())], this.#clock.now()), 0];
    if (die < 0.82) return [() => this.#erase(n, user), 0];
    if (die < 0.93)
      return [
        () => this.#tenant.users.optIn(user, 'hybrid-meetings', { text_version: `${below(random, 3)}`, locale: 'nl' }),
        0,
      ];
    return [() => this.#tenant.users.optOut(user, 'hybrid-meetings'), 0];
  }

  async #logOn(n: number): Promise<void> {
    const { user } = await this.#tenant.users.logOn({
      email: `p${n}@acme.example`,
      given_name: `Given${below(this.#random, 4)}`,
      family_name: `F${n}`,
    });
    this.#known.set(n, user.id);
  }

  async #erase(n: number, user: string): Promise<void> {
    await this.#tenant.users.erase(user);
    if (this.#known.get(n) === user) this.#known.delete(n);
  }

  #people(): SourceRecord[] {
    const from = below(this.#random, PEOPLE);
    return Array.from({ length: 1 + below(this.#random, 6) }, (_, k) => {
      const n = (from + k * 7) % PEOPLE;
      return {
        id: `entry-${n}`,
        mail: `p${n}@acme.example`,
        given: `Given${below(this.#random, 4)}`,
        title: `T${below(this.#random, 5)}`,
      };
    });
  }

  #lockers(): Item[] {
    const id = `locker-${below(this.#random, LOCKERS)}`;
    if (this.#random() >= 0.2) return [records([{ id, status: pick(this.#random, ['free', 'blocked', 'unknown']) }])];
    // The limit looks at the last 24 h: a removal is a day's only one.
    this.#clock.advance(DAY_MS + 1);
    return [gone(id)];
  }

  #assignments(): SourceRecord[] {
    return Array.from({ length: 1 + below(this.#random, 4) }, () => {
      const person = this.#random() < 0.2 ? 'stranger' : `p${below(this.#random, PEOPLE)}`;
      const id = `a-${this.#number}-${below(this.#random, LOCKERS)}`;
      return { id, locker: `locker-${below(this.#random, LOCKERS)}`, mail: `${person}@acme.example` };
    });
  }
}

async function compare(
  tenant: HubTenantStore,
  readers: readonly FeedReader[],
): Promise<{ differences: string[]; live: number; head: number }> {
  const differences: string[] = [];
  const { users, lockers, head, astray } = await asOwner(async (client) => {
    const ids = async (table: string) =>
      (
        await client.query<{ id: string }>(`SELECT id FROM sluice.${table} WHERE tenant_id = $1`, [tenant.tenantId])
      ).rows.map(({ id }) => id);
    const { rows } = await client.query<{ seq: number }>('SELECT seq FROM registry.feed_head WHERE tenant_id = $1', [
      tenant.tenantId,
    ]);
    const lost = await client.query<{ n: number }>(
      `SELECT count(*)::int AS n
         FROM (SELECT 'user' AS kind, id, version FROM sluice.users WHERE tenant_id = $1
               UNION ALL SELECT 'locker', id, version FROM sluice.locker WHERE tenant_id = $1) e
         FULL JOIN (SELECT kind, entity_id AS id, seq FROM sluice.feed WHERE tenant_id = $1 AND op = 'upsert') f USING (kind, id)
        WHERE e.version IS DISTINCT FROM f.seq`,
      [tenant.tenantId],
    );
    return { users: await ids('users'), lockers: await ids('locker'), head: rows[0]!.seq, astray: lost.rows[0]!.n };
  });
  if (astray > 0) differences.push(`${astray} entities whose version is not their number in the feed`);
  for (const reader of readers) {
    const live = await liveEntities(tenant, { users, lockers }, reader.kinds);
    const name = `the reader of ${reader.kinds}`;
    for (const [key, entity] of live) {
      if (!reader.held.has(key)) differences.push(`${name} lacks ${key}`);
      else if (JSON.stringify(reader.held.get(key)) !== JSON.stringify(entity))
        differences.push(`${name} has an old ${key}`);
    }
    for (const key of reader.held.keys()) if (!live.has(key)) differences.push(`${name} still holds ${key}`);
    // Kinds left out do not hold a cursor back: nothing is left to tell from where it stands.
    const left = await tenant.changes.read({
      cursor: reader.cursor,
      limit: 1000,
      kinds: ['user', 'locker'] satisfies FeedKind[],
    });
    if (left.items.length > 0) differences.push(`${name} stands ${left.items.length} changes behind`);
  }
  return { differences, live: users.length + lockers.length, head };
}
