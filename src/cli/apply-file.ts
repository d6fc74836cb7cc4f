import { BadInput, NeedsAttention } from '../base/errors.ts';
import type { Store } from '../store/index.ts';
import type { TenantConfiguration, TenantStore } from '../store/types.ts';
import type { Applied, Plan } from '../tenants/index.ts';
import type { CliDeps } from './deps.ts';

export interface ApplyFileOptions {
  readonly yes?: boolean;
  readonly resume?: boolean;
  readonly overwrite?: boolean;
  readonly dryRun?: boolean;
  readonly onPlan?: (plan: Plan) => void;
}

/**
 * Applies a tenant's configuration, making the tenant if there is none: only once the plan stands, so that a refused
 * file and a dry run leave no empty tenant behind.
 * @throws NeedsAttention when it would destroy something without `yes`
 */
export async function applyFile(
  store: Store,
  next: TenantConfiguration,
  { connectors }: Pick<CliDeps, 'connectors'>,
  options: ApplyFileOptions,
): Promise<Applied> {
  let plan: Plan | undefined;
  const onPlan = (made: Plan) => {
    plan = made;
    options.onPlan?.(made);
  };
  try {
    const { applyConfiguration } = await import('../tenants/index.ts');
    const configuration = await configurationOf(store, next.tenant);
    return await applyConfiguration({ ...options, store: { configuration }, next, connectors, onPlan });
  } catch (error) {
    // Neither the words nor the file are wrong: what is missing is a person's consent.
    if (error instanceof BadInput && plan?.destructive && !options.yes) throw new NeedsAttention(error.message);
    throw error;
  }
}

async function configurationOf(store: Store, name: string): Promise<TenantStore['configuration']> {
  const there = await store.registry.byName(name);
  if (there) return (await store.tenant(there.id)).configuration;
  return {
    read: async () => undefined,
    consequences: async () => ({ connections: {}, features: {} }),
    async write(next, options) {
      const made = await store.registry.ensureTenant(name);
      return (await store.tenant(made.id)).configuration.write(next, options);
    },
  };
}
