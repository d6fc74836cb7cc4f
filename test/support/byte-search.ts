/**
 * Looks for very many texts in very many bytes at once: a full search of a database's files for everything that must
 * not be in them takes seconds.
 *
 *     const search = new ByteSearch();
 *     search.add('family name of stranger 17', Buffer.from('Qxvbnmkoplawert…'));
 *     search.look('server.log', bytes);      // [{ where: 'server.log', what: 'family name of stranger 17', at: 4711 }]
 *
 * A needle is its first 16 bytes: values under test are made long and random, so 16 bytes of one are found nowhere by
 * chance, and a value that was cut short is found as well. Shorter needles are refused: they would prove nothing.
 */
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface Found {
  readonly where: string;
  readonly what: string;
  readonly at: number;
}

export const NEEDLE_BYTES = 16;
/** Bits of the sieve for each needle: one position in 32 passes it by chance. */
const SIEVE_SHARE = 32;
/** A test that finds everything everywhere has said enough. */
const MOST_FOUND = 10_000;

export class ByteSearch {
  readonly #needles = new Map<string, string>();
  /** One bit for the first eight bytes of each needle: nearly every position is dismissed by it. As small as it may be. */
  #sieve = { bits: new Uint8Array(0), shift: 0, needles: -1 };

  get size(): number {
    return this.#needles.size;
  }

  /** The same bytes under two descriptions are found under the first. */
  add(what: string, bytes: Uint8Array): void {
    if (bytes.length < NEEDLE_BYTES)
      throw new Error(`"${what}" has ${bytes.length} bytes: too few to be told from chance.`);
    const key = Buffer.from(bytes.buffer, bytes.byteOffset, NEEDLE_BYTES).toString('latin1');
    if (this.#needles.has(key)) return;
    this.#needles.set(key, what);
  }

  #sieved(): { bits: Uint8Array; shift: number } {
    if (this.#sieve.needles === this.#needles.size) return this.#sieve;
    const width = Math.max(16, Math.min(27, Math.ceil(Math.log2(this.#needles.size * SIEVE_SHARE + 1))));
    const bits = new Uint8Array(2 ** (width - 3));
    const shift = 32 - width;
    for (const key of this.#needles.keys()) {
      const needle = Buffer.from(key, 'latin1');
      const bit = hash(needle.readInt32BE(0), needle.readInt32BE(4)) >>> shift;
      bits[bit >>> 3]! |= 1 << (bit & 7);
    }
    this.#sieve = { bits, shift, needles: this.#needles.size };
    return this.#sieve;
  }

  /** Every needle in these bytes, each once. */
  look(where: string, bytes: Uint8Array): Found[] {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const { bits, shift } = this.#sieved();
    const found = new Map<string, Found>();
    let high = 0;
    let low = 0;
    // `high` and `low` hold the last eight bytes; the needle they may begin ends eight bytes further on.
    for (let next = 0; next < buffer.length; next++) {
      high = (high << 8) | (low >>> 24);
      low = (low << 8) | buffer[next]!;
      const bit = hash(high, low) >>> shift;
      if ((bits[bit >>> 3]! & (1 << (bit & 7))) === 0) continue;
      const at = next - 7;
      if (at < 0 || at + NEEDLE_BYTES > buffer.length) continue;
      const what = this.#needles.get(buffer.toString('latin1', at, at + NEEDLE_BYTES));
      if (what !== undefined && !found.has(what) && found.size < MOST_FOUND) found.set(what, { where, what, at });
    }
    return [...found.values()];
  }

  /** Every file below a folder, a piece at a time; a file that goes away meanwhile is none. */
  async lookInFolder(folder: string): Promise<{ found: Found[]; files: number; bytes: number }> {
    const found: Found[] = [];
    let files = 0;
    let bytes = 0;
    for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
      const path = join(entry.parentPath, entry.name);
      found.push(...this.look(`the name of ${path}`, Buffer.from(entry.name)));
      if (!entry.isFile()) continue;
      const size = await this.#lookInFile(path, found);
      files++;
      bytes += size;
    }
    return { found, files, bytes };
  }

  async #lookInFile(path: string, found: Found[]): Promise<number> {
    try {
      await stat(path);
      let rest: Buffer = Buffer.alloc(0);
      let size = 0;
      for await (const piece of createReadStream(path, { highWaterMark: 2 ** 22 }) as AsyncIterable<Buffer>) {
        size += piece.length;
        const bytes = Buffer.concat([rest, piece]);
        found.push(...this.look(path, bytes));
        rest = bytes.subarray(Math.max(0, bytes.length - NEEDLE_BYTES + 1));
      }
      return size;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
      throw error;
    }
  }
}

function hash(high: number, low: number): number {
  return Math.imul(high, 0x9e3779b1) ^ Math.imul(low, 0x85ebca77);
}
