import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { AccessTokens } from './access-token.ts';
import { type Answer, badRequest, Refusal } from './answer.ts';
import { type Ask, parsePath, parsePrefer, parseQuery } from './ask.ts';
import { answerAuthority } from './authority.ts';
import { answerBatch } from './batch.ts';
import { demandCalendar } from './calendar-access.ts';
import { calendarDelta } from './calendar-delta.ts';
import { viewRoutes } from './calendar-view.ts';
import { type Faults, faultAnswer } from './faults.ts';
import type { Reply } from './listener.ts';
import { demand } from './permissions.ts';
import { placeRoutes } from './places.ts';
import { match, type Route } from './route.ts';
import { scheduleRoutes } from './schedule.ts';
import { subscriptionRoutes } from './subscriptions.ts';
import type { Tenant } from './tenant.ts';
import type { GraphFault, GraphRequest } from './types.ts';
import { userRoutes } from './users.ts';

/** Literal paths before variables: the first that fits answers. */
const routes: readonly Route[] = [
  ...userRoutes,
  ...placeRoutes,
  ...calendarDelta,
  ...viewRoutes,
  ...scheduleRoutes,
  ...subscriptionRoutes,
];

/** Outlook lets one application have this many requests at a time in one mailbox. */
const mostAtATime = 4;

/** Whatever arrives, from the first byte to the answer: authority, faults, tokens, permissions, batches, operations. */
export class Gateway {
  readonly #tenant: Tenant;
  readonly #tokens: AccessTokens;
  readonly #faults: Faults;
  readonly #witness: (request: GraphRequest) => void;
  readonly #underWay = new Map<string, number>();

  constructor(tenant: Tenant, tokens: AccessTokens, faults: Faults, witness: (request: GraphRequest) => void) {
    this.#tenant = tenant;
    this.#tokens = tokens;
    this.#faults = faults;
    this.#witness = witness;
  }

  async read(method: string, url: string, headers: Record<string, string>, body: string): Promise<Reply> {
    const at = this.#tenant.clock.now();
    const fault = this.#faults.take(method, url, 'outer');
    const answer =
      fault && fault.body !== 'cut'
        ? this.#fail(fault)
        : (answerAuthority(this.#tenant, this.#tokens, method, url, body) ??
          (await this.#orRefusal(() => this.#graph(method, url, headers, body))));
    this.#note({ method, url, headers, batched: false, status: answer.status, at });
    return reply(answer, headers, fault?.body === 'cut', this.#tenant.clock.now());
  }

  async #graph(method: string, url: string, headers: Record<string, string>, text: string): Promise<Answer> {
    const body = text === '' ? undefined : parse(text);
    if (!/^\/v1\.0\/\$batch$/i.test(url)) return this.#one(method, url, headers, body);
    this.#tokens.check(headers.authorization);
    if (method !== 'POST') return { status: 405 };
    return answerBatch(body, async (inner) => {
      const full = `/v1.0${inner.url}`;
      const at = this.#tenant.clock.now();
      const fault = this.#faults.take(inner.method, full, 'inner');
      const authorised = { ...inner.headers, authorization: headers.authorization ?? '' };
      const told = fault
        ? this.#fail(fault)
        : await this.#orRefusal(() => {
            if (/^\/v1\.0\/\$batch/i.test(full)) throw badRequest('A batch inside a batch is not allowed.');
            if (inner.body !== undefined && !inner.headers['content-type']) {
              throw badRequest('Write request batch body requires a Content-Type header.');
            }
            return this.#one(inner.method, full, authorised, inner.body);
          });
      this.#note({ method: inner.method, url: full, headers: inner.headers, batched: true, status: told.status, at });
      return told;
    });
  }

  async #one(method: string, url: string, headers: Readonly<Record<string, string>>, body: unknown): Promise<Answer> {
    const token = this.#tokens.check(headers.authorization);
    const segments = parsePath(url);
    const fitting = routes.flatMap((route) => {
      const variables = match(route, segments);
      return variables ? [{ route, variables }] : [];
    });
    const found = fitting.find(({ route }) => route.method === method);
    if (!found) {
      if (fitting.length > 0) throw new Refusal(405, 'Request_BadRequest', 'Specified HTTP method is not allowed.');
      throw badRequest(`Resource not found for the segment '${segments.at(-1) ?? ''}'.`);
    }
    const { route, variables } = found;
    const ask: Ask = {
      method,
      url,
      segments,
      query: parseQuery(url),
      prefer: parsePrefer(headers.prefer),
      headers,
      body,
      token,
    };
    if (route.area === 'calendars') demandCalendar(this.#tenant, ask, variables[0]!);
    else if (route.area) demand(ask, route.area);
    const answer = () => route.answer(this.#tenant, ask, variables);
    return route.area === 'calendars' ? this.#inTurn(variables[0]!, answer) : this.#later(answer);
  }

  /** Counts what is under way in a mailbox; one more than Outlook allows is refused at once. */
  async #inTurn(mailbox: string, answer: () => Answer | Promise<Answer>): Promise<Answer> {
    // One mailbox has several names.
    const [name = ''] = this.#tenant.mailboxes.namesOf(mailbox).sort();
    const before = this.#underWay.get(name) ?? 0;
    if (before >= mostAtATime) {
      // Without Retry-After, as some services do.
      throw new Refusal(429, 'ApplicationThrottled', 'Application is over its MailboxConcurrency limit.');
    }
    this.#underWay.set(name, before + 1);
    try {
      return await this.#later(answer);
    } finally {
      this.#underWay.set(name, (this.#underWay.get(name) ?? 1) - 1);
    }
  }

  async #later(answer: () => Answer | Promise<Answer>): Promise<Answer> {
    const { latency_ms } = this.#tenant.oddities;
    if (latency_ms) await wait(latency_ms);
    return answer();
  }

  #fail(fault: GraphFault): Answer {
    const { clientId, id, clock } = this.#tenant;
    return faultAnswer(fault, clock.now(), `Tenant_Application/ReadWrite/${clientId}/${id}`);
  }

  async #orRefusal(answer: () => Promise<Answer>): Promise<Answer> {
    try {
      return await answer();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return error.answer(this.#tenant.clock.now());
    }
  }

  #note(request: GraphRequest): void {
    const kept = { ...request.headers };
    if (kept.authorization !== undefined) kept.authorization = kept.authorization.replace(/\S+$/, '***');
    this.#witness({ ...request, headers: kept });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badRequest('Unable to read JSON request payload.');
  }
}

/** A body that is not JSON is a gateway's page. */
function reply(answer: Answer, asked: Readonly<Record<string, string>>, cut: boolean, now: Date): Reply {
  const own = answer.headers ?? {};
  const page = own['content-type'] === 'text/html';
  const requestId = own['request-id'] ?? randomUUID();
  return {
    status: answer.status,
    cut,
    headers: {
      ...(answer.body === undefined
        ? {}
        : { 'content-type': 'application/json;odata.metadata=minimal;odata.streaming=true;charset=utf-8' }),
      date: now.toUTCString(),
      'cache-control': 'no-cache',
      'strict-transport-security': 'max-age=31536000',
      'request-id': requestId,
      'client-request-id': asked['client-request-id'] ?? requestId,
      ...own,
    },
    body: answer.body === undefined ? '' : page ? String(answer.body) : JSON.stringify(answer.body),
  };
}
