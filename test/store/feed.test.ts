import { expect } from 'chai';
import { onFaultPoint } from '../../src/base/faults.ts';
import type { FeedKind } from '../../src/model/model.ts';
import type { Change, HubTenantStore } from '../../src/store/index.ts';
import { failureOf } from '../support/failure.ts';
import { FeedReader } from '../support/feed-reader.ts';
import { feedTrial } from '../support/feed-trial.ts';
import { type TestClock, type TestHub, testClock, testHub } from '../support/hub.ts';
import { logOnOf } from '../support/memory-source.ts';
import { asOwner } from '../support/owner.ts';

const DAY_MS = 24 * 3_600_000;
const KINDS: readonly FeedKind[] = ['user', 'locker'];

describe('the change feed', () => {
  let hub: TestHub;
  let clock: TestClock;
  before(async () => {
    clock = testClock(new Date('2026-11-22T09:00:00Z'));
    hub = await testHub({ clock });
  });

  const logOn = async (tenant: HubTenantStore, n: number) => (await tenant.users.logOn(logOnOf(n))).user.id;
  const rename = (tenant: HubTenantStore, n: number, given_name: string) =>
    tenant.users.logOn({ ...logOnOf(n), given_name });
  const read = (tenant: HubTenantStore, cursor: string | undefined, limit = 1000, kinds = KINDS) =>
    tenant.changes.read({ cursor, limit, kinds });

  async function sequence(tenant: HubTenantStore, from: string | undefined, limit: number): Promise<Change[]> {
    const told: Change[] = [];
    let cursor = from;
    for (;;) {
      const page = await read(tenant, cursor, limit);
      told.push(...page.items);
      cursor = page.next;
      if (!page.more) return told;
    }
  }

  it('leaves every reader with exactly the final state while 8 writers commit and roll back', async function () {
    this.timeout(240_000);
    const seed = Number(process.env.SEED ?? 20261122);
    const { differences, committed, rolledBack, refused, live, deadlocks } = await feedTrial({
      seed,
      writers: 8,
      transactions: 200,
    });
    expect(differences, `seed ${seed}`).to.deep.equal([]);
    expect(committed + rolledBack + refused).to.equal(8 * 200);
    expect(rolledBack).to.be.greaterThan(8 * 200 * 0.06);
    expect(committed).to.be.greaterThan(8 * 200 * 0.8);
    expect(live).to.be.greaterThan(20);
    expect(deadlocks, 'deadlocks').to.equal(0);
  });

  it('tells a reader without a cursor every live entity once, then what changes', async () => {
    const tenant = await hub.tenant();
    const [a, b, c] = [await logOn(tenant, 1), await logOn(tenant, 2), await logOn(tenant, 3)];
    await tenant.users.erase(b);
    await rename(tenant, 1, 'Renamed');
    const bulk = await read(tenant, undefined, 1);
    expect(bulk.items.map(({ id, op }) => [id, op])).to.deep.equal([[c, 'upsert']]);
    expect(bulk.more).to.equal(true);
    const rest = await read(tenant, bulk.next, 1);
    expect(rest.items.map(({ id, op }) => [id, op])).to.deep.equal([[a, 'upsert']]);
    const end = await read(tenant, rest.next);
    expect(end).to.include({ more: false }).and.to.have.property('items').that.is.empty;

    await tenant.users.erase(c);
    const tail = await read(tenant, end.next);
    expect(tail.items.map(({ id, op, reason }) => [id, op, reason])).to.deep.equal([[c, 'remove', 'erased']]);
  });

  it('tells what changed during the bulk load after it, removals of what was told before included', async () => {
    const tenant = await hub.tenant();
    const [a, b, c] = [await logOn(tenant, 1), await logOn(tenant, 2), await logOn(tenant, 3)];
    const bulk = await read(tenant, undefined, 1);
    expect(bulk.items.map(({ id }) => id)).to.deep.equal([a]);
    await rename(tenant, 2, 'Later');
    await tenant.users.erase(a);
    const told = await sequence(tenant, bulk.next, 1);
    expect(told.map(({ id, op }) => [id, op])).to.deep.equal([
      [c, 'upsert'],
      [b, 'upsert'],
      [a, 'remove'],
    ]);
  });

  it('tells the same sequence in pages of any size', async () => {
    const tenant = await hub.tenant();
    const ids: string[] = [];
    for (let n = 0; n < 9; n++) ids.push(await logOn(tenant, n));
    const start = (await read(tenant, undefined)).next;
    for (const n of [3, 0, 7]) await rename(tenant, n, 'Changed');
    await tenant.users.erase(ids[5]!);
    await tenant.users.erase(ids[0]!);
    for (const n of [3, 8]) await rename(tenant, n, 'Changed again');
    for (const from of [undefined, start]) {
      const whole = await sequence(tenant, from, 1000);
      expect(whole).to.have.length(from ? 5 : 7);
      for (let limit = 1; limit <= whole.length + 1; limit++) {
        expect(await sequence(tenant, from, limit), `limit ${limit}`).to.deep.equal(whole);
      }
    }
  });

  it('moves the cursor past kinds that are left out', async () => {
    const tenant = await hub.tenant();
    await logOn(tenant, 1);
    const start = await read(tenant, undefined, 10, ['locker']);
    expect(start.items).to.deep.equal([]);
    await logOn(tenant, 2);
    const { items, next } = await read(tenant, start.next, 10, ['locker']);
    expect(items).to.deep.equal([]);
    expect((await read(tenant, next)).items).to.deep.equal([]);
    expect((await read(tenant, start.next)).items).to.have.length(1);
  });

  it('refuses a cursor of another epoch, and one from after a restored moment', async () => {
    const tenant = await hub.tenant();
    await logOn(tenant, 1);
    const early = (await read(tenant, undefined)).next;
    await logOn(tenant, 2);
    const late = (await read(tenant, early)).next;
    const set = (text: string) =>
      asOwner((client) =>
        client.query(`UPDATE registry.feed_head SET ${text} WHERE tenant_id = $1`, [tenant.tenantId]),
      );
    await set('seq = seq - 1');
    expect(await failureOf(read(tenant, late))).to.include({ kind: 'cursor-too-old' });
    await set('seq = seq + 1, epoch = gen_random_uuid()');
    expect(await failureOf(read(tenant, early))).to.include({ kind: 'cursor-too-old' });
    const reader = new FeedReader(tenant);
    await reader.drain(10);
    expect(reader.held.size).to.equal(2);
  });

  it('refuses a cursor from before a removal that is remembered no more', async () => {
    const tenant = await hub.tenant();
    const gone = await logOn(tenant, 1);
    await logOn(tenant, 2);
    const before = (await read(tenant, undefined)).next;
    await tenant.users.erase(gone);
    const told = await read(tenant, before);
    expect(told.items).to.have.length(1);

    const now = clock.now();
    clock.advance(30 * DAY_MS - 1);
    await tenant.upkeep(7 * DAY_MS);
    expect((await read(tenant, before)).items, 'on the thirtieth day').to.deep.equal(told.items);
    clock.advance(1);
    await tenant.upkeep(7 * DAY_MS);
    expect(await failureOf(read(tenant, before))).to.include({ kind: 'cursor-too-old' });
    expect((await read(tenant, told.next)).items, 'a reader who heard of it').to.deep.equal([]);
    expect((await read(tenant, undefined)).items, 'a new reader').to.have.length(1);
    clock.set(now);
  });

  it('never passes over a removal that is purged while it reads', async () => {
    const tenant = await hub.tenant();
    const gone = await logOn(tenant, 1);
    const before = (await read(tenant, undefined)).next;
    await tenant.users.erase(gone);
    const now = clock.now();
    clock.advance(31 * DAY_MS);
    let purged = false;
    onFaultPoint(async (point) => {
      if (point !== 'statement.after' || purged) return;
      purged = true; // before the purge passes points of its own
      await tenant.upkeep(7 * DAY_MS);
    });
    try {
      const told = await read(tenant, before);
      expect(told.items.map(({ id, op }) => [id, op])).to.deep.equal([[gone, 'remove']]);
    } finally {
      onFaultPoint(undefined);
      clock.set(now);
    }
    expect(await failureOf(read(tenant, before))).to.include({ kind: 'cursor-too-old' });
  });

  it('gives a number to nothing that was rolled back', async () => {
    const tenant = await hub.tenant();
    await logOn(tenant, 1);
    const before = await read(tenant, undefined);
    let commits = 0;
    onFaultPoint((point) => {
      // The first commit only reads the configuration.
      if (point === 'commit.before' && ++commits === 2) throw new Error('rolled back');
    });
    try {
      expect(await logOn(tenant, 2).catch((error: unknown) => error)).to.have.property('message', 'rolled back');
    } finally {
      onFaultPoint(undefined);
    }
    expect(await read(tenant, before.next)).to.deep.equal({ items: [], next: before.next, more: false });
  });
});
