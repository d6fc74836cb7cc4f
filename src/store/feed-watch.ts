import type { Registry } from './registry.ts';

const EVERY_MS = 250;

interface Waiter {
  readonly tenantId: string;
  readonly after: number;
  readonly done: () => void;
}

/**
 * Long-polls wait here without holding a database connection: one statement every quarter of a second tells the feed
 * heads of all tenants that anybody waits for.
 */
export class FeedWatch {
  readonly #registry: Registry;
  readonly #waiters = new Set<Waiter>();
  #timer: NodeJS.Timeout | undefined;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** Resolves when the tenant's feed has moved past `after`, when the time is over, or when the signal aborts. */
  wait(tenantId: string, after: number, timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timeout);
        signal.removeEventListener('abort', done);
        this.#waiters.delete(waiter);
        resolve();
      };
      const waiter: Waiter = { tenantId, after, done };
      const timeout = setTimeout(done, timeoutMs);
      signal.addEventListener('abort', done, { once: true });
      this.#waiters.add(waiter);
      this.#timer ??= setTimeout(() => void this.#look(), EVERY_MS);
    });
  }

  async #look(): Promise<void> {
    this.#timer = undefined;
    try {
      const heads = await this.#registry.feedHeads([...new Set([...this.#waiters].map(({ tenantId }) => tenantId))]);
      for (const waiter of [...this.#waiters]) if ((heads.get(waiter.tenantId) ?? 0) > waiter.after) waiter.done();
    } catch {
      // A database that is away for a moment: those who wait time out and ask again.
    }
    if (this.#waiters.size > 0) this.#timer ??= setTimeout(() => void this.#look(), EVERY_MS);
  }
}
