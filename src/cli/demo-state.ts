import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BadInput, NeedsAttention } from '../base/errors.ts';
import type { OperatorSettings } from '../settings/index.ts';

/** What a demo must find again after a restart. It lies beside the data, keys and all: evaluation only. */
export interface DemoState {
  /** Another seed is another company: the same data cannot serve both. */
  readonly seed: number;
  /** Where the sandbox directory listened, so that the connection stays the same; absent before the first start. */
  readonly port?: number;
  readonly bindPassword: string;
  /** Absent before the first start with one. */
  readonly microsoft365?: DemoMicrosoft365;
  readonly key?: DemoKey;
  readonly adminKey?: DemoKey;
}

/** Kept, like the port of the directory, so that the connection stays the same. */
export interface DemoMicrosoft365 {
  readonly port: number;
  readonly clientSecret: string;
  /** PEM: of the server on this machine, and good for nothing else. */
  readonly certificate: { readonly key: string; readonly cert: string };
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

/** The demo's tenant, and its connections in the order in which their word counts. */
export const TENANT = 'acme';
export const DIRECTORY = 'people';
export const MICROSOFT_365 = 'm365';
export const CONNECTIONS = [DIRECTORY, MICROSOFT_365] as const;

/** Where the sandbox's systems listen on this machine. */
export interface DemoPorts {
  readonly directory: number;
  /** Speaks TLS. */
  readonly microsoft365: number | undefined;
}

/** What the demo's tenant may reach beyond public addresses: the sandbox's ports; that of the directory in clear. */
export function allowSandbox(settings: OperatorSettings, { directory, microsoft365 }: DemoPorts): OperatorSettings {
  const rule = (port: number) => `${TENANT}=127.0.0.1/32:${port}`;
  const added = (rules: string | undefined, more: readonly string[]) => [...(rules ? [rules] : []), ...more].join(', ');
  const both = [directory, ...(microsoft365 === undefined ? [] : [microsoft365])];
  return {
    ...settings,
    allowAddresses: added(settings.allowAddresses, both.map(rule)),
    allowCleartext: added(settings.allowCleartext, [rule(directory)]),
  };
}

/**
 * The settings as they are, or with the demo's allowance where its data is what they name: else `sluice sync` in the
 * next terminal would fail on the very connections that the demo shows. Only who owns the folder can write that file.
 */
export function withDemoAllowance(settings: OperatorSettings): OperatorSettings {
  if (settings.databaseUrl !== undefined) return settings;
  try {
    const { port, microsoft365 } = JSON.parse(readFileSync(join(settings.data, 'demo.json'), 'utf8'));
    if (!Number.isInteger(port)) return settings;
    const other = microsoft365?.port;
    return allowSandbox(settings, { directory: port, microsoft365: Number.isInteger(other) ? other : undefined });
  } catch {
    // No demo here, or none that can be read: the operator's own rules stand.
    return settings;
  }
}
