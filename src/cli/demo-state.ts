import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BadInput, NeedsAttention } from '../base/errors.ts';

/** What a demo must find again after a restart. It lies beside the data, keys and all: evaluation only. */
export interface DemoState {
  /** Another seed is another company: the same data cannot serve both. */
  readonly seed: number;
  /** Where the sandbox directory listened, so that the connection stays the same; absent before the first start. */
  readonly port?: number;
  readonly bindPassword: string;
  readonly key?: DemoKey;
  readonly adminKey?: DemoKey;
}

export interface DemoKey {
  readonly id: string;
  readonly key: string;
}

export const DEFAULT_SEED = 1;

export interface DemoFile {
  /** Whether there was one. */
  readonly found: boolean;
  state: DemoState;
  save(change: Partial<DemoState>): Promise<void>;
}

/**
 * Reads what the last demo left in this folder, or begins a new one.
 * @throws BadInput when the folder's data was made with another seed
 */
export async function openDemoFile(dataDir: string, seed: number | undefined): Promise<DemoFile> {
  const path = join(dataDir, 'demo.json');
  const there = await readState(path);
  if (there && seed !== undefined && seed !== there.seed)
    throw new BadInput(
      `The demo in ${dataDir} was made with --seed ${there.seed}, and another seed is another company; leave the option out, or set SLUICE_DATA to another folder.`,
    );
  const file: DemoFile = {
    found: there !== undefined,
    state: there ?? { seed: seed ?? DEFAULT_SEED, bindPassword: randomBytes(18).toString('base64url') },
    async save(change) {
      file.state = { ...file.state, ...change };
      await mkdir(dataDir, { recursive: true, mode: 0o700 });
      const draft = `${path}.${process.pid}`;
      // Whole or not at all: half a file would lose the keys.
      await writeFile(draft, `${JSON.stringify(file.state, null, 2)}\n`, { mode: 0o600 });
      await chmod(draft, 0o600);
      await rename(draft, path);
    },
  };
  return file;
}

async function readState(path: string): Promise<DemoState | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new NeedsAttention(`${path} cannot be read; check its permissions, or set SLUICE_DATA to another folder.`);
  }
  try {
    const state = JSON.parse(text) as Partial<DemoState>;
    if (typeof state.seed === 'number' && typeof state.bindPassword === 'string') return state as DemoState;
  } catch {
    // The same sentence for what is not JSON and for what is another's.
  }
  throw new NeedsAttention(
    `${path} is not what the demo wrote; set SLUICE_DATA to another folder, or remove this one.`,
  );
}
