import type { Notify, TenantConfiguration } from '../store/types.ts';

/** Where a secret is to be taken from, and for which setting. */
export interface SecretReference {
  readonly kind: 'env' | 'file';
  readonly name: string;
  readonly target: { readonly connection: string; readonly setting: string } | { readonly notify: number };
  readonly line: number;
  readonly column: number;
}

/**
 * A configuration file that is in order, before its secrets are resolved. Another type than TenantConfiguration on
 * purpose: what still holds references must not be stored.
 */
export interface ConfigurationDraft {
  /** As it was named, for sentences. */
  readonly file: string;
  /** Complete but for the secrets: where one is referred to, the reference stands. Defaults are filled in. */
  readonly unresolved: TenantConfiguration;
  readonly references: readonly SecretReference[];
}

/** The draft's configuration with every reference replaced by what `secretFor` gives for it. */
export function withSecrets(
  draft: ConfigurationDraft,
  secretFor: (reference: SecretReference) => string,
): TenantConfiguration {
  const settings = new Map<string, Record<string, unknown>>();
  const notify: Notify[] = [...draft.unresolved.notify];
  for (const reference of draft.references) {
    const { target } = reference;
    if ('notify' in target) {
      const entry = notify[target.notify];
      if (entry && 'webhook' in entry) notify[target.notify] = { ...entry, secret: secretFor(reference) };
    } else {
      settings.set(target.connection, { ...settings.get(target.connection), [target.setting]: secretFor(reference) });
    }
  }
  return {
    ...draft.unresolved,
    notify,
    connections: draft.unresolved.connections.map((connection) => ({
      ...connection,
      settings: { ...connection.settings, ...settings.get(connection.name) },
    })),
  };
}
