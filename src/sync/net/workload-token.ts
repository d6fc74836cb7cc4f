import { readFile, stat } from 'node:fs/promises';
import { NeedsAttention } from '../../base/errors.ts';

/** Those of Kubernetes have one to two KiB. */
const MOST_BYTES = 16 * 1024;
/** A file on a network share can hang for ever. */
const TIMEOUT_MS = 5_000;
/** Three parts of a signed token (RFC 7515 7.1). */
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/**
 * The token that the operator lends a tenant. Its text and its path are in no sentence: a tenant learns of neither.
 * @param files SLUICE_WORKLOAD_IDENTITY: paths by tenant
 * @throws NeedsAttention
 */
export async function workloadToken(
  files: ReadonlyMap<string, string> | undefined,
  tenant: string,
  signal: AbortSignal,
): Promise<string> {
  const file = files?.get(tenant);
  if (file === undefined)
    throw new NeedsAttention(
      `The operator lets ${tenant} use no identity of the hub's machine: ask for ${tenant}= and the file of its token in SLUICE_WORKLOAD_IDENTITY, or sign in with a certificate.`,
    );
  const text = await contentOf(file, tenant, signal);
  if (text === undefined || !JWT.test(text))
    throw new NeedsAttention(
      `The file that SLUICE_WORKLOAD_IDENTITY names for ${tenant} holds no token: the operator checks what writes it.`,
    );
  return text;
}

async function contentOf(file: string, tenant: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const found = await stat(file);
    if (!found.isFile() || found.size > MOST_BYTES) return undefined;
    const within = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
    return (await readFile(file, { encoding: 'utf8', signal: within })).trim();
  } catch {
    signal.throwIfAborted();
    throw new NeedsAttention(
      `The file that SLUICE_WORKLOAD_IDENTITY names for ${tenant} cannot be read: the operator checks its path and its permissions.`,
    );
  }
}
