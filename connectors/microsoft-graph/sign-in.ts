import type { TokenCredential, TokenCredentialOptions } from '@azure/identity';
import { NeedsAttention, type Net, TryLater } from '../../src/contract/index.ts';
import { readCertificate } from './certificate.ts';
import { type EntraRefusal, refusalIn, sentenceFor } from './entra-refusal.ts';
import { type Credential, credentialOf, type GraphSettings, originOf } from './settings.ts';

type HttpClient = NonNullable<TokenCredentialOptions['httpClient']>;
type PipelineRequest = Parameters<HttpClient['sendRequest']>[0];

/** Their endpoints are known to @azure/identity, and what it asks of them goes to the same host. */
const microsoftsOwn = /^https:\/\/login\.(microsoftonline\.(com|us)|partner\.microsoftonline\.cn)$/;

/** Hands out the access token for Graph; a new one is fetched shortly before the old one ends. */
export interface SignIn {
  /** @throws NeedsAttention the sign-in is refused; TryLater Entra is busy or away */
  token(): Promise<string>;
}

export async function signInWith(settings: GraphSettings, net: Net): Promise<SignIn> {
  const credential = credentialOf(settings);
  const resource = originOf('graph_url', settings);
  const door = new EntraDoor(originOf('login_url', settings), settings.ca, net);
  if (credential.by === 'certificate') readCertificate(credential.pem, net.now());
  const identity = await import('@azure/identity');
  const options = {
    authorityHost: door.origin,
    disableInstanceDiscovery: !microsoftsOwn.test(door.origin),
    httpClient: door,
  };
  const made = credentialFor(identity, credential, settings, door, options);
  const fetchToken = async () => {
    door.begin();
    try {
      const given = await made.getToken(`${resource}/.default`);
      if (given) return given.token;
    } catch {
      // The library's error quotes the answer; ours is made from what the door saw.
    }
    throw door.failure ?? sentenceFor(door.refusal, credential.by);
  };
  let coming: Promise<string> | undefined;
  return {
    // One at a time: requests that start together must not sign in several times.
    token() {
      coming ??= fetchToken().finally(() => {
        coming = undefined;
      });
      return coming;
    },
  };
}

function credentialFor(
  identity: typeof import('@azure/identity'),
  credential: Credential,
  { tenant_id, client_id }: GraphSettings,
  door: EntraDoor,
  options: TokenCredentialOptions,
): TokenCredential {
  switch (credential.by) {
    case 'client_secret':
      return new identity.ClientSecretCredential(tenant_id, client_id, credential.secret, options);
    case 'certificate':
      return new identity.ClientCertificateCredential(tenant_id, client_id, { certificate: credential.pem }, options);
    case 'workload_identity':
      return new identity.ClientAssertionCredential(tenant_id, client_id, () => door.workloadToken(), options);
  }
}

/** The way out that @azure/identity is given: the guarded network, to the configured host and to no other. */
class EntraDoor implements HttpClient {
  readonly origin: string;
  readonly #ca: string | undefined;
  readonly #net: Net;
  /** What ended the last sign-in, kept aside because the library wraps what it is thrown. */
  failure: NeedsAttention | TryLater | undefined;
  refusal: EntraRefusal | undefined;

  constructor(origin: string, ca: string | undefined, net: Net) {
    this.origin = origin;
    this.#ca = ca;
    this.#net = net;
  }

  begin(): void {
    this.failure = undefined;
    this.refusal = undefined;
  }

  /** The library asks for it each time it signs in, before it asks Entra for anything. */
  workloadToken(): Promise<string> {
    return this.#noted(() => this.#net.workloadToken());
  }

  sendRequest(request: PipelineRequest) {
    return this.#noted(() => this.#send(request));
  }

  async #noted<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof NeedsAttention || error instanceof TryLater) this.failure = error;
      throw error;
    }
  }

  async #send(request: PipelineRequest) {
    const { url, method, body } = request;
    if (URL.parse(url)?.origin !== this.origin)
      throw new NeedsAttention(
        'The sign-in would lead to another server than login_url; nothing was sent there: set login_url to the address of your cloud.',
      );
    const answer = await this.#net.http({
      url,
      method: method === 'POST' ? 'POST' : 'GET',
      headers: sendable(request.headers.toJSON()),
      ...(typeof body === 'string' ? { form: Object.fromEntries(new URLSearchParams(body)) } : {}),
      ca: this.#ca,
      answers: [401, 403],
      maxBytes: 1024 * 1024,
    });
    const text = answer.body.toString('utf8');
    if (answer.status >= 400) this.refusal = refusalIn(answer.status, text);
    return { request, status: answer.status, headers: headersOf(answer.headers), bodyAsText: text };
  }
}

/** Without those that the guarded network writes itself. */
function sendable(headers: Record<string, string>): Record<string, string> {
  const own = new Set(['accept-encoding', 'content-length', 'content-type', 'host', 'connection']);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !own.has(name.toLowerCase())));
}

function headersOf(raw: Readonly<Record<string, string>>) {
  const headers = new Headers(raw);
  return Object.assign(headers, {
    get: (name: string) => Headers.prototype.get.call(headers, name) ?? undefined,
    set: (name: string, value: string | number | boolean) => Headers.prototype.set.call(headers, name, String(value)),
    toJSON: () => Object.fromEntries(headers as unknown as Iterable<[string, string]>),
  });
}
