import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectors } from '../../connectors/index.ts';
import { newMasterKeyText, parseMasterKey } from '../../src/crypto/keys.ts';
import { attachEmbedded, type EmbeddedAttachment } from '../../src/store/embedded/index.ts';
import { type HubTenantStore, migrate, openStore, type TenantConfiguration } from '../../src/store/index.ts';
import { testConfiguration } from '../support/hub.ts';
import { removeData } from '../support/remove-data.ts';

/** A migrated database in a folder of its own, and tenants in it. */
export interface Ground {
  readonly database: EmbeddedAttachment;
  /** A tenant with one connection, whose further settings are the connector's own defaults. */
  tenant(
    name: string,
    connection: { readonly name: string; readonly connector: string; readonly settings: Record<string, unknown> },
    more?: Partial<TenantConfiguration>,
  ): Promise<HubTenantStore>;
  /** Of a command that is measured: it may reach this port of this machine. */
  env(port: number): NodeJS.ProcessEnv;
  close(): Promise<void>;
}

export async function openGround(folder: string): Promise<Ground> {
  const dataDir = join(folder, 'data');
  const database = await attachEmbedded({ dataDir, purpose: 'bench' });
  await migrate(database.migrateUrl, new URL(database.url).username);
  const key = newMasterKeyText();
  await writeFile(join(dataDir, 'key'), key, { mode: 0o600 });
  const settingsOf = (name: string) => Object.entries(connectors.find((one) => one.name === name)!.settings);
  const store = openStore({
    url: database.url,
    master: parseMasterKey(key),
    applicationName: 'bench',
  });
  return {
    database,
    async tenant(name, { connector, settings, ...connection }, more = {}) {
      const { id } = await store.registry.ensureTenant(name);
      const tenant = await store.tenant(id);
      const defaults = settingsOf(connector).flatMap(([one, setting]) =>
        'default' in setting ? [[one, setting.default]] : [],
      );
      const completed = { ...Object.fromEntries(defaults), ...settings };
      const connections = [{ ...connection, connector, settings: completed, streams: {}, paused: false }];
      await tenant.configuration.write(testConfiguration(name, { connections, ...more }), {
        expected: null,
        resume: true,
      });
      return tenant;
    },
    env: (port) => ({
      ...process.env,
      SLUICE_DATA: dataDir,
      SLUICE_ALLOW_ADDRESSES: `127.0.0.1/32:${port}`,
      SLUICE_ALLOW_CLEARTEXT: `127.0.0.1/32:${port}`,
      SLUICE_LIFELINE: '',
    }),
    async close() {
      await store.close();
      await database.release();
      await removeData(dataDir);
    },
  };
}
