import { setTimeout as sleep } from 'node:timers/promises';
import { Refused, SluiceError } from '../../../src/base/errors.ts';
import type { FeedKind } from '../../../src/model/model.ts';
import type { HubTenantStore, SpaceEvent, User } from '../../../src/store/index.ts';

/** What of the feed is followed, and how what changed is fetched. */
export interface Followed<E> {
  readonly kind: FeedKind;
  many(tenant: HubTenantStore, ids: readonly string[]): Promise<ReadonlyMap<string, E>>;
}
export const followedUsers: Followed<User> = { kind: 'user', many: ({ users }, ids) => users.many(ids) };
export const followedEvents: Followed<SpaceEvent> = { kind: 'event', many: ({ events }, ids) => events.many(ids) };

/**
 * A booking service: follows the change feed with a cursor of its own, fetches what changed by id, and keeps what it
 * got. It outlives hubs and servers, and complains of everything a consumer must never see.
 */
export class FeedReader<E extends { readonly version: number }> {
  readonly #tenant: () => Promise<HubTenantStore>;
  readonly #followed: Followed<E>;
  readonly #pageSize: number;
  readonly state = new Map<string, E>();
  readonly complaints: string[] = [];
  readonly #removed = new Map<string, number>();
  #cursor: string | undefined;
  #last = 0;
  #stop = false;
  #busy: Promise<void> = Promise.resolve();
  #polls = 0;
  #retries = 0;

  constructor(tenant: () => Promise<HubTenantStore>, followed: Followed<E>, pageSize: number) {
    this.#tenant = tenant;
    this.#followed = followed;
    this.#pageSize = pageSize;
  }

  get account(): { polls: number; retries: number } {
    return { polls: this.#polls, retries: this.#retries };
  }

  start(every_ms: number): void {
    this.#stop = false;
    this.#busy = (async () => {
      while (!this.#stop) {
        await this.#step().catch((error) => this.#survive(error));
        await sleep(every_ms);
      }
    })();
  }

  async stop(): Promise<void> {
    this.#stop = true;
    await this.#busy;
  }

  /** Reads until nothing more is there; only while it does not run by itself. */
  async drain(): Promise<void> {
    while (await this.#step()) {
      // The next page.
    }
  }

  async #step(): Promise<boolean> {
    const tenant = await this.#tenant();
    const { kind, many } = this.#followed;
    const page = await tenant.changes.read({ cursor: this.#cursor, limit: this.#pageSize, kinds: [kind] });
    const entities = await many(
      tenant,
      page.items.map(({ id }) => id),
    );
    this.#polls++;
    for (const { seq, id, op } of page.items) {
      if (seq <= this.#last) this.complaints.push(`number ${seq} came after ${this.#last}`);
      this.#last = Math.max(this.#last, seq);
      const removed = this.#removed.get(id);
      if (op === 'remove') {
        this.#removed.set(id, seq);
        this.state.delete(id);
        if (entities.has(id)) this.complaints.push(`${id} is readable though removed by number ${seq}`);
        continue;
      }
      if (removed !== undefined)
        this.complaints.push(`an upsert of ${id} (${seq}) came after its removal (${removed})`);
      const entity = entities.get(id);
      // Gone between feed and fetch: its removal is further on.
      if (!entity) continue;
      if (entity.version < seq) this.complaints.push(`${id} is older (${entity.version}) than its number ${seq}`);
      this.state.set(id, entity);
    }
    this.#cursor = page.next;
    return page.more;
  }

  #survive(error: unknown): void {
    this.#retries++;
    if (error instanceof Refused) this.complaints.push(`refused: ${error.kind}`);
    // Whatever the driver says of a server that dies must have become a sentence of ours.
    else if (!(error instanceof SluiceError) && !poolWasClosed(error)) this.complaints.push(String(error));
  }
}

/** Our own store was replaced under the reader, after the server had died: the next poll asks the new one. */
const poolWasClosed = (error: unknown) => /after calling end on the pool/.test((error as Error).message ?? '');
