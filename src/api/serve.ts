import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describeUnexpected } from '../base/errors.ts';
import type { VerifiedKey } from '../store/types.ts';
import { sendAnswer, sendProblem } from './answer.ts';
import { bearerToken, invalidKey, requireScope } from './auth.ts';
import { hasBody, readJson } from './body.ts';
import { Buckets, OpenCounts } from './buckets.ts';
import type { ApiDeps } from './deps.ts';
import { idempotencyKey, once } from './idempotency.ts';
import { type ApiLimits, apiLimits } from './limits.ts';
import { notFoundSentence, Problem, toProblem } from './problems.ts';
import type { Answer, Call, Route } from './route.ts';
import { queryOf, validated } from './validate.ts';

/** What is known of a request while it is answered; ends as one line of the log. */
export interface Trace {
  readonly request: string;
  readonly method: string;
  route: string;
  caller: VerifiedKey | null;
  problem: string | null;
}

const MOST_TOKENS_SEEN = 10_000;

/** Answers requests to declared routes, in one order for all: who, how often, may they, what, once, do. */
export class RouteServer {
  readonly #deps: ApiDeps;
  readonly #limits: ApiLimits;
  readonly #perKey: Buckets;
  readonly #perTenant: Buckets;
  readonly #waits = new OpenCounts();
  /** Whose bucket a token is charged to, by the token's digest. Opens nothing. */
  readonly #seen = new Map<string, { key: string; tenant: string }>();

  constructor(deps: ApiDeps) {
    this.#deps = deps;
    this.#limits = deps.limits ?? apiLimits;
    this.#perKey = new Buckets(this.#limits.perKey);
    this.#perTenant = new Buckets(this.#limits.perTenant);
  }

  async serve(
    route: Route,
    params: unknown,
    request: IncomingMessage,
    response: ServerResponse,
    trace: Trace,
  ): Promise<void> {
    const over = new AbortController();
    const end = () => over.abort();
    response.once('close', end);
    this.#deps.stopping?.addEventListener('abort', end, { once: true });
    if (this.#deps.stopping?.aborted) end();
    const late = Promise.withResolvers<never>();
    const deadline = setTimeout(() => {
      late.reject(timedOut());
      end();
      // Nobody is left to be answered, but a fault must still be found in the log.
      work.catch((error: unknown) => {
        if (!toProblem(error, this.#deps.clock.now()).expected) logFault(this.#deps, trace, error);
      });
    }, route.answerWithinMs ?? this.#limits.answerWithinMs);

    // The work goes on after the deadline: a repetition with the same Idempotency-Key then finds its answer.
    const work = this.#answer(route, params, request, trace, over.signal);
    let answer: Awaited<typeof work>;
    try {
      answer = await Promise.race([work, late.promise]);
    } finally {
      clearTimeout(deadline);
      this.#deps.stopping?.removeEventListener('abort', end);
    }
    if (answer.replayed) response.setHeader('Idempotency-Replayed', 'true');
    const reads = request.method === 'GET' || request.method === 'HEAD';
    sendAnswer(response, answer.answer, reads ? request.headers['if-none-match'] : undefined);
  }

  async #answer(
    route: Route,
    params: unknown,
    request: IncomingMessage,
    trace: Trace,
    signal: AbortSignal,
  ): Promise<{ answer: Answer; replayed: boolean }> {
    const deps = this.#deps;
    const token = bearerToken(request.headers.authorization);
    const caller = await this.#authenticate(token);
    trace.caller = caller;
    requireScope(caller, route.scope);

    const url = request.url ?? '';
    const query = queryOf(url);
    const body = await this.#body(route, request);
    const call: Call = {
      params: readParams(route, params),
      query: route.query ? validated(route.query, query, 'query') : refuseAny(query),
      body: route.body ? validated(route.body, body, 'body') : undefined,
      caller,
      store: await deps.tenantStore(caller.tenantId),
      deps,
      signal,
      report: (fault) => logFault(deps, trace, fault),
    };

    const leave = this.#enterWait(call);
    try {
      const header = route.method === 'POST' ? idempotencyKey(one(request.headers['idempotency-key'])) : undefined;
      if (header === undefined || route.changesNothing) return { answer: await route.handler(call), replayed: false };
      const { firstAnswerWithinMs } = this.#limits;
      return await once(
        {
          store: call.store.idempotency,
          apiKey: caller.key.id,
          token,
          header,
          method: route.method,
          url,
          body,
          waitMs: firstAnswerWithinMs,
          signal,
          report: call.report,
        },
        () => route.handler(call),
      );
    } finally {
      leave?.();
    }
  }

  /**
   * Who is asking. A token that was right before is counted before it is looked up again, so that a caller beyond its
   * limit costs no database; it is looked up all the same, so that a revoked key is refused at once.
   */
  async #authenticate(token: string): Promise<VerifiedKey> {
    const digest = createHash('sha256').update(token).digest('base64');
    const seen = this.#seen.get(digest);
    if (seen) this.#countIn(seen);
    const caller = await this.#deps.authenticate(token);
    if (!caller) {
      this.#seen.delete(digest);
      throw invalidKey();
    }
    if (!seen) {
      if (this.#seen.size >= MOST_TOKENS_SEEN) this.#seen.clear();
      this.#seen.set(digest, { key: caller.key.id, tenant: caller.tenantId });
      this.#countIn({ key: caller.key.id, tenant: caller.tenantId });
    }
    return caller;
  }

  #countIn({ key, tenant }: { key: string; tenant: string }): void {
    const waitS = this.#perKey.take(key) || this.#perTenant.take(tenant);
    if (waitS > 0) throw tooMany('Too many requests: wait as long as Retry-After says.', waitS);
  }

  /** A long-poll costs no more than a socket, but sockets are counted too. */
  #enterWait({ query, caller }: Call): (() => void) | undefined {
    const { wait } = (query ?? {}) as { wait?: number };
    if (!wait) return undefined;
    const leaveKey = this.#waits.enter(`key ${caller.key.id}`, this.#limits.waitsPerKey);
    if (!leaveKey) throw tooMany('Too many long-polls are open with this key; a reader needs one.', wait);
    const leaveTenant = this.#waits.enter(`tenant ${caller.tenantId}`, this.#limits.waitsPerTenant);
    if (!leaveTenant) {
      leaveKey();
      throw tooMany('Too many long-polls are open for this tenant.', wait);
    }
    return () => {
      leaveKey();
      leaveTenant();
    };
  }

  async #body(route: Route, request: IncomingMessage): Promise<unknown> {
    if (route.method === 'GET' || route.method === 'DELETE') {
      if (hasBody(request)) throw new Problem('bad-request', `${route.method} takes no body here.`);
      return undefined;
    }
    const body = await readJson(request, this.#limits);
    if (route.body) {
      if (body !== undefined) return body;
      if (route.bodyOptional) return {};
      throw new Problem('bad-request', 'A JSON body is missing.');
    }
    const empty = body === undefined || (typeof body === 'object' && body !== null && Object.keys(body).length === 0);
    if (!empty) throw new Problem('bad-request', 'This request takes no body.');
    return undefined;
  }
}

export function logFault(deps: ApiDeps, trace: Trace, fault: unknown): void {
  const { request, method, route } = trace;
  deps.log({ event: 'api-fault', request, method, route, fault: describeUnexpected(fault) });
}

/** Answers with the problem that the error stands for; a fault of ours is logged by kind and place. */
export function fail(deps: ApiDeps, trace: Trace, response: ServerResponse, error: unknown): void {
  const { problem, expected } = toProblem(error, deps.clock.now());
  if (!expected) logFault(deps, trace, error);
  trace.problem = problem.problem;
  sendProblem(response, problem, trace.request);
}

function readParams(route: Route, params: unknown): unknown {
  if (!route.params) return undefined;
  const result = route.params.safeParse(params);
  // A malformed id is an unknown id: telling them apart would say what ids look like, and whose exist.
  if (!result.success) throw new Problem('not-found', notFoundSentence);
  return result.data;
}

function refuseAny(query: Record<string, string>): undefined {
  if (Object.keys(query).length > 0) throw new Problem('bad-request', 'This request takes no query parameters.');
  return undefined;
}

const tooMany = (sentence: string, waitS: number) =>
  new Problem('too-many-requests', sentence, { headers: { 'Retry-After': String(waitS) } });

const one = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header.join(', ') : header;

const timedOut = () =>
  new Problem('timed-out', 'The answer took too long; repeat a POST with the same Idempotency-Key.', {
    headers: { 'Retry-After': '5' },
  });
