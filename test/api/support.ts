import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { z } from 'zod';
import graph from '../../connectors/microsoft-graph/index.ts';
import type { ApiEvent } from '../../src/api/deps.ts';
import { createHttpServer } from '../../src/api/http-server.ts';
import { type ApiLimits, apiLimits } from '../../src/api/limits.ts';
import { routes } from '../../src/api/routes.ts';
import { type ScopeName, scopeNames } from '../../src/api/scopes.ts';
import { createApi } from '../../src/api/server.ts';
import { type LogEvent, silentLog } from '../../src/base/log.ts';
import { newId } from '../../src/base/uuid.ts';
import type { SourceRecord } from '../../src/contract/index.ts';
import type { Feature } from '../../src/model/features.ts';
import { FeedWatch } from '../../src/store/feed-watch.ts';
import { cursorSeq, type HubTenantStore, type TenantConfiguration } from '../../src/store/index.ts';
import { createJobQueue } from '../../src/sync/jobs.ts';
import { createPushReceiver } from '../../src/sync/push.ts';
import { type CalendarSource, calendarSource } from '../support/calendar-source.ts';
import { type TestHub, testDatabase, testHub } from '../support/hub.ts';
import { employee, type MemorySource, memorySource } from '../support/memory-source.ts';

export interface Reply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
  /** Parsed body; {} if there is none. */
  // biome-ignore lint/suspicious/noExplicitAny: answers of all routes
  readonly body: any;
}

export interface Ask {
  readonly key?: string | undefined;
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. */
  readonly raw?: string | Buffer;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

export interface TestApi {
  readonly port: number;
  readonly hub: TestHub;
  /** What the connector `memory` reads. */
  readonly source: MemorySource;
  /** Rooms, for a tenant with a connection to `memory-calendars`. */
  readonly calendars: CalendarSource;
  readonly events: ApiEvent[];
  /** What taking in pushes logged. */
  readonly pushed: LogEvent[];
  readonly lookups: string[][];
  /** What may go wrong on purpose. */
  readonly faults: { readiness?: Error; send?: Error };
  /** Keys looked up in the database so far. */
  authentications(): number;
  /** Long-polls that wait right now. */
  waiting(): number;
  ask(method: string, path: string, ask?: Ask): Promise<Reply>;
  tenant(change?: Partial<TenantConfiguration>): Promise<TestTenant>;
  /** What SIGTERM does to the interface. */
  stop(): void;
  close(): Promise<void>;
}

export interface TestTenant {
  readonly name: string;
  readonly store: HubTenantStore;
  /** Whole API key with these scopes; all of them if not told. */
  key(scopes?: readonly ScopeName[], features?: readonly Feature[] | null): Promise<string>;
  logOn(email: string, givenName?: string): Promise<string>;
  /** Puts this person into the directory, or changes them there, and reads it to the end. */
  tell(email: string, more?: SourceRecord): Promise<void>;
}

/** No test but those about limits should meet one. */
const unlimited = { perSecond: 1e6, burst: 1e6 };

/** The interface over the real hub, with a directory in memory. */
export async function startApi(options: { limits?: Partial<ApiLimits>; poolSize?: number } = {}): Promise<TestApi> {
  const source = memorySource();
  const { url } = await testDatabase();
  const jobs = createJobQueue(url, silentLog, 'send');
  await jobs.start();
  const poolSize = options.poolSize === undefined ? {} : { poolSize: options.poolSize };
  const calendars = calendarSource();
  const hub = await testHub({ connectors: [source.connector, calendars.connector, graph], jobs, ...poolSize });
  const { store } = hub;
  const watch = new FeedWatch(store.registry);
  const events: ApiEvent[] = [];
  const lookups: string[][] = [];
  const pushed: LogEvent[] = [];
  const faults: { readiness?: Error; send?: Error } = {};
  let waiting = 0;
  let authentications = 0;
  const app = createApi({
    authenticate(token) {
      authentications++;
      return store.authenticate(token);
    },
    tenantStore: (id) => store.tenant(id),
    sync: hub.sync,
    async readiness() {
      if (faults.readiness) throw faults.readiness;
      await store.registry.ping();
      return { ready: true, reasons: [] };
    },
    metrics: async () => '# HELP sluice_up 1 while the hub runs\nsluice_up 1\n',
    clock: hub.clock,
    async waitForChange(tenantId, cursor, timeoutMs, signal) {
      waiting++;
      await watch.wait(tenantId, cursorSeq(cursor)!, timeoutMs, signal);
      waiting--;
    },
    requestLookup: async (_tenantId, users) => void lookups.push([...users]),
    log(event) {
      events.push(event);
      // A fault of ours is in the answer only as 500: here is where to look.
      if (event.event === 'api-fault') console.error(event);
    },
    pushes: createPushReceiver({
      store,
      connectors: hub.runDeps.connectors,
      jobs: {
        async send(queue, data, options) {
          await jobs.send(queue, data, options);
          if (faults.send) throw faults.send;
        },
      },
      log: { event: (_level, event) => void pushed.push(event) },
    }),
    limits: { ...apiLimits, perKey: unlimited, perTenant: unlimited, ...options.limits },
    stopping: hub.stop.signal,
  });
  const server = createHttpServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    hub,
    source,
    calendars,
    events,
    pushed,
    lookups,
    faults,
    authentications: () => authentications,
    waiting: () => waiting,
    ask: (method, path, ask) => send(port, method, path, ask),
    tenant: (change) => makeTenant(hub, source, change),
    stop: () => hub.stop.abort(),
    async close() {
      hub.stop.abort();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await jobs.stop();
      await hub.close();
    },
  };
}

export const connection = (name: string, more: Partial<TenantConfiguration['connections'][number]> = {}) => ({
  name,
  connector: 'memory',
  settings: {},
  streams: {},
  paused: false,
  ...more,
});

async function makeTenant(
  hub: TestHub,
  source: MemorySource,
  change: Partial<TenantConfiguration> = {},
): Promise<TestTenant> {
  const store = await hub.tenant(() => ({
    features: ['people-directory', 'hybrid-meetings', 'lockers'],
    connections: [connection('people')],
    ...change,
  }));
  const people: SourceRecord[] = [];
  return {
    name: store.tenant,
    store,
    key: async (scopes = scopeNames, features = null) =>
      (await store.keys.create({ name: 'test', scopes, features, expires_at: null })).key,
    logOn: async (email, givenName = 'Noor') =>
      (await store.users.logOn({ email, given_name: givenName, family_name: 'de Wit' })).user.id,
    async tell(email, more = {}) {
      const known = people.findIndex(({ mail }) => mail === email);
      const person = { ...(people[known] ?? employee(people.length + 1, { mail: email })), ...more };
      people[known < 0 ? people.length : known] = person;
      source.people = people;
      const order = { tenantId: store.tenantId, connection: 'people', trigger: 'manual', mode: 'full' } as const;
      const receipt = await hub.sync.run(order);
      if (receipt.status === 'failed') throw new Error(`the run of this test failed: ${receipt.error}`);
    },
  };
}

function send(port: number, method: string, path: string, ask: Ask = {}): Promise<Reply> {
  const body = ask.raw ?? (ask.body === undefined ? undefined : JSON.stringify(ask.body));
  const headers = {
    ...(ask.key === undefined ? {} : { authorization: `Bearer ${ask.key}` }),
    ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    ...ask.headers,
  };
  return new Promise((resolve, reject) => {
    const { signal } = ask;
    const request = http.request({ host: '127.0.0.1', port, method, path, headers, ...(signal ? { signal } : {}) });
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const json = /json/.test(response.headers['content-type'] ?? '') && text !== '';
        const reply = {
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          body: json ? JSON.parse(text) : {},
        };
        try {
          declared(method, path, reply);
          resolve(reply);
        } catch (error) {
          reject(error);
        }
      });
    });
    request.end(body);
  });
}

/** Every answer seen by any test has the form its route declares, with no field beyond it. */
function declared(method: string, path: string, reply: Reply): void {
  if (reply.status >= 300 || reply.status === 204) return;
  const route = routes.find((one) => one.method === method && pattern(one.path).test(path.split('?')[0]!));
  const schema: z.ZodType | undefined = route?.answers[reply.status]?.schema;
  if (!route || !schema) {
    if (route) throw new Error(`${method} ${route.path} answered ${reply.status}, which it does not declare`);
    return;
  }
  const parsed = schema.safeParse(reply.body);
  if (!parsed.success) throw new Error(`${method} ${route.path} answered against its schema: ${parsed.error.message}`);
  if (JSON.stringify(sorted(parsed.data)) !== JSON.stringify(sorted(reply.body))) {
    throw new Error(`${method} ${route.path} answered more than it declares`);
  }
}

const pattern = (path: string) => new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`);

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort()
      .map(([key, member]) => [key, sorted(member)]),
  );
}

/** A path of the route with these values in the places of its parameters. */
export function pathOf(path: string, values: Readonly<Record<string, string>> = {}): string {
  return path.replace(
    /\{(\w+)\}/g,
    (_, name: string) => values[name] ?? (name === 'feature' ? 'hybrid-meetings' : newId()),
  );
}

/** A body the route takes, if it takes one. */
export function bodyOf(path: string): unknown {
  if (path === '/v1/logons') return { email: `${newId()}@acme.example`, given_name: 'Ada', family_name: 'Byron' };
  if (path.includes('/opt-ins/')) return { text_version: '1', locale: 'nl-NL' };
  if (path === '/v1/availability') return { where: {}, from: '2026-12-01T08:00:00Z', to: '2026-12-01T18:00:00Z' };
  if (path === '/admin/v1/keys') return { name: 'another', scopes: ['users:read'] };
  if (path.endsWith('/runs') || path.endsWith('/preview')) return {};
  return undefined;
}
