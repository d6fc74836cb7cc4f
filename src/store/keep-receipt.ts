import type { StreamReceipt } from '../model/receipt.ts';
import type { TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import type { Pass } from './pass.ts';
import { sql } from './sql.ts';

/** The account of a stream so far, in the transaction that it accounts for. */
export const keepReceipt = (
  tx: Tx,
  { tenantId }: TenantContext,
  pass: Pick<Pass, 'lease' | 'stream'>,
  receipt: StreamReceipt,
  { requests, bytes }: { readonly requests: number; readonly bytes: number },
): Promise<number> =>
  tx.run(sql`
    UPDATE sluice.run SET requests = ${requests}, bytes = ${bytes},
           streams = jsonb_set(streams, ${[pass.stream]}::text[], ${JSON.stringify(receipt)}::jsonb)
     WHERE tenant_id = ${tenantId} AND id = ${pass.lease.run}`);
