const DIGEST_BYTES = 32;
const FIRST_ROWS = 64;
const NOBODY: readonly string[] = [];

/**
 * Which users a digest stands for. A directory of 500,000 entries asks a million times and is nearly always told
 * "nobody", so the answer must be quick; and the digests of 25,000 users must be small. Rows lie in flat memory
 * (some 60 bytes each, where a Map of strings takes 200) and are found by open addressing: a digest is keyed, so its first
 * bytes are as good as any hash, and nobody outside can choose them to collide.
 */
export class DigestTable {
  /** By hash, then one after the other: 0 for free, else the row's number plus one. Never more than half full. */
  #slots = new Int32Array(FIRST_ROWS * 2);
  #digests = Buffer.alloc(FIRST_ROWS * DIGEST_BYTES);
  /** By row; empty for a row that was taken back, whose slot stays so that later ones are still found. */
  readonly #users: string[] = [];

  /** @param digest 32 bytes, one character each */
  get(digest: string): readonly string[] {
    const mask = this.#slots.length - 1;
    let found = NOBODY;
    for (let slot = hashOf(digest) & mask; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const row = this.#slots[slot]! - 1;
      const user = this.#users[row]!;
      if (user !== '' && this.#isAt(row, digest)) found = found === NOBODY ? [user] : [...found, user];
    }
    return found;
  }

  add(digest: string, user: string): void {
    if (this.get(digest).includes(user)) return;
    if (this.#users.length * 2 === this.#slots.length) this.#grow();
    const row = this.#users.push(user) - 1;
    this.#digests.write(digest, row * DIGEST_BYTES, 'latin1');
    this.#place(row, hashOf(digest));
  }

  /** This user alone from now on. */
  set(digest: string, user: string): void {
    for (const other of this.get(digest)) if (other !== user) this.remove(digest, other);
    this.add(digest, user);
  }

  remove(digest: string, user: string): void {
    const mask = this.#slots.length - 1;
    for (let slot = hashOf(digest) & mask; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const row = this.#slots[slot]! - 1;
      if (this.#users[row] === user && this.#isAt(row, digest)) this.#users[row] = '';
    }
  }

  #isAt(row: number, digest: string): boolean {
    const from = row * DIGEST_BYTES;
    for (let n = 0; n < DIGEST_BYTES; n++) if (this.#digests[from + n] !== digest.charCodeAt(n)) return false;
    return true;
  }

  #place(row: number, hash: number): void {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = row + 1;
  }

  #grow(): void {
    const digests = Buffer.alloc(this.#digests.length * 2);
    digests.set(this.#digests);
    this.#digests = digests;
    this.#slots = new Int32Array(this.#slots.length * 2);
    for (let row = 0; row < this.#users.length; row++) this.#place(row, digests.readInt32LE(row * DIGEST_BYTES));
  }
}

const hashOf = (digest: string): number =>
  digest.charCodeAt(0) | (digest.charCodeAt(1) << 8) | (digest.charCodeAt(2) << 16) | (digest.charCodeAt(3) << 24);
