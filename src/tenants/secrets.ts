import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync } from 'node:fs';
import { join, sep } from 'node:path';
import { BadInput } from '../base/errors.ts';
import type { TenantConfiguration } from '../store/types.ts';
import { type ConfigurationDraft, type SecretReference, withSecrets } from './draft.ts';
import { secretPrefix } from './names.ts';

const MAX_SECRET_BYTES = 64 * 1024;

type Written =
  | { readonly is: 'literal' }
  | { readonly is: 'reference'; readonly kind: 'env' | 'file'; readonly name: string }
  | { readonly is: 'malformed' };

/** What stands in a setting that is declared secret. */
export function readReference(text: string): Written {
  const match = /^\$\{(env|file):([^{}]*)\}$/.exec(text);
  if (match) return { is: 'reference', kind: match[1] as 'env' | 'file', name: match[2]! };
  return /\$\{\s*(?:env|file)\b/i.test(text) || /^\$\{.*\}$/.test(text) ? { is: 'malformed' } : { is: 'literal' };
}

export const MALFORMED = `must be one reference and nothing else, \${env:NAME} or \${file:NAME}, or the secret itself`;

/**
 * Why a reference is not this tenant's to make, as the end of a sentence; `undefined` if it is. Whoever may write a
 * tenant's file must not be able to send another tenant's secret, or the hub's key, to a server of their own.
 */
export function wrongReference(tenant: string, kind: 'env' | 'file', name: string): string | undefined {
  if (kind === 'file') {
    return /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(name)
      ? undefined
      : `must name one file in the folder ${tenant} below SLUICE_SECRETS, without slashes; for example \${file:ldap-password}`;
  }
  const prefix = secretPrefix(tenant);
  if (name.startsWith(prefix) && /^[A-Za-z0-9_]+$/.test(name.slice(prefix.length))) return undefined;
  const quoted = /^[A-Z][A-Z0-9_]{0,63}$/.test(name)
    ? `refers to ${name}, which is not this tenant's`
    : 'refers to no variable of this tenant';
  return `${quoted}: its variables begin with ${prefix}; have the operator set one such as ${prefix}${suggestion(name)}`;
}

/** `OTHER__LDAP_PASSWORD` and `LDAP_PASSWORD` both suggest `LDAP_PASSWORD`; the operator's own names suggest nothing. */
function suggestion(name: string): string {
  const tail =
    /^[A-Z][A-Z0-9_]{0,63}$/.test(name) && !/^(?:SLUICE|DATABASE)_/.test(name) ? name.replace(/^.*?__+/, '') : '';
  return tail || 'PASSWORD';
}

export interface SecretSources {
  readonly env: NodeJS.ProcessEnv;
  /** SLUICE_SECRETS. */
  readonly secretsFolder: string;
}

/**
 * Replaces every reference by its value. Only `apply` and `start --config` do this, in the operator's own shell.
 * @throws BadInput with one line per secret that is missing
 */
export function resolveSecrets(draft: ConfigurationDraft, sources: SecretSources): TenantConfiguration {
  const wrong: string[] = [];
  const resolved = withSecrets(draft, (reference) => {
    const found = lookUp(draft.unresolved.tenant, reference, sources);
    if ('value' in found) return found.value;
    wrong.push(`${draft.file}:${reference.line}:${reference.column}: ${found.wrong}`);
    return '';
  });
  if (wrong.length > 0) throw new BadInput(wrong.join('\n'));
  return resolved;
}

type Found = { readonly value: string } | { readonly wrong: string };

function lookUp(tenant: string, reference: SecretReference, { env, secretsFolder }: SecretSources): Found {
  // Asked again although validation did: a draft made in another way must not open the door.
  const notTheirs = wrongReference(tenant, reference.kind, reference.name);
  if (notTheirs) return { wrong: `The reference ${notTheirs}.` };
  if (reference.kind === 'file') return readSecretFile(tenant, reference.name, secretsFolder);
  const value = Object.hasOwn(env, reference.name) ? env[reference.name] : undefined;
  return value
    ? { value }
    : { wrong: `The variable ${reference.name} is not set or empty; set it in the shell that runs this command.` };
}

function readSecretFile(tenant: string, name: string, secretsFolder: string): Found {
  const shownPath = join(secretsFolder, tenant, name);
  let file: number | undefined;
  try {
    const folder = join(realpathSync(secretsFolder), tenant);
    // Links inside the folder are how Kubernetes mounts secrets; one that leaves it reaches another tenant's.
    const target = realpathSync(join(folder, name));
    if (!target.startsWith(folder + sep)) {
      return { wrong: `The file ${shownPath} is a link that leaves the tenant's folder; put the secret there itself.` };
    }
    file = openSync(target, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
    const { size, ...stats } = fstatSync(file);
    if ((stats.mode & constants.S_IFMT) !== constants.S_IFREG || size > MAX_SECRET_BYTES) {
      return { wrong: `The file ${shownPath} is not an ordinary file of at most 64 KiB; put the secret alone in it.` };
    }
    const value = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
    if (value === '' || value.includes('\0'))
      return { wrong: `The file ${shownPath} is empty or not text; put the secret in it.` };
    return { value };
  } catch {
    return { wrong: `The file ${shownPath} cannot be read; create it, readable for whoever runs this command.` };
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
