const BLOCK_BYTES = 1024 * 1024;

interface Block {
  readonly bytes: Buffer;
  used: number;
  held: number;
}

/** Bytes that stay as they are until they are let go. */
export interface Held {
  readonly bytes: Buffer;
  /** Where they begin in `bytes`. */
  readonly start: number;
  /** They may be written over from now on; further calls do nothing. */
  release(): void;
}

/**
 * Memory for entries between their arrival and the commit of their page, used again page after page. Kept where the
 * socket put them, in pieces of 64 KiB, they would live just long enough to be moved among the old objects, where the
 * garbage collector lets tens of megabytes gather.
 */
export class Arena {
  #current = newBlock();
  readonly #free: Block[] = [];

  /** A copy of `bytes` from `start` to `stop`. */
  hold(bytes: Buffer, start: number, stop: number): Held {
    const length = stop - start;
    if (length > BLOCK_BYTES) return { bytes: Buffer.from(bytes.subarray(start, stop)), start: 0, release: () => {} };
    if (this.#current.used + length > BLOCK_BYTES) this.#current = this.#free.pop() ?? newBlock();
    const block = this.#current;
    const at = block.used;
    bytes.copy(block.bytes, at, start, stop);
    block.used += length;
    block.held += 1;
    let released = false;
    return {
      bytes: block.bytes,
      start: at,
      release: () => {
        if (released) return;
        released = true;
        this.#letGo(block);
      },
    };
  }

  #letGo(block: Block): void {
    block.held -= 1;
    if (block.held > 0) return;
    block.used = 0;
    if (block !== this.#current) this.#free.push(block);
  }
}

const newBlock = (): Block => ({ bytes: Buffer.allocUnsafeSlow(BLOCK_BYTES), used: 0, held: 0 });
