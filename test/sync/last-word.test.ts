import { expect } from 'chai';
import { complete, gone, type Item, page, record, streamOf } from '../../src/contract/index.ts';
import type { Receipt } from '../../src/model/receipt.ts';
import type { HubTenantStore } from '../../src/store/index.ts';
import { type TestHub, testHub } from '../support/hub.ts';
import { employee, logOnOf, memorySource } from '../support/memory-source.ts';

const key = (n: number) => String(employee(n).id);
const disabled = (n: number) => record(employee(n, { disabled: 'yes' }));
const here = (n: number) => record(employee(n));

/** A source may tell of somebody several times in a round, on one page or on several, as they change while it is read. */
describe('of somebody who is told of several times in one reading', () => {
  const source = memorySource({ resumable: true });
  // The same, able to tell what changed.
  const users = { ...streamOf(source.connector, 'users')!, incremental: true };
  let hub: TestHub;
  let tenant: HubTenantStore;
  let ids: string[];

  before(async () => {
    hub = await testHub({ connectors: [{ ...source.connector, streams: { ...source.connector.streams, users } }] });
  });
  beforeEach(async () => {
    const settings = { place: 'here', directory: 'memory' };
    tenant = await hub.tenant(() => ({
      users: { admit: 'first-logon', sources: ['people'], leaver_grace_ms: 7 * 24 * 3_600_000, domains: [] },
      connections: [{ name: 'people', connector: 'memory', settings, streams: {}, paused: false }],
    }));
    ids = [];
    for (let n = 0; n < 12; n++) ids.push((await tenant.users.logOn(logOnOf(n))).user.id);
    await reading(
      'full',
      Array.from({ length: 12 }, (_, n) => here(n)),
    );
  });

  const reading = (mode: 'full' | 'incremental', items: readonly Item[]): Promise<Receipt> => {
    source.script = async function* () {
      yield* items;
      yield complete({ state: { token: 1 } });
    };
    return hub.sync.run({ tenantId: tenant.tenantId, connection: 'people', trigger: 'manual', mode });
  };
  const others = Array.from({ length: 11 }, (_, n) => here(n + 1));
  const statusOf = async (n: number) => (await tenant.users.get(ids[n]!))!.status;

  for (const mode of ['full', 'incremental'] as const) {
    const ways: readonly [string, readonly Item[], 'active' | 'left'][] = [
      ['gone and then back is here', [gone(key(0)), here(0)], 'active'],
      ['gone, and back on the next page, is here', [gone(key(0)), page({ next: 1 }), here(0)], 'active'],
      ['disabled and then enabled is here', [disabled(0), here(0)], 'active'],
      ['here and then gone has left', [here(0), gone(key(0))], 'left'],
      ['here and then disabled has left', [here(0), disabled(0)], 'left'],
      ['here, and disabled on the next page, has left', [here(0), page({ next: 1 }), disabled(0)], 'left'],
      ['gone, back and gone has left', [gone(key(0)), here(0), gone(key(0))], 'left'],
    ];
    for (const [what, items, status] of ways)
      it(`who is ${what}: the last word counts, in a ${mode} reading`, async () => {
        const receipt = await reading(mode, [...(mode === 'full' ? others : []), ...items]);
        expect([receipt.status, receipt.streams.users?.mode]).to.deep.equal(['succeeded', mode]);
        expect(await statusOf(0)).to.equal(status);
        expect(await statusOf(1)).to.equal('active');
      });
  }

  describe('with more of them than may go unasked', () => {
    const seven = [0, 1, 2, 3, 4, 5, 6];
    const allGone = seven.map((n) => gone(key(n)));
    const allHere = seven.map(here);
    const allDisabled = seven.map(disabled);
    const five = Array.from({ length: 5 }, (_, n) => here(n + 7));
    const ways: readonly [string, 'full' | 'incremental', readonly Item[]][] = [
      ['gone, and back on the next page', 'incremental', [...allGone, page({ next: 1 }), ...allHere]],
      ['gone, and back on the next page', 'full', [...allGone, page({ next: 1 }), ...allHere, ...five]],
      [
        'here, gone and back over three pages',
        'incremental',
        [...allHere, page({ next: 1 }), ...allGone, page({ next: 2 }), ...allHere],
      ],
      [
        'here, disabled and back over three pages',
        'full',
        [...allHere, ...five, page({ next: 1 }), ...allDisabled, page({ next: 2 }), ...allHere],
      ],
    ];
    for (const [what, mode, items] of ways)
      it(`who are ${what} are here, and no person is asked of them, in a ${mode} reading`, async () => {
        const receipt = await reading(mode, items);
        expect(receipt.streams.users).to.include({ mode, held: 0, removed: 0 });
        expect(receipt.status).to.equal('succeeded');
        for (const n of seven) expect(await statusOf(n)).to.equal('active');
      });

    it('of whom some are back, only the others wait, and only they go when it is approved', async () => {
      const receipt = await reading('incremental', [...allGone, page({ next: 1 }), here(0), here(1)]);
      expect([receipt.status, receipt.streams.users?.held]).to.deep.equal(['held', 5]);
      const approved = await hub.sync.approve(tenant.tenantId, receipt.run, 'tester');
      expect(approved.streams.users).to.include({ held: 0, removed: 5 });
      expect([await statusOf(1), await statusOf(2)]).to.deep.equal(['active', 'left']);
    });

    it('who are unreadable on the next page wait no more: they are there', async () => {
      const unreadable = seven.map((n) => ({ item: 'skip' as const, key: key(n) }));
      const receipt = await reading('incremental', [...allGone, page({ next: 1 }), ...unreadable]);
      expect([receipt.status, receipt.streams.users?.held]).to.deep.equal(['succeeded', 0]);
    });

    it('of whom one is told gone again, and goes unasked, only the others wait', async () => {
      const receipt = await reading('incremental', [...allGone, page({ next: 1 }), gone(key(0))]);
      expect(receipt.streams.users).to.include({ held: 6, removed: 1 });
    });
  });

  for (const [what, items] of [
    ['gone', [gone(key(0))]],
    ['disabled', [disabled(0)]],
  ] as const)
    for (const [how, item] of [
      ['skipped as unreadable', { item: 'skip', key: key(0) }],
      ['told with a value that nobody can read', record(employee(0, { family: { a: 1 }, mail: 5 } as never))],
    ] as const)
      it(`who is ${what} and then ${how} on the same page is there`, async () => {
        const receipt = await reading('incremental', [...items, item]);
        expect(receipt.streams.users).to.deep.include({ removed: 0 });
        expect(receipt.streams.users?.dropped.invalid).to.equal(1);
        expect(await statusOf(0)).to.equal('active');
      });

  it('who had left before and is told gone once more is no removal of which a person is asked', async () => {
    for (const n of [0, 1, 2, 3, 4]) {
      const receipt = await reading('incremental', [gone(key(n))]);
      expect([receipt.status, receipt.streams.users?.removed]).to.deep.equal(['succeeded', 1]);
    }
    const again = await reading(
      'incremental',
      [0, 1, 2, 3, 4].map((n) => gone(key(n))),
    );
    expect([again.status, again.streams.users?.held]).to.deep.equal(['succeeded', 0]);
  });
});
