import { NeedsAttention, TryLater } from '../base/errors.ts';
import type { StreamName } from '../model/model.ts';

/** A source that names the moment to come back wants to be left alone by all partitions. */
export const wantsToBeLeftAlone = (error: unknown): boolean =>
  error instanceof TryLater && error.notBefore !== undefined;

/**
 * What went wrong with single partitions of a stream: the others are read all the same, and the run then says how many
 * were not. A stream of one partition, and whatever is no matter of one partition, ends the run at once.
 */
export class PartitionTrouble {
  readonly #stream: StreamName;
  readonly #partitions: number;
  readonly #noted: (NeedsAttention | TryLater)[] = [];

  constructor(stream: StreamName, partitions: number) {
    this.#stream = stream;
    this.#partitions = partitions;
  }

  /** @throws the error, unless it is one that other partitions need not have */
  note(error: unknown): void {
    const ofOne = error instanceof NeedsAttention || (error instanceof TryLater && !wantsToBeLeftAlone(error));
    if (!ofOne || this.#partitions === 1) throw error;
    this.#noted.push(error);
  }

  /** @throws what was noted, as one */
  tell(): void {
    const [first] = this.#noted;
    if (!first) return;
    const sentence = `${this.#noted.length} of ${this.#partitions} parts of ${this.#stream} could not be read, the others were; of the first: ${first.message}`;
    throw first instanceof NeedsAttention ? new NeedsAttention(sentence) : new TryLater(sentence);
  }
}
