/** An entity as it was when its first late change came, and the number of the last change then. */
interface Held<T> {
  readonly at: number;
  /** undefined: it was not there. */
  readonly before: T | undefined;
}

/**
 * What delta does not tell yet: replicas are behind, each by its own time, so that a change made later may be told earlier
 * (delta-query-overview, "Processing delays"). A late entity is told as it was, in a first round too; reading it by itself
 * shows what it is.
 */
export class Late<T> {
  readonly #held = new Map<string, Held<T>>();
  #ids: ReadonlySet<string> = new Set();

  /** Before a change: if its entity is a late one, what delta goes on telling. */
  hold(id: string, at: number, before: T | undefined): void {
    if (this.#ids.has(id) && !this.#held.has(id)) this.#held.set(id, { at, before });
  }

  /** What delta is to tell of it; undefined: nothing. */
  toldOf(id: string, now: T): T | undefined {
    const held = this.#held.get(id);
    return held ? held.before : now;
  }

  /**
   * @param ids those whose changes are late from now on; undefined: of nobody
   * @returns those that are late no more, with the number of the last change that delta told of them
   */
  become(ids: readonly string[] | undefined): ReadonlyMap<string, number> {
    this.#ids = new Set(ids);
    const told = [...this.#held].filter(([id]) => !this.#ids.has(id)).map(([id, { at }]) => [id, at] as const);
    for (const [id] of told) this.#held.delete(id);
    return new Map(told);
  }
}
