import { expect } from 'chai';
import { foundCompany } from '../../src/sandbox/company.ts';
import { type SandboxDirectory, startSandboxDirectory } from '../../src/sandbox/directory.ts';
import { entryOf } from '../../src/sandbox/employee.ts';
import type { GraphEvent, GraphPlace } from '../../src/sandbox/graph/index.ts';
import { inTurns, keepChanging } from '../../src/sandbox/liven.ts';
import { Attendance } from '../../src/sandbox/microsoft365/attendance.ts';
import { type CalendarChange, Calendars } from '../../src/sandbox/microsoft365/calendars.ts';
import { type SandboxMicrosoft365, startSandboxMicrosoft365 } from '../../src/sandbox/microsoft365/index.ts';
import { usersOf } from '../../src/sandbox/microsoft365/people.ts';
import { places, rooms } from '../../src/sandbox/microsoft365/places.ts';
import { certificates } from '../support/certificates.ts';
import { GraphCalendars } from '../support/graph-calendars.ts';

const NOW = new Date('2026-11-25T09:15:00Z');
const DAY_MS = 86_400_000;
const daysLater = (days: number) => new Date(NOW.getTime() + days * DAY_MS);

/** Calendars that are kept here and asked nobody. */
function watched(seed: number) {
  const events = new Map<string, GraphEvent>();
  const diaries = new Map<string, GraphEvent[]>();
  const ofRooms = new Set(rooms.map(({ address }) => address));
  const capacities: GraphPlace[] = [];
  let removed = 0;
  const attendance = new Attendance(foundCompany({ seed }), seed);
  const calendars = new Calendars(
    {
      putEvent: (mailbox, event) => {
        if (ofRooms.has(mailbox)) events.set(`${mailbox} ${event.id}`, event);
        else diaries.set(mailbox, [...(diaries.get(mailbox) ?? []), event]);
      },
      removeEvent: (mailbox, id) => {
        if (!events.delete(`${mailbox} ${id}`)) throw new Error('There is no such event.');
        removed++;
      },
      putPlace: (place) => void capacities.push(place),
    },
    { seed, attendance },
  );
  return { events, diaries, capacities, calendars, attendance, removed: () => removed };
}
const dateOf = ({ start }: GraphEvent) => start.dateTime.slice(0, 10);
const isDeclined = ({ responseStatus }: GraphEvent) =>
  (responseStatus as { response?: string })?.response === 'declined';

describe('the people of the sandbox’s Microsoft 365', () => {
  for (const seed of [1, 2, 7, 20261122]) {
    const { employees, users, junk } = foundCompany({ seed });
    const entries = [...employees.map(entryOf), ...junk];
    const told = usersOf(entries);

    it(`are those of the directory, each address once (seed ${seed})`, () => {
      expect(told).to.have.length(300);
      expect(told.map(({ mail }) => mail ?? undefined)).to.deep.equal(employees.map(({ email }) => email));
      expect(told.map(({ surname }) => surname)).to.deep.equal(employees.map(({ name }) => name.family));
      expect(told.filter(({ accountEnabled }) => !accountEnabled)).to.have.length(
        employees.filter(({ disabledAt }) => disabledAt).length,
      );
      expect(new Set(told.map(({ id }) => id)).size).to.equal(300);
    });

    it(`have other titles there, some of those who log on as well (seed ${seed})`, () => {
      const differing = employees.filter((one, at) => told[at]!.jobTitle !== one.title);
      expect(differing.length).to.be.within(30, 150);
      expect(differing.filter(({ uuid, title }) => users.has(uuid) && title.length <= 128).length).to.be.above(1);
      for (const { jobTitle } of told) expect(String(jobTitle).length).to.be.at.most(128);
    });
  }

  it('are known by the UUID of their entry, as Windows stores one', () => {
    const [entry] = [entryOf(foundCompany({ seed: 1 }).employees[0]!)];
    const uuid = '41424344-4546-4748-894a-4b4c4d4e4f50';
    const [user] = usersOf([{ ...entry!, uuid }]);
    expect(Buffer.from(String(user!.onPremisesImmutableId), 'base64').toString('hex')).to.equal(
      '4443424146454847894a4b4c4d4e4f50',
    );
  });
});

describe('the rooms of the sandbox’s Microsoft 365', () => {
  it('stand in their buildings, with seats and what is in them, and in one list', () => {
    const ids = new Set(places.map(({ id }) => id));
    expect(ids.size).to.equal(places.length);
    const ofType = (type: string) => places.filter((place) => place['@odata.type'] === `#microsoft.graph.${type}`);
    expect(['building', 'floor', 'room', 'workspace', 'desk'].map((type) => ofType(type).length)).to.deep.equal([
      ...[2, 5, 12, 2, 2],
    ]);
    for (const place of [...ofType('floor'), ...ofType('room'), ...ofType('desk')])
      expect(ids.has(String(place.parentId)), String(place.displayName)).to.equal(true);
    expect(ofType('roomList')[0]!.rooms).to.deep.equal(rooms.map(({ address }) => address));
  });

  it('are those that the directory has among its people', () => {
    const inDirectory = foundCompany({ seed: 1 }).junk.flatMap(({ attributes }) =>
      attributes.employeeType?.[0] === 'room' ? [[attributes.mail?.[0], attributes.cn?.[0]]] : [],
    );
    expect(inDirectory).to.deep.equal(
      rooms.slice(0, 3).map(({ address, name, capacity }) => [address, `Room ${name} (${capacity})`]),
    );
  });
});

describe('the calendars of the sandbox’s people', () => {
  it('keep users and as many of their colleagues busy on working days, the same for the same seed', () => {
    const { diaries, calendars, attendance } = watched(7);
    calendars.fill(NOW);
    expect([...diaries.keys()].filter((address) => attendance.isUser(address))).to.have.length(40);
    expect(diaries.size).to.equal(80);
    for (const [address, events] of diaries) {
      expect(events.length, address).to.be.within(12, 48);
      for (const { start } of events) expect(new Date(start.dateTime).getUTCDay()).to.be.within(1, 5);
    }
    const again = watched(7);
    again.calendars.fill(NOW);
    expect([...again.diaries]).to.deep.equal([...diaries]);
  });
});

describe('the calendars of the sandbox’s rooms', () => {
  for (const seed of [1, 2, 7, 20261122]) {
    it(`hold meetings of every kind, from yesterday to two weeks ahead (seed ${seed})`, () => {
      const { events, calendars, attendance } = watched(seed);
      calendars.fill(NOW);
      const all = [...events.values()];
      const singles = all.filter(({ type }) => type === 'singleInstance');
      expect(singles.length).to.be.within(350, 700);
      const dates = new Set(singles.map(dateOf));
      expect([...dates].sort()[0]).to.equal('2026-11-24');
      expect([...dates].sort().at(-1)).to.equal('2026-12-10');
      const kinds: Record<string, (event: GraphEvent) => boolean> = {
        'whole day': ({ isAllDay }) => isAllDay === true,
        'called off': ({ isCancelled }) => isCancelled === true,
        declined: isDeclined,
        tentative: ({ showAs }) => showAs === 'tentative',
        free: ({ showAs }) => showAs === 'free',
        private: ({ sensitivity }) => sensitivity === 'private',
        series: ({ type }) => type === 'seriesMaster',
        exception: ({ type }) => type === 'exception',
      };
      for (const [kind, is] of Object.entries(kinds)) expect(all.filter(is).length, kind).to.be.above(2);
      const organizers = singles.map(
        ({ organizer }) => (organizer as { emailAddress: { address: string } }).emailAddress.address,
      );
      const ofUsers = organizers.filter((address) => attendance.isUser(address));
      const ofStrangers = organizers.filter((address) => !address.toLowerCase().endsWith('@acme.example'));
      expect(ofUsers.length).to.be.above(100);
      expect(ofStrangers.length).to.be.above(20);
      expect(organizers.length - ofUsers.length - ofStrangers.length).to.be.above(50);
      for (const room of rooms)
        expect([...events.keys()].filter((key) => key.startsWith(room.address)).length).above(15);
    });
  }

  it('are the same for the same seed and others for another', () => {
    const filled = (seed: number) => {
      const { events, calendars } = watched(seed);
      calendars.fill(NOW);
      return [...events];
    };
    expect(filled(3)).to.deep.equal(filled(3));
    // Not by their ids alone: they are at other times.
    const times = (seed: number) =>
      filled(seed).flatMap(([, { type, start, end }]) => (type === 'singleInstance' ? [[start, end]] : []));
    expect(times(3)).to.not.deep.equal(times(4));
  });

  it('have the same meetings on the same days when the sandbox starts again days later, and the new days', () => {
    const [running, later] = [watched(5), watched(5)];
    running.calendars.fill(NOW);
    const before = new Map(running.events);
    running.calendars.fill(daysLater(6));
    later.calendars.fill(daysLater(6));
    for (const [key, event] of before) {
      expect(running.events.get(key)).to.deep.equal(event);
      if (event.type === 'singleInstance' && dateOf(event) >= '2026-11-30')
        expect(later.events.get(key)).to.deep.equal(event);
    }
    for (const [key, event] of later.events) expect(running.events.get(key), key).to.deep.equal(event);
    expect(later.events.size).to.be.above(300);
    expect(running.events.size).to.be.above(before.size);
  });
});

describe('what happens in the calendars of the sandbox', () => {
  for (const [kind, does] of Object.entries({
    booking: (before: number, after: number) => after === before + 1,
    rescheduling: (before: number, after: number) => after === before,
    cancellation: (before: number, after: number) => after === before,
    series: (before: number, after: number) => after === before,
  })) {
    it(`is a ${kind} of one event that is still to come`, () => {
      const { events, calendars } = watched(11);
      calendars.fill(NOW);
      const before = new Map(events);
      expect(calendars.change(NOW, kind as CalendarChange['kind']).kind).to.equal(kind);
      expect(does(before.size, events.size)).to.equal(true);
      const touched = [...events].filter(([key, event]) => before.get(key) !== event);
      expect(touched).to.have.length(1);
      const [key, event] = touched[0]!;
      const last = event.occurrences?.at(-1)?.start.dateTime.slice(0, 10) ?? dateOf(event);
      expect(last > '2026-11-25').to.equal(true);
      const { isCancelled, showAs, start, end, occurrences } = event;
      const was = before.get(key);
      if (kind === 'cancellation') expect([was?.isCancelled, isCancelled]).to.deep.equal([false, true]);
      if (kind === 'booking') expect([isCancelled, showAs, isDeclined(event)]).to.deep.equal([false, 'busy', false]);
      if (kind === 'rescheduling') expect([start, end]).to.not.deep.equal([was?.start, was?.end]);
      if (kind === 'series') expect(occurrences).to.not.deep.equal(was?.occurrences);
    });
  }

  it('clears away what it booked itself, when that is called off', () => {
    const { events, calendars, removed } = watched(11);
    calendars.change(NOW, 'booking');
    const size = events.size;
    calendars.change(NOW, 'cancellation');
    expect([events.size, removed()]).to.deep.equal([size - 1, 1]);
  });

  it('gives a room other seats, and then those it had', () => {
    const { calendars, capacities } = watched(11);
    for (let n = 0; n < 60; n++) calendars.change(NOW, 'capacity');
    for (const { place, capacity } of rooms) {
      const told = capacities.filter(({ id }) => id === place.id).map((one) => Number(one.capacity));
      expect(told.length).to.be.above(0);
      expect(told).to.deep.equal(told.map((_, at) => (at % 2 === 0 ? capacity + 2 : capacity)));
    }
  });

  it('is repeatable by seed', () => {
    const tell = () => {
      const { calendars, events } = watched(11);
      return [Array.from({ length: 200 }, () => calendars.change(NOW)), [...events]];
    };
    expect(tell()).to.deep.equal(tell());
  });

  it('through a week of days and nights never looks like a mass deletion, nor fills the rooms', () => {
    const { calendars, events, removed } = watched(11);
    calendars.fill(NOW);
    const cancelled = () => [...events.values()].filter(({ isCancelled }) => isCancelled).length;
    const kinds = new Map<string, number>();
    for (let day = 0; day < 7; day++) {
      calendars.fill(daysLater(day));
      const [gone, size] = [cancelled() + removed(), events.size];
      // As many as happen while somebody watches for 24 h.
      for (let n = 0; n < 2 * 24 * 60; n++) {
        const { kind } = calendars.change(daysLater(day));
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      }
      expect(cancelled() + removed() - gone).to.be.within(1, 60);
      expect(events.size - size).to.be.within(-12, 24);
    }
    expect([...kinds.keys()].sort()).to.deep.equal(['booking', 'cancellation', 'capacity', 'rescheduling', 'series']);
  });
});

describe('the sandbox’s Microsoft 365', () => {
  const clock = { now: () => NOW };
  let directory: SandboxDirectory;
  let office: SandboxMicrosoft365;
  const start = (seed: number, port?: number) =>
    startSandboxMicrosoft365({
      seed,
      directory,
      clientSecret: 'the~secret',
      certificate: certificates.valid,
      clock,
      ...(port === undefined ? {} : { port }),
    });
  const signIn = () => GraphCalendars.signIn({ ...office, ca: certificates.authority });
  beforeEach(async () => {
    directory = await startSandboxDirectory({ seed: 11, password: 'x', clock });
    office = await start(11);
  });
  afterEach(() => Promise.all([directory.stop(), office.stop()]));

  it('has 300 people, the rooms’ disabled accounts and some guests', async () => {
    const graph = await signIn();
    const select = '$top=999&$select=id,mail,accountEnabled,userType';
    const { value } = await graph.get<{ value: { userType: string; accountEnabled: boolean }[] }>(`/users?${select}`);
    expect(value).to.have.length(300 + rooms.length + 6);
    expect(value.filter(({ userType }) => userType === 'Guest')).to.have.length(6);
  });

  it('opens the calendars of its rooms, and of nobody else', async () => {
    const graph = await signIn();
    const window = [daysLater(-1), daysLater(15)] as const;
    for (const { address } of rooms) expect((await graph.events(address, ...window)).length).to.be.above(20);
    const somebody = foundCompany({ seed: 11 }).employees.find(({ email }) => email)!.email!;
    const refused = await graph.events(somebody, ...window).catch((error: Error) => error.message);
    expect(refused).to.match(/^403 .*ErrorAccessDenied/);
  });

  it('hears of what happens in the directory, in turns with what happens in its calendars', async () => {
    const graph = await signIn();
    const world = inTurns(directory, office);
    const told: { kind: string }[] = [];
    const stopper = new AbortController();
    await keepChanging(world, {
      everyMs: 1,
      signal: stopper.signal,
      tell: (change) => {
        told.push(change);
        if (told.length === 40) stopper.abort();
      },
    });
    const ofCalendars = ['booking', 'rescheduling', 'cancellation', 'series', 'capacity'];
    expect(told.map(({ kind }, at) => ofCalendars.includes(kind) === (at % 2 === 0))).to.not.include(false);
    const { value } = await graph.get<{ value: { id: string; mail: string | null; jobTitle: string }[] }>(
      '/users?$top=999&$select=id,mail,jobTitle,onPremisesImmutableId',
    );
    const there = new Map(value.map(({ id, mail, jobTitle }) => [id, { mail, jobTitle }]));
    for (const { id, mail, jobTitle } of usersOf(directory.entries()))
      expect(there.get(id)).to.deep.equal({ mail, jobTitle });
  });

  it('does not know the tokens of the one before it, and says so as Graph does', async () => {
    const first = await (await signIn()).get<{ '@odata.deltaLink': string }>(
      '/users/delta?$select=id&$deltatoken=latest',
    );
    const port = Number(new URL(office.url).port);
    const path = first['@odata.deltaLink'].replace(`${office.url}/v1.0`, '');
    await office.stop();
    office = await start(11, port);
    expect(office.url).to.equal(`https://127.0.0.1:${port}`);
    const refused = await (await signIn()).get(path).catch((error: Error) => error.message);
    expect(refused).to.match(/^410 .*syncStateNotFound/);
  });
});
