import { BadInput, NeedsAttention, type RefusalKind, Refused, TryLater } from '../base/errors.ts';

/** Whether the same request may work: `later` by itself, `after-change` once a person changed something. */
export type Retry = 'never' | 'later' | 'after-change';

interface ProblemDeclaration {
  readonly status: number;
  readonly title: string;
  readonly retry: Retry;
  /** What it means and what to do, for the published list. */
  readonly meaning: string;
}

const problem = (status: number, retry: Retry, title: string, meaning: string): ProblemDeclaration => ({
  status,
  title,
  retry,
  meaning,
});

/** Every problem this interface answers (RFC 9457). `type` is `/problems/NAME`; names are added, never changed. */
export const problems = {
  'bad-request': problem(400, 'never', 'The request is wrong', '`errors` says where; the same request never works.'),
  unauthorized: problem(
    401,
    'after-change',
    'No valid key',
    'Send `Authorization: Bearer` with a key that is neither revoked nor expired.',
  ),
  forbidden: problem(
    403,
    'after-change',
    'The key does not allow this',
    'Ask tenant IT for a key with the scope named in `detail`.',
  ),
  'not-admitted': problem(
    403,
    'after-change',
    'Not admitted',
    'The tenant does not admit this person; tenant IT decides whom it admits.',
  ),
  'not-found': problem(404, 'never', 'Not found', 'There is nothing here by that id that this key may know of.'),
  'method-not-allowed': problem(405, 'never', 'Wrong method', '`Allow` lists the methods of this address.'),
  conflict: problem(409, 'after-change', 'Conflict', 'Something else changed in between: read again, then decide.'),
  'identity-conflict': problem(
    409,
    'after-change',
    'Identity conflict',
    'The values name somebody else, or two people; nobody is taken over. Tenant IT must settle who is who.',
  ),
  'feature-off': problem(409, 'after-change', 'Feature is off', 'The tenant has not switched this feature on.'),
  'no-opt-in': problem(409, 'after-change', 'No opt-in', 'The user has not switched this feature on for themselves.'),
  'already-running': problem(
    409,
    'later',
    'Already running',
    'A run of this connection is under way; wait for its end.',
  ),
  'not-held': problem(409, 'never', 'Nothing to decide', 'The run holds no removals, or they were decided already.'),
  locked: problem(409, 'later', 'In use', 'Somebody else is at it right now.'),
  'idempotency-busy': problem(
    409,
    'later',
    'First request under way',
    'The first request with this Idempotency-Key has not been answered yet.',
  ),
  'cursor-too-old': problem(
    410,
    'after-change',
    'Cursor too old',
    'Start again without a cursor: every live entity comes once, then the changes.',
  ),
  'too-large': problem(413, 'never', 'Too large', 'A request body holds at most 64 KiB.'),
  'unsupported-media-type': problem(
    415,
    'never',
    'Not JSON',
    'Send `Content-Type: application/json`, UTF-8, not compressed.',
  ),
  unsupported: problem(
    422,
    'after-change',
    'Not supported',
    'This form of the request is declared and not available yet.',
  ),
  'idempotency-mismatch': problem(
    422,
    'never',
    'Idempotency-Key used before',
    'Another request was sent with this Idempotency-Key: use a new key for each request.',
  ),
  'too-many-requests': problem(429, 'later', 'Too many requests', 'Wait as long as `Retry-After` says.'),
  unexpected: problem(500, 'later', 'Unexpected', 'A fault of the hub: it is in its log under the id in `instance`.'),
  'needs-attention': problem(
    502,
    'after-change',
    'The source needs attention',
    'Tenant IT must act: `detail` says on what.',
  ),
  'upstream-busy': problem(
    503,
    'later',
    'Busy',
    'The source, or the hub itself, is busy or away: wait as long as `Retry-After` says.',
  ),
  'timed-out': problem(
    503,
    'later',
    'Took too long',
    'No answer was ready in time. Repeat a POST with the same Idempotency-Key.',
  ),
} as const satisfies Record<string, ProblemDeclaration>;

export type ProblemName = keyof typeof problems;
export const problemNames = Object.keys(problems) as ProblemName[];

/** One wrong place of a request. `path` is a JSON pointer into the body, or a parameter's name. Never a value. */
export interface RequestError {
  readonly in: 'body' | 'query' | 'header';
  readonly path: string;
  readonly problem: string;
}

/** A problem raised by the interface itself, not by what lies behind it. */
export class Problem extends Error {
  readonly problem: ProblemName;
  readonly errors: readonly RequestError[];
  readonly headers: Readonly<Record<string, string>>;

  /** @param sentence what, where and the fix; never a piece of the request */
  constructor(
    name: ProblemName,
    sentence: string,
    more: { errors?: readonly RequestError[]; headers?: Record<string, string> } = {},
  ) {
    super(sentence);
    this.problem = name;
    this.errors = more.errors ?? [];
    this.headers = more.headers ?? {};
  }
}

/** The one sentence for whatever is not there: another tenant's id must not read differently from no id at all. */
export const notFoundSentence = 'There is nothing by that id.';

const problemOfRefusal: Readonly<Record<RefusalKind, ProblemName>> = {
  'not-found': 'not-found',
  conflict: 'conflict',
  'not-admitted': 'not-admitted',
  'identity-conflict': 'identity-conflict',
  'cursor-too-old': 'cursor-too-old',
  'feature-off': 'feature-off',
  'no-opt-in': 'no-opt-in',
  'already-running': 'already-running',
  'not-held': 'not-held',
  locked: 'locked',
};

/** Seconds to wait when a problem passes by itself and nobody said when. */
const USUAL_WAIT_S = 5;

/** The problem that any thrown value is answered with; `expected` is false for a fault of ours. */
export function toProblem(error: unknown, now: Date): { problem: Problem; expected: boolean } {
  const expect = (problem: Problem) => ({ problem, expected: true });
  if (error instanceof Problem) return expect(error);
  if (error instanceof Refused) {
    const name = problemOfRefusal[error.kind];
    const wait = problems[name].retry === 'later' ? { headers: { 'Retry-After': String(USUAL_WAIT_S) } } : {};
    return expect(new Problem(name, name === 'not-found' ? notFoundSentence : error.message, wait));
  }
  if (error instanceof BadInput) return expect(new Problem('bad-request', error.message));
  if (error instanceof TryLater) {
    return expect(
      new Problem('upstream-busy', error.message, { headers: { 'Retry-After': retryAfter(error.notBefore, now) } }),
    );
  }
  if (error instanceof NeedsAttention) return expect(new Problem('needs-attention', error.message));
  if (isUndecodablePath(error)) return expect(new Problem('not-found', notFoundSentence));
  return { problem: new Problem('unexpected', 'Something unexpected went wrong inside the hub.'), expected: false };
}

function retryAfter(notBefore: Date | undefined, now: Date): string {
  if (!notBefore) return String(USUAL_WAIT_S);
  return String(Math.max(1, Math.ceil((notBefore.getTime() - now.getTime()) / 1000)));
}

/** The router throws this for `%` sequences that decode to nothing; its message quotes the path. */
function isUndecodablePath(error: unknown): boolean {
  return error instanceof URIError && (error as { status?: unknown }).status === 400;
}

export interface ProblemBody {
  type: string;
  title: string;
  status: number;
  detail: string;
  retry: Retry;
  instance?: string;
  errors?: readonly RequestError[];
}

export function problemBody(problem: Problem, requestId: string): ProblemBody {
  const { status, title, retry } = problems[problem.problem];
  return {
    type: `/problems/${problem.problem}`,
    title,
    status,
    detail: problem.message,
    retry,
    ...(problem.problem === 'unexpected' ? { instance: `urn:uuid:${requestId}` } : {}),
    ...(problem.errors.length > 0 ? { errors: problem.errors } : {}),
  };
}

export function isProblemName(name: string): name is ProblemName {
  return Object.hasOwn(problems, name);
}
