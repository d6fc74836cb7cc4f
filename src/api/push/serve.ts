import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PushedConnection, PushReceiver } from '../../sync/push.ts';
import { send, sendAnswer } from '../answer.ts';
import { hasBody, readJson } from '../body.ts';
import { Buckets } from '../buckets.ts';
import type { ApiDeps } from '../deps.ts';
import { type ApiLimits, apiLimits } from '../limits.ts';
import { notFoundSentence, Problem, toProblem } from '../problems.ts';
import { logFault, type Trace } from '../serve.ts';
import { queryOf } from '../validate.ts';

/** Not part of the published description: systems are told it when they are asked to call. */
export const pushPath = '/push/v1/{token}';

const MOST_TOKENS_SEEN = 10_000;
/** Longer ones are no source's idea of a test. */
const LONGEST_ECHO = 1_024;

/**
 * Takes in what systems push. The token in the path is all they show, so neither it nor anything of a body is logged; a
 * token that opens nothing answers like an address that does not exist.
 */
export class PushServer {
  readonly #deps: ApiDeps;
  readonly #pushes: PushReceiver;
  readonly #limits: ApiLimits;
  readonly #perConnection: Buckets;
  readonly #strange: Buckets;
  /** Tokens that were right before, by digest, with the connection they are charged to. Opens nothing. */
  readonly #seen = new Map<string, string>();

  constructor(deps: ApiDeps, pushes: PushReceiver) {
    this.#deps = deps;
    this.#pushes = pushes;
    this.#limits = deps.limits ?? apiLimits;
    this.#perConnection = new Buckets(this.#limits.perPushedConnection);
    this.#strange = new Buckets(this.#limits.strangePushes);
  }

  /** What is late goes on, and is answered as not taken in: the source sends it again, which does no harm. */
  async serve(token: string, request: IncomingMessage, response: ServerResponse, trace: Trace): Promise<void> {
    const late = Promise.withResolvers<never>();
    const work = this.#receive(token, request);
    const deadline = setTimeout(() => {
      late.reject(new Problem('timed-out', 'Taking this in took too long; send it again.', retryIn(5)));
      work.catch((error: unknown) => {
        if (!toProblem(error, this.#deps.clock.now()).expected) logFault(this.#deps, trace, error);
      });
    }, this.#limits.pushAnswerWithinMs);
    try {
      const received = await Promise.race([work, late.promise]);
      if ('answer' in received) echo(response, received.answer);
      else sendAnswer(response, { status: 202 }, undefined);
    } finally {
      clearTimeout(deadline);
    }
  }

  async #receive(token: string, request: IncomingMessage): ReturnType<PushedConnection['receive']> {
    const connection = await this.#open(token);
    const query = queryOf(request.url ?? '');
    const isJson = /^application\/json\b/i.test(request.headers['content-type'] ?? '');
    const { pushBodyBytes: bodyBytes, bodyDepth } = this.#limits;
    // A test of the address comes with another type, and nothing in it.
    const body = isJson ? await readJson(request, { bodyBytes, bodyDepth }) : undefined;
    const received = await connection.receive({ query, body });
    if (!('answer' in received) && !isJson && hasBody(request))
      throw new Problem('unsupported-media-type', 'Send notifications with Content-Type: application/json, in UTF-8.');
    return received;
  }

  /** A token that was right before is counted before it is looked up, so that a flood costs no database. */
  async #open(token: string): Promise<PushedConnection> {
    const digest = createHash('sha256').update(token).digest('base64');
    const seen = this.#seen.get(digest);
    const waitS = seen === undefined ? this.#strange.take('') : this.#perConnection.take(seen);
    if (waitS > 0)
      throw new Problem('too-many-requests', 'Too many pushes: wait as long as Retry-After says.', retryIn(waitS));
    const connection = await this.#pushes.open(token);
    if (!connection) {
      this.#seen.delete(digest);
      throw new Problem('not-found', notFoundSentence);
    }
    if (seen === undefined) {
      if (this.#seen.size >= MOST_TOKENS_SEEN) this.#seen.clear();
      this.#seen.set(digest, connection.id);
    }
    return connection;
  }
}

const retryIn = (seconds: number) => ({ headers: { 'Retry-After': String(seconds) } });

/** Somebody else's text, so nothing may take it for more than text: no script, no frame, no guessing of its type. */
function echo(response: ServerResponse, text: string): void {
  if (text.length > LONGEST_ECHO || /\p{Cc}/u.test(text) || !text.isWellFormed())
    throw new Problem('bad-request', 'This is no test of an address that could be answered.');
  if (response.headersSent || response.destroyed) return;
  send(response, 200, 'text/plain; charset=utf-8', text, {
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
}
