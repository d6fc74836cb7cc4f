import type { BucketLimit } from './limits.ts';

/** Names remembered at once; keys come from a table, so only a flood of short-lived keys gets near. */
const MOST_NAMES = 10_000;

interface Bucket {
  tokens: number;
  atMs: number;
}

/** Token buckets by name: full at first, one token per request, refilled evenly. */
export class Buckets {
  readonly #limit: BucketLimit;
  readonly #nowMs: () => number;
  readonly #buckets = new Map<string, Bucket>();

  /** @param nowMs a clock that never goes back; the business clock would refill or freeze buckets when it is set */
  constructor(limit: BucketLimit, nowMs: () => number = () => performance.now()) {
    this.#limit = limit;
    this.#nowMs = nowMs;
  }

  /** Takes a token. 0 if there was one, otherwise the whole seconds until there is one. */
  take(name: string): number {
    const { perSecond, burst } = this.#limit;
    const now = this.#nowMs();
    const bucket = this.#buckets.get(name) ?? this.#open(name, now);
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.atMs) / 1000) * perSecond);
    bucket.atMs = now;
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      return 0;
    }
    return Math.max(1, Math.ceil((1 - bucket.tokens) / perSecond));
  }

  #open(name: string, now: number): Bucket {
    if (this.#buckets.size >= MOST_NAMES) this.#forgetOldest();
    const bucket = { tokens: this.#limit.burst, atMs: now };
    this.#buckets.set(name, bucket);
    return bucket;
  }

  /** The oldest tenth goes in one sweep, so that a flood does not pay for a sweep per request. */
  #forgetOldest(): void {
    let left = MOST_NAMES / 10;
    for (const name of this.#buckets.keys()) {
      if (left-- <= 0) return;
      this.#buckets.delete(name);
    }
  }
}

/** How many of something each name has open. */
export class OpenCounts {
  readonly #open = new Map<string, number>();

  /** @returns what to call once it is over, or `undefined` if `name` has `most` open already */
  enter(name: string, most: number): (() => void) | undefined {
    const count = this.#open.get(name) ?? 0;
    if (count >= most) return undefined;
    this.#open.set(name, count + 1);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const now = this.#open.get(name)! - 1;
      if (now === 0) this.#open.delete(name);
      else this.#open.set(name, now);
    };
  }
}
