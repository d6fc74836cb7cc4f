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
