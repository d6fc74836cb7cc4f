/** A booking service as the change feed wants it: a cursor, a copy of every entity, and complaints about each broken promise. */
import type { FeedKind } from '../../src/model/model.ts';
import type { HubTenantStore, Locker, User } from '../../src/store/index.ts';

const ALL: readonly FeedKind[] = ['user', 'locker'];

export class FeedReader {
  readonly #tenant: HubTenantStore;
  readonly kinds: readonly FeedKind[];
  /** What it holds, by `kind id`: the entity as it was read when its change was told. */
  readonly held = new Map<string, User | Locker>();
  /** Every number told, in order. */
  readonly told: number[] = [];
  readonly #removed = new Map<string, number>();
  cursor: string | undefined;

  constructor(tenant: HubTenantStore, kinds: readonly FeedKind[] = ALL) {
    this.#tenant = tenant;
    this.kinds = kinds;
  }

  /** Reads one page. @returns whether there is more */
  async poll(limit: number): Promise<boolean> {
    const page = await this.#tenant.changes.read({ cursor: this.cursor, limit, kinds: this.kinds });
    if (page.items.length > limit) throw new Error(`A page of ${limit} holds ${page.items.length}.`);
    for (const { seq, kind, id, op } of page.items) {
      const last = this.told.at(-1) ?? 0;
      if (seq <= last) throw new Error(`Number ${seq} was told after ${last}.`);
      if (!this.kinds.includes(kind)) throw new Error(`A ${kind} was told to a reader of ${this.kinds}.`);
      this.told.push(seq);
      const name = `${kind} ${id}`;
      // Ids are never used twice: whatever comes after a removal is older news.
      if (this.#removed.has(name))
        throw new Error(`An ${op} (${seq}) followed the removal (${this.#removed.get(name)}) of a ${kind}.`);
      if (op === 'remove') this.#removed.set(name, seq);
    }
    await this.#fetch(page.items);
    this.cursor = page.next;
    return page.more;
  }

  async #fetch(items: Awaited<ReturnType<HubTenantStore['changes']['read']>>['items']): Promise<void> {
    const ids = (kind: FeedKind) =>
      items.filter((item) => item.kind === kind && item.op === 'upsert').map(({ id }) => id);
    const users = await this.#tenant.users.many(ids('user'));
    const lockers = await this.#tenant.lockers.many(ids('locker'));
    for (const { kind, id, op } of items) {
      const entity = kind === 'user' ? users.get(id) : lockers.get(id);
      // Gone already: its removal is told next.
      if (op === 'remove' || !entity) this.held.delete(`${kind} ${id}`);
      else this.held.set(`${kind} ${id}`, entity);
    }
  }

  async drain(limit: number): Promise<void> {
    while (await this.poll(limit));
  }
}

/** Every entity of the tenant as it is now, by `kind id`, found through the rows and not through the feed. */
export async function liveEntities(
  tenant: HubTenantStore,
  ids: { readonly users: readonly string[]; readonly lockers: readonly string[] },
  kinds: readonly FeedKind[] = ALL,
): Promise<Map<string, User | Locker>> {
  const live = new Map<string, User | Locker>();
  if (kinds.includes('user')) for (const [id, user] of await tenant.users.many(ids.users)) live.set(`user ${id}`, user);
  if (kinds.includes('locker'))
    for (const [id, locker] of await tenant.lockers.many(ids.lockers)) live.set(`locker ${id}`, locker);
  return live;
}
