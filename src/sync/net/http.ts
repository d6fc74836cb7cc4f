import { type AgentOptions, Agent as HttpAgent, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Duplex } from 'node:stream';
import axios from 'axios';
import type { Clock } from '../../base/clock.ts';
import { NeedsAttention, SluiceError, TryLater } from '../../base/errors.ts';
import type { HttpOptions, HttpRequest, HttpResponse } from '../../contract/net.ts';
import { retryAfter } from '../../contract/retry-after.ts';
import type { Allowance } from './allowance.ts';
import { ACCEPT_ENCODING, readBody } from './body.ts';
import { place } from './guard.ts';
import type { Destination } from './sockets.ts';

/** What HTTP needs of the guarded network. */
export interface HttpDoor {
  readonly allowance: Allowance;
  readonly clock: Clock;
  resolve(host: string, port: number, timeoutMs: number): Promise<Destination>;
  /** A connection to a checked address, through the operator's proxy if there is one; with TLS if `secured`. */
  open(to: Destination, secured: boolean, ca: string | undefined, timeoutMs: number): Promise<Duplex>;
  /** @throws NeedsAttention unless the operator allows this destination without TLS */
  requireCleartext(to: Destination): void;
  /** Whether a rule of the operator names this port there. */
  portIsNamed(to: Destination): boolean;
}

export const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_MAX_BYTES = 32 * 1024 * 1024;
const MOST_REDIRECTS = 5;

/** The head of an answer; its body is still to be read. */
export interface Answer {
  readonly at: string;
  readonly message: IncomingMessage;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * One exchange with its body in memory. The timeout covers all of it, redirects and body included.
 * Returned: 2xx, 4xx that only the connector can read (404, 409, 410 …), and what `answers` names.
 */
export async function http(door: HttpDoor, request: HttpRequest): Promise<HttpResponse> {
  const until = Date.now() + (request.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  const answer = await exchange(door, request);
  const chunks: Buffer[] = [];
  const limits = {
    maxBytes: request.maxBytes ?? DEFAULT_MAX_BYTES,
    idleMs: Math.max(1, until - Date.now()),
    at: answer.at,
  };
  for await (const chunk of readBody(answer.message, door.allowance, limits)) {
    chunks.push(chunk);
    // A source that drips a byte now and then is never idle and never done.
    if (Date.now() > until) throw door.allowance.tooLate(answer.at);
  }
  return { status: answer.status, headers: answer.headers, body: Buffer.concat(chunks) };
}

/**
 * Follows redirects by hand up to the head of the last answer; each hop is parsed, resolved and checked anew.
 * @throws TryLater 408, 425, 429 and 5xx, with the source's Retry-After; NeedsAttention 401, 403, 407, a bad address
 */
export async function exchange(door: HttpDoor, request: HttpRequest): Promise<Answer> {
  const first = checkedUrl(request.url);
  let url = first;
  for (let hop = 0; ; hop++) {
    const answer = await oneExchange(door, request, url);
    const location = answer.headers.location;
    if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined)
      return request.answers?.includes(answer.status) ? answer : judged(answer, door.clock);
    answer.message.destroy();
    const { at } = answer;
    if (hop === MOST_REDIRECTS)
      throw new NeedsAttention(`${at} redirects more than ${MOST_REDIRECTS} times; enter the final address.`);
    if (request.method !== undefined && request.method !== 'GET')
      throw new NeedsAttention(`${at} redirects a request that changes something; enter the final address.`);
    const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
    // Another origin would receive the credentials; and where a source sends us is not the tenant's decision.
    if (next?.origin !== first.origin)
      throw new NeedsAttention(
        `${at} redirects to another server or protocol; enter the final address in the settings.`,
      );
    url = checkedUrl(next.href);
  }
}

function checkedUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.hostname === '')
    throw new NeedsAttention('The address of the source cannot be read; enter it as https://host/path.');
  const port = portOf(url);
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new NeedsAttention('The address of the source does not begin with https://; enter it as https://host/path.');
  if (url.username !== '' || url.password !== '')
    throw new NeedsAttention(
      `The address of ${place(hostOf(url), port)} holds a user name or password; put credentials in their own settings.`,
    );
  url.hash = '';
  return url;
}

const hostOf = (url: URL) => url.hostname.replace(/^\[(.*)\]$/, '$1');
const portOf = (url: URL) => Number(url.port || (url.protocol === 'https:' ? 443 : 80));

async function oneExchange(door: HttpDoor, request: HttpRequest, url: URL): Promise<Answer> {
  const { allowance } = door;
  const timeoutMs = allowance.patience(request.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  const secured = url.protocol === 'https:';
  const port = portOf(url);
  const at = place(hostOf(url), port);
  const headers = headersOf(request, at);
  const to = await door.resolve(hostOf(url), port, timeoutMs);
  // Below 1024 live mail, shells and name servers, which a crafted request can talk to.
  if (port < 1024 && port !== 443 && port !== 80 && !door.portIsNamed(to))
    throw new NeedsAttention(
      `Port ${port} is not for HTTP; use 443 or a port from 1024, or ask the operator to allow this port in SLUICE_ALLOW_ADDRESSES.`,
    );
  if (!secured) door.requireCleartext(to);
  allowance.count({ requests: 1 });

  // axios wraps what a socket throws in an error that carries the request's headers; ours is kept aside instead.
  let refusal: SluiceError | undefined;
  const agent = agentFor(secured, async () => {
    try {
      return await door.open(to, secured, request.ca, timeoutMs);
    } catch (error) {
      if (error instanceof SluiceError) refusal = error;
      throw error;
    }
  });
  // Aborts only the wait for the head: aborted later, axios would emit an error that nobody listens for.
  const head = new AbortController();
  const abort = () => head.abort();
  const timer = setTimeout(abort, timeoutMs);
  allowance.signal.addEventListener('abort', abort, { once: true });
  try {
    if (allowance.signal.aborted) abort();
    const response = await axios.request<IncomingMessage>({
      url: url.href,
      method: request.method ?? 'GET',
      headers,
      ...bodyOf(request),
      ...(secured ? { httpsAgent: agent } : { httpAgent: agent }),
      adapter: 'http',
      proxy: false,
      maxRedirects: 0,
      decompress: false,
      responseType: 'stream',
      validateStatus: () => true,
      signal: head.signal,
    });
    const message = response.data;
    message.on('error', () => {});
    return { at, message, status: response.status, headers: flattened(message) };
  } catch (error) {
    agent.destroy();
    if (refusal) throw refusal;
    if (head.signal.aborted) throw allowance.tooLate(at);
    throw exchangeFailure(error, at);
  } finally {
    clearTimeout(timer);
    allowance.signal.removeEventListener('abort', abort);
  }
}

/** One connection per exchange: every request is resolved, checked and pinned anew. */
function agentFor(secured: boolean, open: () => Promise<Duplex>): HttpAgent | HttpsAgent {
  const options: AgentOptions = { keepAlive: false };
  const agent = secured ? new HttpsAgent(options) : new HttpAgent(options);
  agent.createConnection = (_options, callback) => {
    open().then(
      (socket) => callback?.(null, socket),
      // The stand-in carries nothing; the caller throws the sentence kept aside.
      () => callback?.(new Error('refused'), undefined as never),
    );
    return undefined;
  };
  return agent;
}

function bodyOf({ form, json }: HttpRequest): { data?: Buffer } {
  if (form !== undefined) return { data: Buffer.from(new URLSearchParams(form).toString()) };
  return json === undefined ? {} : { data: Buffer.from(JSON.stringify(json)) };
}

function headersOf(request: HttpOptions & Pick<HttpRequest, 'form' | 'json'>, at: string): Record<string, string> {
  const headers: Record<string, string> = {
    accept: '*/*',
    'user-agent': 'sluice',
    ...request.headers,
    'accept-encoding': ACCEPT_ENCODING,
    ...(request.json === undefined ? {} : { 'content-type': 'application/json' }),
    ...(request.form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
  };
  if (request.bearer !== undefined) {
    // RFC 6750 2.1; a line break from a copied secret would otherwise end the header.
    if (!/^[\x21-\x7e]+$/.test(request.bearer))
      throw new NeedsAttention(
        `The token for ${at} is empty or holds spaces or line breaks; enter the token again, without anything around it.`,
      );
    headers.authorization = `Bearer ${request.bearer}`;
  }
  for (const value of Object.values(headers))
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
      throw new NeedsAttention(`A header for ${at} holds characters that HTTP does not allow; correct the settings.`);
  return headers;
}

function flattened(message: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(message.headers))
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  return headers;
}

function judged(answer: Answer, clock: Clock): Answer {
  const { status, at, message } = answer;
  if (status < 400 || (status < 500 && ![401, 403, 407, 408, 425, 429].includes(status))) return answer;
  message.destroy();
  if (status === 401) throw new NeedsAttention(`${at} refuses the sign-in (401); renew the token or password.`);
  if (status === 403)
    throw new NeedsAttention(`${at} knows us but refuses to answer (403); grant the permission there.`);
  if (status === 407)
    throw new NeedsAttention(`${at} wants a proxy sign-in (407); ask the operator to set SLUICE_PROXY.`);
  const notBefore = retryAfter(answer.headers['retry-after'], clock.now(), answer.headers.date);
  throw new TryLater(`${at} is busy or away (${status}); the next run tries again.`, notBefore);
}

function exchangeFailure(error: unknown, at: string): SluiceError {
  const { code } = error as { code?: unknown };
  if (typeof code === 'string' && code.startsWith('HPE_'))
    return new NeedsAttention(`${at} does not answer in HTTP; check the port.`);
  return new TryLater(`The connection to ${at} broke off; the next run tries again.`);
}
