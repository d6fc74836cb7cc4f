import { formatUuid } from '../base/uuid.ts';
import type { Kept, Rules } from '../gate/gate.ts';
import { type MatchKind, matchKinds } from '../model/model.ts';
import { AskedDigests } from './asked-digests.ts';
import type { TenantContext } from './context.ts';
import type { Tx } from './database.ts';
import { DigestTable } from './digest-table.ts';
import type { Recognised } from './people.ts';
import { RulesView } from './rules-view.ts';
import { sql } from './sql.ts';

/** Digests as the gate asks for them: one character a byte. */
const asText = (digest: Buffer): string => digest.toString('latin1');

const DIGEST_BYTES = 32;
const ID_BYTES = 16;
/** Rows that travel at once: 200 kB, and as text on their way twice as many, however many users there are. */
const ROWS_AT_ONCE = 4_096;

type TakeRow = (digest: string, user: string, left: boolean) => void;

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
  #bindings = new DigestTable();
  /** Of the bound users, those who wait out their grace. */
  #left = new Set<string>();
  /** Those who left included. */
  #boundUsers = new Set<string>();
  #matches = new Map<MatchKind, DigestTable>();
  readonly #views = new Set<RulesView>();
  /** Of views that are closed. */
  readonly #spare: AskedDigests[] = [];

  constructor(context: TenantContext, connectionId: string) {
    this.#context = context;
    this.#connection = connectionId;
  }

  digest(kind: string, value: string): string {
    return this.#context.keys.digestText(kind, value);
  }

  bound(keyDigest: string): { readonly user: string; readonly left: boolean } | undefined {
    const [user] = this.#bindings.get(keyDigest);
    return user === undefined ? undefined : { user, left: this.#left.has(user) };
  }

  hasBinding(user: string): boolean {
    return this.#boundUsers.has(user) && !this.#left.has(user);
  }

  matching(kind: MatchKind, digest: string): readonly string[] {
    return this.#matches.get(kind)?.get(digest) ?? NOBODY;
  }

  /** For judging one page, which is then told whether it must be judged again. */
  view(): RulesView {
    const asked = this.#spare.pop() ?? new AskedDigests();
    const view = new RulesView(this, asked, (one) => {
      if (!this.#views.delete(one)) return;
      asked.clear();
      this.#spare.push(asked);
    });
    this.#views.add(view);
    return view;
  }

  /** A page is judged anew: what the page after it saw of its first judgement does not stand either. */
  outdateViews(): void {
    for (const view of this.#views) view.outdate();
  }

  /** Bindings that a committed page made, and users it brought back. */
  remember(kept: readonly Kept[]): void {
    for (const { person } of kept) {
      if (!person) continue;
      if (person.newBinding) {
        this.#bindings.set(person.keyDigest, person.user);
        this.#boundUsers.add(person.user);
      }
      this.#left.delete(person.user);
    }
  }

  /** Our own page, committed while we held the rules alone, changed who is recognised: learn it without reading. */
  follow(version: number, came: readonly Recognised[], went: readonly Recognised[]): void {
    for (const { kind, digest, user } of went) this.#ofKind(kind).remove(this.#changed(digest), user);
    for (const { kind, digest, user } of came) this.#ofKind(kind).add(this.#changed(digest), user);
    this.version = version;
  }

  async load(tx: Tx, version: number): Promise<void> {
    const { tenantId } = this.#context;
    const [configured] = await tx.rows<{ version: number }>(sql`
      SELECT version FROM sluice.configuration WHERE tenant_id = ${tenantId}`);
    // A page may be judged meanwhile: it finds the old memory whole, and is judged again.
    const bindings = new DigestTable();
    const left = new Set<string>();
    const boundUsers = new Set<string>();
    const matches = new Map<MatchKind, DigestTable>();
    // The same text for the same user wherever it stands: an id takes more room than its digest.
    const ids = new Map<string, string>();
    const oneText = (id: string) => {
      const known = ids.get(id);
      if (known === undefined) ids.set(id, id);
      return known ?? id;
    };
    await this.#readBindings(tx, (digest, user, hasLeft) => {
      const id = oneText(user);
      bindings.add(digest, id);
      boundUsers.add(id);
      if (hasLeft) left.add(id);
    });
    for (const kind of matchKinds)
      await this.#readMatches(tx, kind, (digest, user) => ofKind(matches, kind).add(digest, oneText(user)));
    this.#bindings = bindings;
    this.#left = left;
    this.#boundUsers = boundUsers;
    this.#matches = matches;
    this.configuration = configured?.version ?? 0;
    this.version = version;
    this.outdateViews();
  }

  #readBindings(tx: Tx, take: TakeRow): Promise<void> {
    return inPortions(take, (after, portion) =>
      tx.rows(sql`
        SELECT string_agg(key_digest || uuid_send(user_id) || has_left, '' ORDER BY key_digest) AS packed
          FROM (SELECT b.key_digest, b.user_id,
                       boolsend((SELECT u.status FROM sluice.users u
                                  WHERE u.tenant_id = b.tenant_id AND u.id = b.user_id) = 'left') AS has_left
                  FROM sluice.binding b
                 WHERE b.tenant_id = ${this.#context.tenantId} AND b.connection_id = ${this.#connection}
                   AND b.key_digest > ${after.digest}
                 ORDER BY b.key_digest LIMIT ${portion}) AS portion
        HAVING count(*) > 0`),
    );
  }

  #readMatches(tx: Tx, kind: MatchKind, take: TakeRow): Promise<void> {
    return inPortions(take, (after, portion) =>
      tx.rows(sql`
        SELECT string_agg(digest || uuid_send(user_id) || boolsend(false), '' ORDER BY digest, user_id) AS packed
          FROM (SELECT digest, user_id FROM sluice.match_value
                 WHERE tenant_id = ${this.#context.tenantId} AND kind = ${kind}
                   AND (digest, user_id) > (${after.digest}, ${after.user})
                 ORDER BY digest, user_id LIMIT ${portion}) AS portion
        HAVING count(*) > 0`),
    );
  }

  #ofKind(kind: MatchKind): DigestTable {
    return ofKind(this.#matches, kind);
  }

  #changed(digest: Buffer): string {
    const text = asText(digest);
    for (const view of this.#views) view.changed(text);
    return text;
  }
}

function ofKind(tables: Map<MatchKind, DigestTable>, kind: MatchKind): DigestTable {
  const there = tables.get(kind);
  if (there) return there;
  const fresh = new DigestTable();
  tables.set(kind, fresh);
  return fresh;
}

const NOBODY: readonly string[] = [];

interface After {
  readonly digest: Buffer;
  readonly user: string;
}

/** Reads rows of digest, id and a flag, packed: as rows of the driver's own they would take ten times the memory. */
async function inPortions(
  take: TakeRow,
  select: (after: After, portion: number) => Promise<{ packed: Buffer }[]>,
): Promise<void> {
  const rowBytes = DIGEST_BYTES + ID_BYTES + 1;
  const idAt = (packed: Buffer, at: number) => formatUuid(packed.subarray(at, at + ID_BYTES));
  let after: After = { digest: Buffer.alloc(0), user: '00000000-0000-0000-0000-000000000000' };
  for (;;) {
    const [answer] = await select(after, ROWS_AT_ONCE);
    const packed = answer?.packed;
    if (!packed) return;
    for (let at = 0; at < packed.length; at += rowBytes) {
      const digest = packed.toString('latin1', at, at + DIGEST_BYTES);
      take(digest, idAt(packed, at + DIGEST_BYTES), packed[at + rowBytes - 1] === 1);
    }
    if (packed.length < ROWS_AT_ONCE * rowBytes) return;
    const last = packed.length - rowBytes;
    after = { digest: packed.subarray(last, last + DIGEST_BYTES), user: idAt(packed, last + DIGEST_BYTES) };
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
