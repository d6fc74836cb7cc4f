/**
 * Several readings at a time, whose pages are written one at a time: they share a lease, a receipt and the rules in
 * memory, and sources are slower than the database. The first error that is no matter of one reading halts them all.
 */
export class SideBySide {
  readonly #most: number;
  readonly #onHalt: (error: unknown) => void;
  #failure: { readonly error: unknown } | undefined;
  #ending: { readonly error: unknown } | undefined;
  /** Ends when the last one in the queue has had its turn; never rejects. */
  #queue: Promise<unknown> = Promise.resolve();

  /** @param onHalt told the error once; ends what the readings are waiting for */
  constructor(most: number, onHalt: (error: unknown) => void) {
    this.#most = Math.max(1, most);
    this.#onHalt = onHalt;
  }

  get halted(): boolean {
    return this.#failure !== undefined;
  }

  get ending(): boolean {
    return this.#ending !== undefined;
  }

  /**
   * Begins no other reading, and ends what those under way are waiting for. What they have got already is written: were it
   * not, one calendar that is throttled in each run would keep all those away that are asked together with it.
   */
  end(error: unknown): void {
    if (this.halted || this.ending) return;
    this.#ending = { error };
    this.#onHalt(error);
  }

  /**
   * Does the work for each, with so many under way; begins no other once halted or ending.
   * @throws the error of that, when the last one under way has ended
   */
  async each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
    const left = items.values();
    const worker = async () => {
      for (const item of left) {
        if (this.halted || this.ending) return;
        await work(item).catch((error) => this.#halt(error));
      }
    };
    await Promise.all(Array.from({ length: Math.min(this.#most, items.length) }, worker));
    const over = this.#failure ?? this.#ending;
    if (over) throw over.error;
  }

  /** Does the work when it is its turn. Fails, it halts all. @throws what halted it before */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(async () => {
      if (this.#failure) throw this.#failure.error;
      try {
        return await work();
      } catch (error) {
        this.#halt(error);
        throw error;
      }
    });
    this.#queue = turn.catch(() => {});
    return turn;
  }

  #halt(error: unknown): void {
    if (this.#failure) return;
    this.#failure = { error };
    this.#onHalt(error);
  }
}
