/** Every number by which one caller is kept from hurting another, in one place. Per process of the `api` role. */
export interface ApiLimits {
  /** Requests per second on average, and how many may come at once. */
  readonly perKey: BucketLimit;
  readonly perTenant: BucketLimit;
  /** Long-polls open at one moment; a reader needs one. */
  readonly waitsPerKey: number;
  readonly waitsPerTenant: number;
  /** Largest request body in bytes. */
  readonly bodyBytes: number;
  /** Deepest nesting of a request body. */
  readonly bodyDepth: number;
  /** How long a request may take before its caller is told to come back; long-polls add their own wait. */
  readonly answerWithinMs: number;
  /** How long a repeated POST waits for the first one's answer before it is told to come back. */
  readonly firstAnswerWithinMs: number;
  /** Of what systems push. */
  readonly perPushedConnection: BucketLimit;
  /** Pushes whose token has not been right before, of all callers together. */
  readonly strangePushes: BucketLimit;
  readonly pushBodyBytes: number;
  /** Microsoft waits 3 s, and counts 2.9 s as slow. */
  readonly pushAnswerWithinMs: number;
}

export interface BucketLimit {
  readonly perSecond: number;
  readonly burst: number;
}

export const apiLimits: ApiLimits = {
  perKey: { perSecond: 100, burst: 300 },
  perTenant: { perSecond: 300, burst: 900 },
  waitsPerKey: 32,
  waitsPerTenant: 128,
  bodyBytes: 64 * 1024,
  bodyDepth: 16,
  answerWithinMs: 20_000,
  firstAnswerWithinMs: 5_000,
  perPushedConnection: { perSecond: 50, burst: 500 },
  strangePushes: { perSecond: 20, burst: 100 },
  pushBodyBytes: 256 * 1024,
  pushAnswerWithinMs: 2_500,
};

/** Longest long-poll in seconds; proxies commonly cut at 60. */
export const longestWaitS = 30;

export const listLimit = { usual: 100, most: 1000 } as const;
