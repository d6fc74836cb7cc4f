import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NeedsAttention } from '../base/errors.ts';
import { newMasterKeyText } from '../crypto/keys.ts';
import type { OperatorSettings } from '../settings/index.ts';
import { attachEmbedded } from '../store/embedded/index.ts';
import { migrate, planMigrations } from '../store/index.ts';

/** The database of this hub, and its key. */
export interface Place {
  readonly url: string;
  readonly migrateUrl: string;
  readonly embedded: boolean;
  readonly key: string;
  release(): Promise<void>;
}

/** The database and the key of this hub: what the settings name, or an embedded one with a generated key beside it. */
export async function findPlace(settings: OperatorSettings, purpose: string): Promise<Place> {
  if (settings.databaseUrl) {
    if (!settings.key)
      throw new NeedsAttention(
        'SLUICE_KEY is required with DATABASE_URL: it wraps the tenants’ keys, and must not lie in the same place; make one with: openssl rand -base64 32',
      );
    return {
      url: settings.databaseUrl,
      migrateUrl: settings.databaseMigrateUrl ?? settings.databaseUrl,
      embedded: false,
      key: settings.key,
      release: async () => {},
    };
  }
  const server = await attachEmbedded({ dataDir: settings.data, purpose });
  try {
    const key = settings.key ?? (await generatedKey(settings.data));
    await migrate(server.migrateUrl, new URL(server.url).username);
    return { url: server.url, migrateUrl: server.migrateUrl, embedded: true, key, release: () => server.release() };
  } catch (error) {
    await server.release();
    throw error;
  }
}

/** Made once; whoever comes second reads what the first one wrote whole. */
async function generatedKey(dataDir: string): Promise<string> {
  const file = join(dataDir, 'key');
  const draft = `${file}.${process.pid}`;
  await mkdir(dataDir, { recursive: true });
  try {
    await writeFile(draft, newMasterKeyText(), { mode: 0o600, flag: 'wx' });
    await link(draft, file);
  } catch (error) {
    if ((error as { code?: string }).code !== 'EEXIST') throw error;
  } finally {
    await unlink(draft).catch(() => {});
  }
  return (await readFile(file, 'utf8')).trim();
}

export function shownDatabase(place: Place): string {
  if (place.embedded) return 'embedded PostgreSQL (evaluation only: its key lies beside it)';
  const { host, pathname } = new URL(place.url);
  return `${host}${pathname}`;
}

export async function requireMigrated(url: string): Promise<void> {
  const pending = (await planMigrations(url)).filter(({ state }) => state === 'pending');
  if (pending.length > 0)
    throw new NeedsAttention(
      'The database has no schema of this version yet; run `sluice migrate` (see it first with --plan).',
    );
}
