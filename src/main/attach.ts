import type { Attached } from '../cli/deps.ts';
import type { OperatorSettings } from '../settings/index.ts';
import { createSyncService } from '../sync/service.ts';
import { assemble } from './parts.ts';
import { requireMigrated, shownDatabase } from './place.ts';

/** The hub's database for the length of one command. */
export async function attach(settings: OperatorSettings, purpose: string): Promise<Attached> {
  const { place, store, runDeps, stop } = await assemble(settings, purpose);
  try {
    if (!place.embedded) await requireMigrated(place.url);
    await store.registry.ping();
  } catch (error) {
    await store.close();
    await place.release();
    throw error;
  }
  return {
    store,
    sync: createSyncService({ ...runDeps, store }),
    database: shownDatabase(place),
    async release() {
      stop.abort();
      await store.close();
      await place.release();
    },
  };
}
