import type { StreamName } from '../model/model.ts';
import type { HubTenantStore, Lease, Wish } from '../store/index.ts';

/** What notifications had asked for when a run began: what comes later still stands when it has ended. */
export class Wishes {
  /** Only what was asked for is read, and nothing else is touched. */
  readonly only: boolean;
  readonly #tenant: HubTenantStore;
  readonly #lease: Lease;
  readonly #wishes: readonly Wish[];

  private constructor(tenant: HubTenantStore, lease: Lease, wishes: readonly Wish[], only: boolean) {
    this.#tenant = tenant;
    this.#lease = lease;
    this.#wishes = wishes;
    this.only = only;
  }

  /** @param trigger of whoever runs it: a run begun by schedule and taken up by a notification still reads everything */
  static async of(tenant: HubTenantStore, lease: Lease, trigger: string): Promise<Wishes> {
    const wishes = await tenant.subscriptions.wishes(lease.connectionId);
    return new Wishes(tenant, lease, wishes, trigger === 'push' && lease.trigger === 'push');
  }

  /** @param partition absent: any of them */
  include(stream: StreamName, partition?: string): boolean {
    return !this.only || this.#of(stream, partition).length > 0;
  }

  /** Everything of this partition was told, by a reading that began after the wishes were seen. */
  async served(stream: StreamName, partition: string): Promise<void> {
    for (const wish of this.#of(stream, partition)) await this.#tenant.subscriptions.served(this.#lease, wish);
  }

  #of(stream: StreamName, partition?: string): readonly Wish[] {
    return this.#wishes.filter(
      (wish) => wish.stream === stream && (partition === undefined || wish.partition === partition),
    );
  }
}
