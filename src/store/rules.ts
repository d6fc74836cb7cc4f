import type { Kept, Rules } from '../gate/gate.ts';
import { type Feature, isFeature } from '../model/features.ts';
import type { MatchKind } from '../model/model.ts';
import type { TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import type { Recognised } from './people.ts';
import { sql } from './sql.ts';

/** Digests as map keys: one character a byte, the shortest text there is. */
export const asKey = (digest: Uint8Array): string =>
  Buffer.from(digest.buffer, digest.byteOffset, digest.length).toString('latin1');

interface BoundUser {
  readonly user: string;
  readonly left: boolean;
}

/**
 * Who is let in at this moment through one connection, in memory: keyed digests and ids, no values. `version` says
 * how old the memory is; a page whose rules moved is gated again inside its transaction.
 */
export class RulesInMemory implements Rules {
  readonly #context: TenantContext;
  readonly #connection: string;
  version = -1;
  /** Version of the configuration these rules came from: a run that was planned from another one must begin anew. */
  configuration = -1;
  features: ReadonlySet<Feature> = new Set();
  #bindings = new Map<string, BoundUser>();
  #boundUsers = new Set<string>();
  #matches = new Map<MatchKind, Map<string, string[]>>();

  constructor(context: TenantContext, connectionId: string) {
    this.#context = context;
    this.#connection = connectionId;
  }

  digest(kind: string, value: string): string {
    return this.#context.keys.digestText(kind, value);
  }

  bound(keyDigest: string): BoundUser | undefined {
    return this.#bindings.get(keyDigest);
  }

  hasBinding(user: string): boolean {
    return this.#boundUsers.has(user);
  }

  matching(kind: MatchKind, digest: string): readonly string[] {
    return this.#matches.get(kind)?.get(digest) ?? [];
  }

  /** Bindings that a committed page made, and users it brought back. */
  remember(kept: readonly Kept[]): void {
    for (const { person } of kept) {
      if (!person || (!person.newBinding && !this.#bindings.get(person.keyDigest)?.left)) continue;
      this.#bindings.set(person.keyDigest, { user: person.user, left: false });
      this.#boundUsers.add(person.user);
    }
  }

  /** Our own page, committed while we held the rules alone, changed who is recognised: learn it without reading. */
  follow(version: number, came: readonly Recognised[], went: readonly Recognised[]): void {
    for (const { kind, digest, user } of went) {
      const key = asKey(digest);
      const others = this.matching(kind, key).filter((id) => id !== user);
      if (others.length > 0) this.#matches.get(kind)?.set(key, others);
      else this.#matches.get(kind)?.delete(key);
    }
    for (const { kind, digest, user } of came) this.#learn(kind, asKey(digest), user);
    this.version = version;
  }

  async load(tx: Tx, version: number): Promise<void> {
    const { tenantId } = this.#context;
    const features = await tx.rows<{ name: string }>(sql`
      SELECT name FROM sluice.feature WHERE tenant_id = ${tenantId}`);
    const bindings = await tx.rows<{ key_digest: Buffer; user_id: string; left: boolean }>(sql`
      SELECT b.key_digest, b.user_id, u.status = 'left' AS left
        FROM sluice.binding b JOIN sluice.users u ON u.tenant_id = b.tenant_id AND u.id = b.user_id
       WHERE b.tenant_id = ${tenantId} AND b.connection_id = ${this.#connection}`);
    const matches = await tx.rows<{ kind: MatchKind; digest: Buffer; user_id: string }>(sql`
      SELECT kind, digest, user_id FROM sluice.match_value WHERE tenant_id = ${tenantId}`);
    const [configured] = await tx.rows<{ version: number }>(sql`
      SELECT version FROM sluice.configuration WHERE tenant_id = ${tenantId}`);
    this.configuration = configured?.version ?? 0;
    this.features = new Set(features.map(({ name }) => name).filter(isFeature));
    this.#bindings = new Map(bindings.map((row) => [asKey(row.key_digest), { user: row.user_id, left: row.left }]));
    this.#boundUsers = new Set(bindings.filter((row) => !row.left).map((row) => row.user_id));
    this.#matches = new Map();
    for (const { kind, digest, user_id } of matches) this.#learn(kind, asKey(digest), user_id);
    this.version = version;
  }

  #learn(kind: MatchKind, digest: string, user: string): void {
    const ofKind = this.#matches.get(kind) ?? new Map<string, string[]>();
    this.#matches.set(kind, ofKind);
    ofKind.set(digest, [...(ofKind.get(digest) ?? []), user]);
  }
}

/** Reads the version of the tenant's rules and holds it: shared by pages, alone by whoever changes who is let in. */
export async function lockRules(tx: Tx, tenantId: string, how: 'shared' | 'alone'): Promise<number> {
  const [row] =
    how === 'shared'
      ? await tx.rows<{ version: number }>(
          sql`SELECT version FROM registry.rules WHERE tenant_id = ${tenantId} FOR SHARE`,
        )
      : await tx.rows<{ version: number }>(
          sql`SELECT version FROM registry.rules WHERE tenant_id = ${tenantId} FOR NO KEY UPDATE`,
        );
  if (!row) throw new Error('The tenant has no rules.');
  return row.version;
}

/** Tells every page gated before now that it must be gated again. Only under `lockRules(…, 'alone')`. */
export async function rulesChanged(tx: Tx, tenantId: string): Promise<number> {
  const [row] = await tx.rows<{ version: number }>(sql`
    UPDATE registry.rules SET version = version + 1 WHERE tenant_id = ${tenantId} RETURNING version`);
  return row!.version;
}
