import { type Name, parentOf } from './dn.ts';
import type { Entry } from './entry.ts';

/** An entry and its place in the order in which entries were added: the order of search results. */
export interface Numbered {
  readonly number: number;
  readonly entry: Entry;
}

/** The entries of a directory. Numbers only rise, so that a page can go on after the last one sent. */
export class Tree {
  readonly #entries: Numbered[] = [];
  readonly #byPath = new Map<string, Entry>();
  #last = 0;

  at(name: Name): Entry | undefined {
    return this.#byPath.get(name.path);
  }

  /** Adds the entry, or puts it in the place of one it replaces, which may have had another name. */
  put(entry: Entry, replaced: Entry | undefined = this.at(entry.name)): void {
    const occupant = this.at(entry.name);
    if (occupant && occupant !== replaced) throw new RangeError('Another entry has that name.');
    if (!replaced) {
      this.#last += 1;
      this.#entries.push({ number: this.#last, entry });
    } else {
      const index = this.#entries.findIndex((one) => one.entry === replaced);
      const old = this.#entries[index];
      if (!old) throw new RangeError('The entry to replace is not in the directory.');
      this.#entries[index] = { number: old.number, entry };
      this.#byPath.delete(replaced.name.path);
    }
    this.#byPath.set(entry.name.path, entry);
  }

  remove(entry: Entry): void {
    const index = this.#entries.findIndex((one) => one.entry === entry);
    if (index < 0) return;
    this.#entries.splice(index, 1);
    this.#byPath.delete(entry.name.path);
  }

  /** The DN of the nearest entry above a name: the matchedDN of noSuchObject. */
  nearestAbove(name: Name): string {
    for (let above = parentOf(name); above.depth > 0; above = parentOf(above)) {
      const found = this.at(above);
      if (found) return found.dn;
    }
    return '';
  }

  /** Entries in scope that were added after number `after`, in order. */
  *within(base: Name, scope: 'base' | 'one' | 'sub', after = 0): Generator<Numbered> {
    for (let index = this.#firstAfter(after); index < this.#entries.length; index += 1) {
      const numbered = this.#entries[index]!;
      const { path, depth } = numbered.entry.name;
      if (!path.startsWith(base.path)) continue;
      const below = depth - base.depth;
      if (scope === 'sub' || below === (scope === 'one' ? 1 : 0)) yield numbered;
    }
  }

  #firstAfter(number: number): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#entries[middle]!.number <= number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
