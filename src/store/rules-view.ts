import type { Rules } from '../gate/gate.ts';
import type { MatchKind } from '../model/model.ts';
import type { AskedDigests } from './asked-digests.ts';

/**
 * The rules as one page sees them while it is judged, and whether they would answer it the same now. A page is judged
 * while the one before it is on its way into the database; what that one then changes about who is recognised
 * concerns this page only if it asked for the very digest.
 */
export class RulesView implements Rules {
  readonly #rules: Rules;
  readonly #asked: AskedDigests;
  readonly #leave: (view: RulesView) => void;
  #current = true;

  constructor(rules: Rules, asked: AskedDigests, leave: (view: RulesView) => void) {
    this.#rules = rules;
    this.#asked = asked;
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
    this.#asked.add(digest);
    return this.#rules.matching(kind, digest);
  }

  /** A digest stands for somebody else from now on. Two that begin alike cost a judgement made twice, no more. */
  changed(digest: string): void {
    if (this.#asked.has(digest)) this.#current = false;
  }

  outdate(): void {
    this.#current = false;
  }

  /** Nothing is to be told to this view any more. */
  close(): void {
    this.#leave(this);
  }
}
