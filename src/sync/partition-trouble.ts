import { NeedsAttention, TryLater } from '../base/errors.ts';
import type { StreamName } from '../model/model.ts';

/** A source that names the moment to come back wants to be left alone by all partitions. */
export const wantsToBeLeftAlone = (error: unknown): boolean =>
  error instanceof TryLater && error.notBefore !== undefined;

/**
 * What went wrong with single partitions of a stream: the others are read all the same, and so are the streams after it. The
 * run then says how many were not. What is no matter of one partition ends the run at once, as does a stream of no partitions.
 */
export class PartitionTrouble {
  readonly #stream: StreamName;
  readonly #partitions: number | undefined;
  readonly #noted: (NeedsAttention | TryLater)[] = [];

  /** @param partitions how many were to be read; undefined: the stream has none */
  constructor(stream: StreamName, partitions: number | undefined) {
    this.#stream = stream;
    this.#partitions = partitions;
  }

  /** @throws the error, unless it is one that others need not have */
  note(error: unknown): void {
    const ofOne = error instanceof NeedsAttention || (error instanceof TryLater && !wantsToBeLeftAlone(error));
    if (!ofOne || this.#partitions === undefined) throw error;
    this.#noted.push(error);
  }

  /** What was noted, as one error. */
  get all(): NeedsAttention | TryLater | undefined {
    const [first] = this.#noted;
    if (!first || this.#partitions === 1) return first;
    const sentence = `${this.#noted.length} of ${this.#partitions} parts of ${this.#stream} could not be read, the others were; of the first: ${first.message}`;
    return first instanceof NeedsAttention ? new NeedsAttention(sentence) : new TryLater(sentence);
  }
}
