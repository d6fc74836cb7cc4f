import { formatUuid, ID_BYTES, writeUuid } from '../base/uuid.ts';

const FIRST_IDS = 64;
const ID_WORDS = ID_BYTES / 4;

/**
 * A set of our own ids (UUIDs, canonical) that a pass holds for as long as it runs: 24 bytes each, where a Set of texts takes a
 * hundred. Found by open addressing; the ids are our own, so nobody outside can choose them to collide.
 */
export class IdSet implements Iterable<string> {
  /** One after the other, as they were added. */
  #words = new Int32Array(FIRST_IDS * ID_WORDS);
  /** By hash: 0 for free, else the id's number plus one. Never more than half full. */
  #slots = new Int32Array(FIRST_IDS * 2);
  #size = 0;

  constructor(ids: Iterable<string> = []) {
    for (const id of ids) this.add(id);
  }

  get size(): number {
    return this.#size;
  }

  has(id: string): boolean {
    read(id);
    return this.#slots[this.#slotOf(sought)] !== 0;
  }

  add(id: string): void {
    read(id);
    if (this.#slots[this.#slotOf(sought)] !== 0) return;
    if (this.#size * 2 === this.#slots.length) this.#grow();
    this.#words.set(sought, this.#size * ID_WORDS);
    this.#slots[this.#slotOf(sought)] = ++this.#size;
  }

  *[Symbol.iterator](): Iterator<string> {
    const bytes = new Uint8Array(this.#words.buffer);
    for (let number = 0; number < this.#size; number++)
      yield formatUuid(bytes.subarray(number * ID_BYTES, (number + 1) * ID_BYTES));
  }

  /** Where this id stands, or the free slot where it would. */
  #slotOf(id: Int32Array): number {
    const mask = this.#slots.length - 1;
    let slot = hashOf(id) & mask;
    while (this.#slots[slot] !== 0 && !this.#isAt(this.#slots[slot]! - 1, id)) slot = (slot + 1) & mask;
    return slot;
  }

  #isAt(number: number, id: Int32Array): boolean {
    const from = number * ID_WORDS;
    for (let word = 0; word < ID_WORDS; word++) if (this.#words[from + word] !== id[word]) return false;
    return true;
  }

  #grow(): void {
    const words = new Int32Array(this.#words.length * 2);
    words.set(this.#words);
    this.#words = words;
    this.#slots = new Int32Array(this.#slots.length * 2);
    for (let number = 0; number < this.#size; number++)
      this.#slots[this.#slotOf(words.subarray(number * ID_WORDS, (number + 1) * ID_WORDS))] = number + 1;
  }
}

/** The id that is being looked for, as it lies in `#words`. */
const soughtBytes = new Uint8Array(ID_BYTES);
const sought = new Int32Array(soughtBytes.buffer);

/** @throws the text is no UUID */
function read(id: string): void {
  writeUuid(soughtBytes, 0, id);
}

// Ids made at one time begin alike, and those of tests end alike: every word counts, and its every byte.
function hashOf(id: Int32Array): number {
  let hash = 0;
  for (let word = 0; word < ID_WORDS; word++) {
    hash = Math.imul(hash ^ id[word]!, 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return hash;
}
