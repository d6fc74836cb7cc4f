import { forgetBindings } from './bindings.ts';
import { inTenant, type TenantContext } from './context.ts';
import { lockRules, rulesChanged } from './rules.ts';
import { sql } from './sql.ts';

/**
 * To be called before a connection's records are judged under `directory`. Source keys are digested with their
 * directory: bindings made under another one would recognise nobody, and keep everybody from being recognised anew. They
 * are forgotten; the reading finds its people by their values again.
 * @param named what the setting `directory` says: what bindings were made under before this was noted
 */
export function settleDirectory(
  context: TenantContext,
  connectionId: string,
  directory: string,
  named: string | null,
): Promise<void> {
  const { tenantId } = context;
  return inTenant(context, async (tx) => {
    // The one lock order: connections, then rules.
    const [before] = await tx.rows<{ bound: string }>(sql`
      SELECT coalesce(bound_directory, ${named}::text, directory) AS bound
        FROM registry.connection WHERE tenant_id = ${tenantId} AND id = ${connectionId} FOR NO KEY UPDATE`);
    if (!before || before.bound === directory) return;
    await lockRules(tx, tenantId, 'alone');
    await forgetBindings(tx, context, connectionId);
    await rulesChanged(tx, tenantId);
    await tx.run(sql`
      UPDATE registry.connection SET bound_directory = ${directory} WHERE tenant_id = ${tenantId} AND id = ${connectionId}`);
  });
}
