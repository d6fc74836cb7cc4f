import { type Clock, systemClock } from '../../base/clock.ts';
import { type CompanyOptions, foundCompany } from '../company.ts';
import { derivedUuid } from '../derived.ts';
import type { SandboxDirectory } from '../directory.ts';
import { type SandboxGraph, startSandboxGraph } from '../graph/index.ts';
import { Attendance, type Attendee } from './attendance.ts';
import { type CalendarChange, type CalendarChangeKind, Calendars } from './calendars.ts';
import { accountOf, usersOf } from './people.ts';
import { places, roomList, rooms } from './places.ts';

export type { CalendarChange, CalendarChangeKind } from './calendars.ts';

export interface SandboxMicrosoft365Options extends CompanyOptions {
  /** Whose people it has, as after a synchronisation. */
  readonly directory: SandboxDirectory;
  readonly clientSecret: string;
  readonly certificate: { readonly key: string; readonly cert: string };
  /** Default: any free one. */
  readonly port?: number;
  readonly clock?: Clock;
}

export interface SandboxMicrosoft365 {
  /** `https://127.0.0.1:PORT`, of Graph and of the sign-in. */
  readonly url: string;
  /** GUIDs of the tenant and of the application that reads. */
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** PEM of what the server is to be trusted by. */
  readonly ca: string;
  /** Whose calendars may be read: the address of a room list. */
  readonly mailboxes: readonly string[];
  readonly graph: SandboxGraph;
  /** What changed in the directory since is here, too. */
  synchronise(): void;
  /** Lets one small thing happen to rooms or calendars: of this kind if it can be, else of a likely one. */
  change(kind?: CalendarChangeKind): CalendarChange;
  stop(): Promise<void>;
}

/** Guests of the tenant: people of other companies with an account here. */
const GUESTS = 6;

/**
 * The Microsoft 365 of the sandbox company: the people of its directory, its buildings and rooms, and the calendars of
 * the rooms. The application that reads may open those calendars alone, as tenant IT would have set it up.
 */
export async function startSandboxMicrosoft365(options: SandboxMicrosoft365Options): Promise<SandboxMicrosoft365> {
  const { seed, directory, clientSecret, certificate, port, clock = systemClock } = options;
  const tenantId = derivedUuid('tenant', seed);
  const clientId = derivedUuid('application', seed);
  const graph = await startSandboxGraph({
    tls: certificate,
    tenantId,
    clientId,
    clientSecret,
    clock,
    ...(port === undefined ? {} : { port }),
  });
  const attendance = new Attendance(foundCompany(options), seed);
  const synchronise = () => {
    for (const user of usersOf(directory.entries())) graph.putUser(user);
  };
  for (const place of places) graph.putPlace(place);
  graph.scopeMailboxes(rooms.map(({ address }) => address));
  synchronise();
  for (const room of rooms) graph.putUser(accountOf(room));
  for (const guest of attendance.strangers.slice(0, GUESTS)) graph.putUser(guestOf(guest));
  const calendars = new Calendars(graph, { seed, attendance });
  calendars.fill(clock.now());
  return {
    url: graph.graphUrl,
    tenantId,
    clientId,
    clientSecret,
    ca: certificate.cert,
    mailboxes: [roomList],
    graph,
    synchronise,
    change: (kind) => calendars.change(clock.now(), kind),
    stop: () => graph.stop(),
  };
}

const guestOf = ({ name, address }: Attendee) => ({
  id: derivedUuid('guest', address),
  userPrincipalName: `${address.replace('@', '_')}#EXT#@acme.onmicrosoft.example`,
  mail: address,
  displayName: name,
  accountEnabled: true,
  userType: 'Guest',
});
