import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { BadInput } from '../base/errors.ts';
import type { TenantConfiguration } from '../store/types.ts';
import { type Problem, problemLine } from '../tenants/problem.ts';
import type { Context } from './context.ts';
import { printable } from './terminal.ts';

/** Far more than a tenant's file ever is; a device or a log by mistake is not read to its end. */
const MAX_BYTES = 4 * 1024 * 1024;

/** @throws BadInput when there is no such file to read */
export function readConfigurationFile(file: string): string {
  const shown = printable(file);
  let handle: number;
  try {
    // Non-blocking: a named pipe without a writer would wait for ever.
    handle = openSync(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'There is no file' : 'This account may not read';
    throw new BadInput(`${why} ${shown}; check the path${code === 'ENOENT' ? '' : ' and its permissions'}.`);
  }
  try {
    const stats = fstatSync(handle);
    if (!stats.isFile()) throw new BadInput(`${shown} is not a file; name the tenant's YAML file.`);
    if (stats.size > MAX_BYTES) throw new BadInput(`${shown} is larger than 4 MiB; name the tenant's YAML file.`);
    return readFileSync(handle, 'utf8');
  } finally {
    closeSync(handle);
  }
}

export async function validateFile(file: string, { deps }: Context) {
  // Schema and parser are loaded only by commands that read such a file: `sluice sync` needs 20 MB less without them.
  const { validateConfiguration } = await import('../tenants/index.ts');
  return validateConfiguration(readConfigurationFile(file), { file, connectors: deps.connectors });
}

/**
 * What a file in order wants of its tenant, secrets looked up; its warnings are said.
 * @throws BadInput with a line per problem
 */
export async function wantedBy(file: string, context: Context): Promise<TenantConfiguration> {
  const { resolveSecrets } = await import('../tenants/index.ts');
  const validated = await validateFile(file, context);
  if (!validated.ok) throw new BadInput(validated.problems.map((one) => problemLine(printable(file), one)).join('\n'));
  noteWarnings(file, validated.warnings, context);
  return resolveSecrets(validated.draft, {
    env: context.terminal.env,
    secretsFolder: context.settings().secrets,
  });
}

export function noteWarnings(file: string, warnings: readonly Problem[], { note, style }: Context): void {
  for (const warning of warnings) note(style.doubt(`${problemLine(printable(file), warning)} (a warning)`));
}
