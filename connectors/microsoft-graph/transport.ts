import type { Context, Middleware } from '@microsoft/microsoft-graph-client';
import { NeedsAttention, type Net, TryLater } from '../../src/contract/index.ts';
import type { SignIn } from './sign-in.ts';

/** Statuses that say what is the matter: 501, that it never will be otherwise; those of throttling, how long to wait. */
const READ_HERE = [401, 403, 429, 501, 503, 504];
const METHODS = ['GET', 'POST', 'PATCH', 'DELETE'] as const;
/** A page of events comes with their bodies where the permission is wider than it need be. */
const MOST_BYTES = 64 * 1024 * 1024;

/** What our own requests carry along in the options of @microsoft/microsoft-graph-client. */
export interface Carried {
  /** A link of Graph's, to be sent as it came: the client takes its query apart and puts it together anew. */
  link?: string;
  /** What ended the request, kept aside because the client wraps what it is thrown in an error that quotes. */
  failure?: NeedsAttention | TryLater;
}

/** The only middleware of the client: the token, for the configured host and no other, and the guarded network. */
export class GuardedTransport implements Middleware {
  readonly #origin: string;
  readonly #ca: string | undefined;
  readonly #net: Net;
  readonly #signIn: SignIn;

  constructor(origin: string, ca: string | undefined, net: Net, signIn: SignIn) {
    this.#origin = origin;
    this.#ca = ca;
    this.#net = net;
    this.#signIn = signIn;
  }

  async execute(context: Context): Promise<void> {
    const options = (context.options ?? {}) as { carried?: Carried; method?: string; headers?: object; body?: unknown };
    try {
      const url = options.carried?.link ?? String(context.request);
      context.response = await this.#send(url, options);
    } catch (error) {
      if (options.carried && (error instanceof NeedsAttention || error instanceof TryLater))
        options.carried.failure = error;
      throw error;
    }
  }

  async #send(url: string, { method, headers, body }: { method?: string; headers?: object; body?: unknown }) {
    if (URL.parse(url)?.origin !== this.#origin) throw new Error('A request to another host than graph_url was made.');
    const answer = await this.#net.http({
      url,
      method: METHODS.find((one) => one === method) ?? 'GET',
      headers: { accept: 'application/json', ...(headers as Record<string, string>) },
      ...(typeof body === 'string' ? { json: JSON.parse(body) } : {}),
      bearer: await this.#signIn.token(),
      ca: this.#ca,
      answers: READ_HERE,
      maxBytes: MOST_BYTES,
      timeoutMs: 60_000,
    });
    const bodiless = answer.status === 204 || answer.status === 304;
    return new Response(bodiless ? null : new Uint8Array(answer.body), {
      status: answer.status,
      headers: { ...answer.headers },
    });
  }
}
