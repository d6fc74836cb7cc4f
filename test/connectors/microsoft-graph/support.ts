import { readFileSync } from 'node:fs';
import graph from '../../../connectors/microsoft-graph/index.ts';
import {
  type CheckContext,
  type CheckFinding,
  type Item,
  type ReadContext,
  type SettingsShape,
  type SourceRecord,
  type State,
  streamOf,
  type Theirs,
} from '../../../src/contract/index.ts';
import type { Feature } from '../../../src/model/features.ts';
import type { StreamName } from '../../../src/model/model.ts';
import {
  type GraphEvent,
  type SandboxGraph,
  type SandboxGraphOptions,
  startSandboxGraph,
} from '../../../src/sandbox/graph/index.ts';
import type { TenantConfiguration } from '../../../src/store/index.ts';
import { certificates } from '../../support/certificates.ts';
import { all } from '../../support/failure.ts';
import { netForTests } from '../../support/guarded-net.ts';
import { runningClock } from '../../support/running-clock.ts';

/** An RSA certificate with its key, as tenant IT enter it: Entra takes no other kind. */
const applicationPem = (name: string) => readFileSync(new URL(`certificates/${name}.pem`, import.meta.url), 'utf8');
export const applications = { app: applicationPem('app'), stranger: applicationPem('stranger') };

export const tenantId = '8f4c1f0e-3a52-4b0a-9c0e-2f6d5f5f6a11';
export const clientId = '5b0c2f9d-0d8e-4f5c-8d0a-6a1f3c9b7e22';
export const clientSecret = 'the~secret.of-the-app';
export const ROOM = 'room-1@acme.example';
export const ROOM_ID = '3162f1e1-c4c0-604b-51d8-91da78989eb1';

export function sandbox(options: Partial<SandboxGraphOptions> = {}): Promise<SandboxGraph> {
  return startSandboxGraph({ tls: certificates.valid, tenantId, clientId, clientSecret, ...options });
}

export const settingsFor = (source: { graphUrl: string; loginUrl: string }): Record<string, unknown> => ({
  tenant_id: tenantId,
  client_id: clientId,
  client_secret: clientSecret,
  graph_url: source.graphUrl,
  login_url: source.loginUrl,
  ca: certificates.authority,
});

export interface Given {
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly fields?: readonly string[];
  readonly scope?: ReadContext<SettingsShape>['scope'];
  readonly state?: State | null;
  readonly mode?: 'full' | 'incremental';
  readonly partition?: string;
  readonly now?: Date;
  readonly signal?: AbortSignal;
  readonly people?: ReadContext<SettingsShape>['people'];
}

const defaults = Object.fromEntries(
  Object.entries(graph.settings).flatMap(([name, { default: value }]) => (value === undefined ? [] : [[name, value]])),
);

/** As the hub hands them to the connector: with the defaults of those that are not given. */
export const completed = (given: Readonly<Record<string, unknown>>) => ({ ...defaults, ...given });

/** All that the connector declares of a stream, as a run with every feature on would ask for. */
function declaredFields(stream: StreamName): string[] {
  const { key, match, decide, keep } = streamOf(graph, stream)!;
  const theirs = [key, ...Object.values(match ?? {}), ...Object.keys(decide ?? {}), ...Object.values(keep)] as Theirs[];
  return [...new Set(theirs.flat())];
}

export function contextFor(source: SandboxGraph, stream: StreamName, given: Given = {}): ReadContext<SettingsShape> {
  const signal = given.signal ?? new AbortController().signal;
  return {
    settings: completed({ ...settingsFor(source), ...given.settings }) as ReadContext<SettingsShape>['settings'],
    net: netForTests({ signal, ...(given.now ? { clock: runningClock(given.now) } : {}) }),
    fields: given.fields ?? declaredFields(stream),
    scope: given.scope,
    now: given.now ?? new Date(),
    partition: given.partition ?? '',
    mode: given.mode ?? (given.state ? 'incremental' : 'full'),
    state: given.state ?? null,
    signal,
    ...(given.people ? { people: given.people } : {}),
  };
}

export const read = (source: SandboxGraph, stream: StreamName, given: Given = {}): Promise<Item[]> =>
  all(streamOf(graph, stream)!.read(contextFor(source, stream, given)));

/** The calendar of the room, unless another is said. */
export const readRoom = (source: SandboxGraph, given: Given = {}): Promise<Item[]> =>
  read(source, 'events', { partition: ROOM, ...given, settings: { mailboxes: [ROOM], ...given.settings } });

export async function check(source: SandboxGraph, settings: Record<string, unknown> = {}): Promise<CheckFinding[]> {
  const context: CheckContext<SettingsShape> = contextFor(source, 'users', { settings });
  return [...(await graph.check(context)).findings];
}

export const told = (items: readonly Item[]): SourceRecord[] =>
  items.flatMap((item) => {
    if (item.item === 'records' || item.item === 'whole') return item.records;
    return item.item === 'partial' ? [item.record] : [];
  });

export const stateOf = (items: readonly Item[]): State => {
  const last = items.at(-1);
  if (last?.item !== 'complete' || !last.state) throw new Error('The reading did not end with a state.');
  return last.state;
};

export const goneFrom = (items: readonly Item[]): string[] =>
  items.flatMap((item) => (item.item === 'gone' ? [item.key] : []));

export const putRoom = (source: SandboxGraph): void =>
  source.putPlace({
    '@odata.type': '#microsoft.graph.room',
    id: ROOM_ID,
    displayName: 'Ada',
    emailAddress: ROOM,
    capacity: '12',
  });

const utc = (at: string) => ({ dateTime: `${at}:00.0000000`, timeZone: 'UTC' });
export const DAY = '2026-12-02';
export const NOW = new Date('2026-12-01T09:30:00Z');

/** A meeting on the day after NOW, at this hour, for an hour. */
export const meeting = (id: string, hour: string, more: Partial<GraphEvent> = {}): GraphEvent => ({
  id,
  type: 'singleInstance',
  start: utc(`${DAY}T${hour}:00`),
  end: utc(`${DAY}T${hour}:50`),
  isAllDay: false,
  isCancelled: false,
  showAs: 'busy',
  originalStartTimeZone: 'W. Europe Standard Time',
  originalEndTimeZone: 'W. Europe Standard Time',
  subject: 'M4RKER subject',
  organizer: { emailAddress: { name: 'M4RKER name', address: 'ada@acme.example' } },
  responseStatus: { response: 'accepted', time: '0001-01-01T00:00:00Z' },
  ...more,
});

/** A weekly series: a master and the dates on which it takes place. */
export const series = (id: string, dates: readonly string[], more: Partial<GraphEvent> = {}): GraphEvent => ({
  ...meeting(id, '14', more),
  type: 'seriesMaster',
  start: utc(`${dates[0]}T14:00`),
  end: utc(`${dates[0]}T14:50`),
  recurrence: { pattern: { type: 'weekly' } },
  occurrences: dates.map((date) => ({ id: `${id}-${date}`, start: utc(`${date}T14:00`), end: utc(`${date}T14:50`) })),
});

export const guid = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

/** An employee of whom every field that counts is set. */
export const person = (n: number, more: Readonly<Record<string, string | null>> = {}) => ({
  id: guid(n),
  mail: `p${n}@acme.example`,
  givenName: `Given${n}`,
  surname: `Family${n}`,
  jobTitle: `Title ${n}`,
  department: 'Tests',
  accountEnabled: true,
  userType: 'Member',
  ...more,
});

/** A tenant that reads its people and one room from here, by the connection `m365`. */
export const withOneRoom = (source: SandboxGraph, features: readonly Feature[]): Partial<TenantConfiguration> => ({
  users: { admit: 'first-logon', sources: ['m365'], leaver_grace_ms: 7 * 86_400_000, domains: [] },
  features,
  connections: [
    {
      name: 'm365',
      connector: 'microsoft-graph',
      settings: completed({ ...settingsFor(source), mailboxes: [ROOM] }),
      streams: {},
      paused: false,
    },
  ],
});
