import type { TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { sql } from './sql.ts';

/** Its records are recognised by their values anew. Needs the rules held alone. */
export const forgetBindings = (tx: Tx, { tenantId }: TenantContext, connectionId: string): Promise<number> =>
  tx.run(sql`DELETE FROM sluice.binding WHERE tenant_id = ${tenantId} AND connection_id = ${connectionId}`);
