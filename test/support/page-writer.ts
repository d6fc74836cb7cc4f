import type { Connector, Item } from '../../src/contract/index.ts';
import type { StreamName } from '../../src/model/model.ts';
import { emptyStreamReceipt } from '../../src/model/receipt.ts';
import type { HubTenantStore } from '../../src/store/index.ts';
import { judgePage } from '../../src/sync/judge.ts';
import { planConnection } from '../../src/sync/plans.ts';

/** A removal is about one thing: the day's limit is another test's. */
const GENEROUS = { percent: 100, more_than: 1000 };

/** Commits these items as one page of this stream. */
export type WritePage = (stream: StreamName, items: readonly Item[], readAt: Date) => Promise<void>;

/** Takes a connection's lease, begins a pass over each of its streams, and writes pages to it as a run would. */
export async function pageWriter(tenant: HubTenantStore, connector: Connector, connection: string): Promise<WritePage> {
  const live = (await tenant.configuration.read())!;
  const configured = live.configuration.connections.find(({ name }) => name === connection)!;
  const { id, directory } = await tenant.connections.get(connection);
  const lease = await tenant.acquire(id, { trigger: 'manual' });
  const streams = new Map<StreamName, (items: readonly Item[], readAt: Date) => Promise<unknown>>();
  for (const { plan, fingerprint } of planConnection(tenant, connector, live, configured, directory).streams) {
    const wanted = { stream: plan.stream, partition: '', mode: 'full', fingerprint, resumable: false } as const;
    const pass = await tenant.beginPass(lease, wanted);
    const rules = await tenant.loadedRules(id);
    const rest = { state: undefined, requests: 0, bytes: 0, limit: GENEROUS, configuration: live.version };
    streams.set(plan.stream, (items, readAt) => {
      const through = rules.view();
      return tenant.applyPage(pass, rules, {
        ...rest,
        complete: undefined,
        readAt,
        receipt: emptyStreamReceipt('full'),
        judged: { through, page: judgePage(plan, through, items) },
        judge: (now) => judgePage(plan, now, items),
      });
    });
  }
  return async (stream, items, readAt) => void (await streams.get(stream)!(items, readAt));
}
