import type { Rules } from '../gate/gate.ts';
import type { MatchKind } from '../model/model.ts';

const FIRST_SLOTS = 1024;

/**
 * The rules as one page sees them while it is judged, and whether they would answer it the same now. A page is judged
 * while the one before it is on its way into the database; what that one then changes about who is recognised
 * concerns this page only if it asked for the very digest.
 */
export class RulesView implements Rules {
  readonly #rules: Rules;
  readonly #leave: (view: RulesView) => void;
  /** The first four bytes of each digest asked for, by open addressing; 0 for free. Never more than half full. */
  #asked = new Int32Array(FIRST_SLOTS);
  #count = 0;
  #current = true;

  constructor(rules: Rules, leave: (view: RulesView) => void) {
    this.#rules = rules;
    this.#leave = leave;
  }

  /** Whether everything asked through this view would be answered the same now. */
  get current(): boolean {
    return this.#current;
  }

  digest(kind: string, value: string): string {
    return this.#rules.digest(kind, value);
  }

  bound(keyDigest: string): { readonly user: string; readonly left: boolean } | undefined {
    return this.#rules.bound(keyDigest);
  }

  hasBinding(user: string): boolean {
    return this.#rules.hasBinding(user);
  }

  matching(kind: MatchKind, digest: string): readonly string[] {
    this.#ask(shortened(digest));
    return this.#rules.matching(kind, digest);
  }

  /** A digest stands for somebody else from now on. Two that begin alike cost a judgement made twice, no more. */
  changed(digest: string): void {
    if (this.#isAsked(shortened(digest))) this.#current = false;
  }

  outdate(): void {
    this.#current = false;
  }

  /** Nothing is to be told to this view any more. */
  close(): void {
    this.#leave(this);
  }

  #ask(short: number): void {
    if (this.#count * 2 >= this.#asked.length) this.#grow();
    if (place(this.#asked, short)) this.#count++;
  }

  #isAsked(short: number): boolean {
    const mask = this.#asked.length - 1;
    for (let slot = short & mask; this.#asked[slot] !== 0; slot = (slot + 1) & mask)
      if (this.#asked[slot] === short) return true;
    return false;
  }

  #grow(): void {
    const larger = new Int32Array(this.#asked.length * 4);
    for (const short of this.#asked) if (short !== 0) place(larger, short);
    this.#asked = larger;
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
