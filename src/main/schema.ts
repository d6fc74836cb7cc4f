import type { CliDeps } from '../cli/deps.ts';
import { migrate, planMigrations } from '../store/index.ts';
import { findPlace } from './place.ts';

/** `sluice migrate`: what is applied now, or with `plan` what would be. */
export const migrateSchema: CliDeps['migrate'] = async (settings, plan) => {
  if (!settings.databaseUrl) {
    const { release, migrateUrl } = await findPlace(settings, 'migrate');
    try {
      // An embedded database is brought to this version by whoever attaches it.
      return plan ? await planMigrations(migrateUrl) : [];
    } finally {
      await release();
    }
  }
  const url = settings.databaseMigrateUrl ?? settings.databaseUrl;
  if (plan) return planMigrations(url);
  const applied = await migrate(url, decodeURIComponent(new URL(settings.databaseUrl).username));
  return applied.map((name) => ({ name, state: 'applied' as const }));
};
