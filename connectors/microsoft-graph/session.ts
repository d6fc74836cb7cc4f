import type { Client, GraphRequest, ResponseType } from '@microsoft/microsoft-graph-client';
import { type CheckContext, NeedsAttention, type Net } from '../../src/contract/index.ts';
import { type Answer, answerOf, isRecord } from './answer.ts';
import { Gatekeeper } from './gatekeeper.ts';
import { pinned } from './links.ts';
import { type GraphSettings, originOf, type settings as shape } from './settings.ts';
import { type SignIn, signInWith } from './sign-in.ts';
import { isThrottled, waitAsAsked } from './throttling.ts';
import { type Carried, GuardedTransport } from './transport.ts';

export type Asking = Pick<CheckContext<typeof shape>, 'settings' | 'net' | 'signal'>;

/**
 * One run's conversation with Graph: signed in once, with so many requests under way as `in_flight` allows, each
 * repeated after a short wait that Graph asked for. Streams and partitions of a run share it.
 */
export class Session {
  readonly settings: GraphSettings;
  readonly origin: string;
  /** Aborted when the run is cancelled or over. */
  readonly signal: AbortSignal;
  /** For readings that hold much at a time: as many as there may be requests, however many are read side by side. */
  readonly large: Gatekeeper;
  readonly #net: Net;
  readonly #gatekeeper: Gatekeeper;
  readonly #known = new Map<string, Promise<unknown>>();
  #opened: Promise<{ client: Client; raw: ResponseType; signIn: SignIn }> | undefined;

  constructor({ settings, net, signal }: Asking) {
    this.settings = settings;
    this.origin = originOf('graph_url', settings);
    this.#net = net;
    this.signal = signal;
    this.large = new Gatekeeper(settings.in_flight);
    this.#gatekeeper = new Gatekeeper(settings.in_flight);
  }

  async token(): Promise<string> {
    return (await this.#open()).signIn.token();
  }

  /** What is asked of Graph once in a run, such as the list of its rooms. */
  once<T>(name: string, ask: () => Promise<T>): Promise<T> {
    const known = this.#known.get(name) as Promise<T> | undefined;
    if (known) return known;
    const asked = ask();
    this.#known.set(name, asked);
    // What failed once may be asked again: another partition may be luckier.
    asked.catch(() => this.#known.delete(name));
    return asked;
  }

  /** @param target path and query from `/v1.0/` on, sent as it is */
  get(target: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.patiently(() => this.getOnce(target, headers));
  }

  /** The same without patience: to be throttled is an answer like any other. */
  getOnce(target: string, headers: Readonly<Record<string, string>>): Promise<Answer> {
    return this.#gatekeeper.through(async () => {
      const { client, raw } = await this.#open();
      const carried: Carried = { link: `${this.origin}${target}` };
      return this.#asked(carried, () =>
        client.api(target).responseType(raw).headers(headers).option('carried', carried).get(),
      );
    });
  }

  /** Every entry of a collection, page by page. */
  async *pages(
    target: string,
    refused: (answer: Answer) => Error,
    headers: Readonly<Record<string, string>> = {},
  ): AsyncGenerator<Page> {
    for (let next: string | undefined = target; next !== undefined; ) {
      const answer = await this.get(next, headers);
      if (answer.status !== 200) throw refused(answer);
      const page = this.pageOf(answer);
      yield page;
      next = page.next;
    }
  }

  /** @throws NeedsAttention it is no page of a collection, or its links lead elsewhere */
  pageOf({ body }: Answer): Page {
    if (!isRecord(body) || !Array.isArray(body.value)) throw notGraph();
    const next = body['@odata.nextLink'];
    const delta = body['@odata.deltaLink'];
    return {
      entries: body.value.filter(isRecord),
      next: typeof next === 'string' ? pinned(next, this.origin) : undefined,
      delta: typeof delta === 'string' ? pinned(delta, this.origin) : undefined,
    };
  }

  /** @param target path after the version */
  post(target: string, json: object, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.#send(target, (request) => request.headers(headers).post(json));
  }

  patch(target: string, json: object): Promise<Answer> {
    return this.#send(target, (request) => request.patch(json));
  }

  remove(target: string): Promise<Answer> {
    return this.#send(target, (request) => request.delete());
  }

  #send(target: string, how: (request: GraphRequest) => Promise<unknown>): Promise<Answer> {
    const once = async () => {
      const { client, raw } = await this.#open();
      const carried: Carried = {};
      return this.#asked(carried, () => how(client.api(target).responseType(raw).option('carried', carried)));
    };
    return this.patiently(() => this.#gatekeeper.through(once));
  }

  /** Waits as answers asked for. @throws TryLater too long to sit out, or the run was cancelled */
  wait(asked: readonly Pick<Answer, 'headers'>[], attempt: number): Promise<void> {
    return waitAsAsked(asked, attempt, { now: this.#net.now(), signal: this.signal });
  }

  async #asked(carried: Carried, ask: () => Promise<unknown>): Promise<Answer> {
    try {
      return await answerOf((await ask()) as Response);
    } catch (error) {
      throw carried.failure ?? error;
    }
  }

  /**
   * Asks again after each wait that the answer asked for.
   * @throws TryLater too long to sit out, or the run was cancelled; NeedsAttention the token is not accepted
   */
  async patiently(ask: () => Promise<Answer>): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      const answer = await ask();
      if (answer.status === 401)
        throw new NeedsAttention(
          'Microsoft Graph does not accept the token that the sign-in gave (401): graph_url and login_url must belong to the same cloud, and tenant_id to your tenant.',
        );
      if (!isThrottled(answer.status)) return answer;
      await this.wait([answer], attempt);
    }
  }

  // Loaded by the first that asks: together they take a third of a second.
  #open() {
    this.#opened ??= this.#connect();
    return this.#opened;
  }

  async #connect() {
    const signIn = await signInWith(this.settings, this.#net);
    const { Client: GraphClient, ResponseType } = await import('@microsoft/microsoft-graph-client');
    const middleware = new GuardedTransport(this.origin, this.settings.ca, this.#net, signIn);
    const client = GraphClient.initWithMiddleware({ middleware, baseUrl: this.origin, defaultVersion: 'v1.0' });
    return { client, raw: ResponseType.RAW, signIn };
  }
}

export interface Page {
  readonly entries: readonly Readonly<Record<string, unknown>>[];
  readonly next: string | undefined;
  /** Only on the last page of a delta round. */
  readonly delta: string | undefined;
}

/** What answers is not Graph, or not in its right mind. */
export const notGraph = (): NeedsAttention =>
  new NeedsAttention(
    'What answers at graph_url does not speak as Microsoft Graph does: correct the setting graph_url.',
  );

/** A run hands one network to all its readings: by it they find the session that they share. */
const sessions = new WeakMap<Net, Session>();

export function sessionOf(asking: Asking): Session {
  const known = sessions.get(asking.net);
  if (known && known.settings === asking.settings) return known;
  const session = new Session(asking);
  sessions.set(asking.net, session);
  return session;
}
