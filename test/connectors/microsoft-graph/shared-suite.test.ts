import graph from '../../../connectors/microsoft-graph/index.ts';
import type { ConnectorStream, ReadContext, SettingsShape } from '../../../src/contract/index.ts';
import type { GraphPlace, SandboxGraph } from '../../../src/sandbox/graph/index.ts';
import { behavesLikeAConnector, type Sample, type SourceHarness } from '../../support/behaves-like-a-connector.ts';
import { relay } from './relay.ts';
import { applications, clientSecret, meeting, ROOM, sandbox, settingsFor } from './support.ts';

const guid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

const samples = {
  users: (n: number) => ({
    id: guid(n),
    mail: `person${n}@acme.example`,
    givenName: `Given${n}`,
    surname: `Family${n}`,
    jobTitle: `Title number ${n}`,
    department: `Department ${n}`,
    businessPhones: `+49 30 555 ${String(n).padStart(4, '0')}`,
    userType: 'Member',
  }),
  spaces: (n: number) => ({ id: guid(n), displayName: `Room number ${n}`, parentId: guid(100), capacity: `${n + 2}` }),
  // When it is depends on its number; a time that is none is tried in a test of its own.
  events: (n: number) => ({
    id: `event-${guid(n)}`,
    zone: 'W. Europe Standard Time',
    showAs: 'tentative',
    organizer: `person${n}@acme.example`,
  }),
  user_events: (n: number) => ({ id: `private-${guid(n)}`, showAs: 'tentative' }),
};
const PERSON = 'person-1@acme.example';

const source: SourceHarness = {
  undeclared: ['mobilePhone', 'birthday', 'nickname', 'phone', 'subject', 'bodyPreview', 'webLink'],
  privateAuthority: true,
  sample: (stream, n): Sample => samples[stream as keyof typeof samples](n),
  async start(contents) {
    const sandboxed = await sandbox({ pageSize: 5 });
    for (const { businessPhones, ...user } of contents.users ?? [])
      sandboxed.putUser({
        id: user.id!,
        ...user,
        accountEnabled: true,
        ...(businessPhones === undefined ? {} : { businessPhones: [businessPhones] }),
      });
    // The first room is the one whose calendar is read.
    for (const [n, place] of (contents.spaces ?? []).entries())
      sandboxed.putPlace({
        '@odata.type': '#microsoft.graph.room',
        ...place,
        ...(n === 0 ? { emailAddress: ROOM } : {}),
      } as GraphPlace);
    for (const [n, { id, zone, organizer, ...event }] of (contents.events ?? []).entries())
      sandboxed.putEvent(ROOM, {
        ...meeting(id!, String(8 + n).padStart(2, '0'), today(8 + n)),
        ...event,
        originalStartTimeZone: zone!,
        organizer: { emailAddress: { address: organizer! } },
      });
    for (const [n, { id, ...event }] of (contents.user_events ?? []).entries())
      sandboxed.putEvent(PERSON, { ...meeting(id!, '', tomorrow(8 + n)), ...event });
    if (!contents.spaces?.length) sandboxed.putUser({ id: guid(900), mail: ROOM, accountEnabled: false });
    const front = await relay(sandboxed);
    return {
      settings: {
        ...settingsFor({ graphUrl: front.origin, loginUrl: front.origin }),
        client_secret: clientSecret,
        mailboxes: [ROOM],
      },
      ...front,
      asked: () => askedOf(sandboxed),
      async stop() {
        await front.stop();
        await sandboxed.stop();
      },
    };
  },
};

const today = (hour: number) => on(new Date(), hour);
/** What is over is not asked for. */
const tomorrow = (hour: number) => on(new Date(Date.now() + 86_400_000), hour);

function on(date: Date, hour: number) {
  const day = date.toISOString().slice(0, 10);
  const at = (minute: string) => ({
    dateTime: `${day}T${String(hour).padStart(2, '0')}:${minute}:00.0000000`,
    timeZone: 'UTC',
  });
  return { start: at('00'), end: at('45') };
}

/** What was selected of users and places; of the calendar's delta nothing can be. */
function askedOf(sandboxed: SandboxGraph): string[] {
  const equipment = /^((audio|video|display)DeviceName|isWheelChairAccessible|tags)$/;
  return (
    sandboxed
      .requests()
      // Whose the mailboxes are that tenant IT named is asked of the settings' sake, and is no record.
      .filter(({ url }) => !url.endsWith('$select=id,accountEnabled'))
      .filter(({ url }) => /^\/v1\.0\/users(\/delta)?\?|^\/v1\.0\/places\/.*displayName/.test(url))
      .map(({ url }) => new URL(url, 'https://graph.example'))
      .flatMap(({ searchParams }) => searchParams.get('$select')?.split(',') ?? [])
      .map((name) => (equipment.test(name) ? 'equipment' : name))
  );
}

/**
 * The suite reads a stream as if it had one partition without a name: of the calendars it is the only one; and there is one
 * user who opted in. Graph gives out another delta token each time, and the window for people begins now: by these two
 * readings of the same would never be equal.
 */
function forSuite(stream: ConnectorStream): ConnectorStream {
  return {
    ...stream,
    async *read(context: ReadContext<SettingsShape>) {
      const [only] = stream.partitions ? await stream.partitions(context) : [{ name: '' }];
      const people = stream.peopleAtOnce ? [{ ref: 'the-user', email: PERSON }] : [];
      for await (const item of stream.read({ ...context, people, partition: only!.name }))
        yield item.item === 'complete' ? { ...item, state: undefined, within: undefined } : item;
    },
  };
}

const streams = Object.entries(graph.streams).map(([name, stream]) => [name, forSuite(stream as ConnectorStream)]);
const underSuite = { ...graph, streams: Object.fromEntries(streams) };

behavesLikeAConnector(underSuite, {
  source,
  badSettings: [
    {
      what: 'a tenant that is not there',
      settings: (good) => ({ ...good, tenant_id: guid(404) }),
      says: /no tenant with this ID: correct tenant_id/,
    },
    {
      what: 'an application that is not there',
      settings: (good) => ({ ...good, client_id: guid(404) }),
      says: /no application with this ID: correct client_id/,
    },
    {
      what: 'a tenant ID that is no GUID',
      settings: (good) => ({ ...good, tenant_id: 'acme.onmicrosoft.example' }),
      says: /tenant_id is not a GUID/,
    },
    {
      what: 'two ways to sign in',
      settings: (good) => ({ ...good, certificate: applications.app }),
      says: /exactly one of client_secret, certificate and workload_identity, and client_secret and certificate/,
    },
    {
      what: 'a mailbox that is no address',
      settings: (good) => ({ ...good, mailboxes: [ROOM, 'M4RKER room'] }),
      says: /Entry 2 of the setting mailboxes/,
    },
    {
      what: 'a path behind graph_url',
      settings: (good) => ({ ...good, graph_url: `${good.graph_url}/beta` }),
      says: /graph_url is not an address such as/,
    },
  ],
});
