const FIRST_SLOTS = 4096;

/**
 * A set of digests that were asked for, by their first four bytes: small, and used again page after page, because what
 * is made anew for each page is memory that nobody collects in time. Two digests that begin alike are taken for one.
 */
export class AskedDigests {
  /** By open addressing; 0 for free. Never more than half full. */
  #slots = new Int32Array(FIRST_SLOTS);
  #count = 0;

  add(digest: string): void {
    if (this.#count * 2 >= this.#slots.length) this.#grow();
    if (place(this.#slots, shortened(digest))) this.#count++;
  }

  has(digest: string): boolean {
    const short = shortened(digest);
    const mask = this.#slots.length - 1;
    for (let slot = short & mask; this.#slots[slot] !== 0; slot = (slot + 1) & mask)
      if (this.#slots[slot] === short) return true;
    return false;
  }

  clear(): void {
    this.#slots.fill(0);
    this.#count = 0;
  }

  #grow(): void {
    const larger = new Int32Array(this.#slots.length * 2);
    for (const short of this.#slots) if (short !== 0) place(larger, short);
    this.#slots = larger;
  }
}

/** @returns whether it was not there yet */
function place(slots: Int32Array, short: number): boolean {
  const mask = slots.length - 1;
  let slot = short & mask;
  while (slots[slot] !== 0) {
    if (slots[slot] === short) return false;
    slot = (slot + 1) & mask;
  }
  slots[slot] = short;
  return true;
}

const shortened = (digest: string): number =>
  digest.charCodeAt(0) | (digest.charCodeAt(1) << 8) | (digest.charCodeAt(2) << 16) | (digest.charCodeAt(3) << 24) || 1;
