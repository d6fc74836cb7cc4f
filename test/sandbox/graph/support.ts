import { request } from 'node:https';
import { expect } from 'chai';
import {
  type GraphEvent,
  type GraphUser,
  type SandboxGraph,
  type SandboxGraphOptions,
  startSandboxGraph,
} from '../../../src/sandbox/graph/index.ts';
import { certificates } from '../../support/certificates.ts';

export const tenantId = '11111111-2222-4333-8444-555555555555';
export const clientId = '99999999-8888-4777-a666-555555555555';
export const clientSecret = 'Abc8Q~secret';

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed if it is JSON, else the text. */
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects to find.
  readonly body: any;
}

export interface Sending {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly text?: string;
}

/** One exchange over HTTPS. Rejects if the answer ends before its length. */
export function send(url: string, { method = 'GET', headers = {}, json, text }: Sending = {}): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const body = json === undefined ? (text ?? '') : JSON.stringify(json);
    const type = json === undefined ? {} : { 'content-type': 'application/json' };
    const all = { ...type, 'content-length': Buffer.byteLength(body), ...headers };
    const sent = request(url, { method, ca: certificates.authority, headers: all, agent: false }, (response) => {
      let received = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        received += part;
      });
      response.on('error', reject);
      response.on('end', () => {
        const { headers: given, statusCode = 0 } = response;
        const isJson = (given['content-type'] ?? '').includes('json');
        resolve({
          status: statusCode,
          headers: given as Record<string, string>,
          body: isJson ? JSON.parse(received) : received,
        });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

export interface Client {
  readonly graph: SandboxGraph;
  /** Asks for a path after `/v1.0`, or for a whole URL, with a token. */
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Answered>;
  post(path: string, json: unknown, headers?: Readonly<Record<string, string>>): Promise<Answered>;
  ask(path: string, sending: Sending): Promise<Answered>;
  /** A fresh token, for what was granted meanwhile. */
  signIn(): Promise<void>;
}

export function askToken(graph: SandboxGraph, form: Record<string, string> = {}, tenant = tenantId): Promise<Answered> {
  const fields = {
    grant_type: 'client_credentials',
    client_id: clientId,
    scope: `${graph.graphUrl}/.default`,
    ...('client_assertion' in form ? {} : { client_secret: clientSecret }),
    ...form,
  };
  return send(`${graph.loginUrl}/${tenant}/oauth2/v2.0/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    text: new URLSearchParams(fields).toString(),
  });
}

export async function connect(options: Partial<SandboxGraphOptions> = {}): Promise<Client> {
  const graph = await startSandboxGraph({ tls: certificates.valid, tenantId, clientId, clientSecret, ...options });
  let token = '';
  const client: Client = {
    graph,
    signIn: async () => {
      const { status, body } = await askToken(graph);
      expect(status).to.equal(200);
      token = body.access_token;
    },
    ask: (path, { headers, ...rest }) => {
      const url = path.startsWith('https://') ? path : `${graph.graphUrl}/v1.0${path}`;
      return send(url, { ...rest, headers: { authorization: `Bearer ${token}`, ...headers } });
    },
    get: (path, headers = {}) => client.ask(path, { headers }),
    post: (path, json, headers = {}) => client.ask(path, { method: 'POST', json, headers }),
  };
  await client.signIn();
  return client;
}

// biome-ignore lint/suspicious/noExplicitAny: as above.
export type Item = Record<string, any>;

export interface RoundTold {
  readonly pages: readonly (readonly Item[])[];
  readonly items: readonly Item[];
  readonly deltaLink: string;
}

/** Follows a delta query to its deltaLink. */
export async function follow(
  client: Client,
  first: string,
  headers: Readonly<Record<string, string>> = {},
  betweenPages?: () => void,
): Promise<RoundTold> {
  const pages: Item[][] = [];
  for (let link = first; ; betweenPages?.()) {
    const { status, body } = await client.get(link, headers);
    expect(status, JSON.stringify(body)).to.equal(200);
    pages.push(body.value);
    expect('@odata.nextLink' in body).to.not.equal('@odata.deltaLink' in body);
    if (body['@odata.deltaLink']) return { pages, items: pages.flat(), deltaLink: body['@odata.deltaLink'] };
    link = body['@odata.nextLink'];
  }
}

/** All pages of a list that is not a delta query. */
export async function everything(client: Client, first: string): Promise<Item[]> {
  const items: Item[] = [];
  for (let link: string | undefined = first; link; ) {
    const { status, body }: Answered = await client.get(link);
    expect(status, JSON.stringify(body)).to.equal(200);
    items.push(...body.value);
    link = body['@odata.nextLink'];
  }
  return items;
}

export const ids = (items: readonly Item[]) => items.map((item) => item.id);

export const user = (name: string, more: Partial<GraphUser> = {}): GraphUser => ({
  id: `id-${name}`,
  userPrincipalName: `${name}@acme.example`,
  mail: `${name}@acme.example`,
  givenName: name,
  surname: 'Doe',
  ...more,
});

const utc = (dateTime: string) => ({ dateTime, timeZone: 'UTC' });

/** On a day of March 2026, from one full hour to another. */
export const at = (day: number, from: number, to: number = from + 1) => {
  const two = (number: number) => String(number).padStart(2, '0');
  return {
    start: utc(`2026-03-${two(day)}T${two(from)}:00:00`),
    end: utc(`2026-03-${two(day)}T${two(to)}:00:00`),
  };
};

export const single = (id: string, day: number, hour: number, more: Partial<GraphEvent> = {}): GraphEvent => ({
  id,
  type: 'singleInstance',
  ...at(day, hour),
  showAs: 'busy',
  subject: 'Secret plan',
  ...more,
});

/** A daily series at nine from one day to another. */
export const daily = (id: string, from: number, to: number, more: Partial<GraphEvent> = {}): GraphEvent => ({
  id,
  type: 'seriesMaster',
  ...at(from, 9),
  showAs: 'tentative',
  subject: 'Stand-up',
  iCalUId: `uid-${id}`,
  recurrence: { pattern: { type: 'daily', interval: 1 } },
  occurrences: Array.from({ length: to - from + 1 }, (_, index) => ({
    id: `${id}.${from + index}`,
    ...at(from + index, 9),
  })),
  ...more,
});

/** A window over days of March 2026, the second exclusive, as a query. */
export const window = (from: number, to: number) => {
  const day = (number: number) => `2026-03-${String(number).padStart(2, '0')}T00:00:00Z`;
  return `startDateTime=${day(from)}&endDateTime=${day(to)}`;
};
