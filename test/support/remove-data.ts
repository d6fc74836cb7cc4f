import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** A data folder with the server's own folder, which root's data has elsewhere. The server must be down. */
export async function removeData(data: string): Promise<void> {
  const instance = (await readFile(join(data, 'instance'), 'utf8').catch(() => '')).trim();
  if (/^[0-9a-f]{8,64}$/.test(instance)) {
    await rm(join('/var/lib/sluice', instance), { recursive: true, force: true, maxRetries: 5 });
  }
  await rm(data, { recursive: true, force: true, maxRetries: 5 });
}
