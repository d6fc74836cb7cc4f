import { randomBytes } from 'node:crypto';
import {
  type Connector,
  complete,
  connector,
  gone,
  type Item,
  NeedsAttention,
  page,
  partial,
  record,
  records,
  type SourceRecord,
  type State,
  skip,
  TryLater,
  whole,
} from '../../src/contract/index.ts';

/** One unique text, planted in one place. */
export interface Marker {
  readonly text: string;
  /** Where it was planted, for the message of the test that finds it. */
  readonly where: string;
}

/**
 * What was planted, by what may become of it. `never`: in no table, log, message, metric or file, in clear or
 * encoded. `sealed`: kept for a user, so in an API answer yes, in the database's files not. `clear`: names no person
 * (a locker), so a search that does not find it is broken: the control. `state`: opaque, held by the store only.
 */
export interface Markers {
  readonly never: readonly Marker[];
  readonly sealed: readonly Marker[];
  readonly clear: readonly Marker[];
  readonly state: readonly Marker[];
}

export type HostileEnding =
  | 'complete'
  /** Ends without `complete`. */
  | 'silence'
  | 'plain-error'
  /** Looks like ours and is not: only its class may be believed. */
  | 'false-try-later'
  | 'false-needs-attention'
  /** Ours, with data hung on it beside the sentence. */
  | 'loaded-try-later'
  | 'loaded-needs-attention'
  | 'string'
  | 'undefined'
  | 'unreadable';

export const hostileEndings: readonly HostileEnding[] = [
  'complete',
  'silence',
  'plain-error',
  'false-try-later',
  'false-needs-attention',
  'loaded-try-later',
  'loaded-needs-attention',
  'string',
  'undefined',
  'unreadable',
];

export interface HostileOptions {
  /** E-mail addresses of those who have logged on; only they may leave a trace. */
  readonly users: readonly string[];
  /** People nobody knows here. */
  readonly strangers?: number;
  readonly ending?: HostileEnding;
  /** Whether to mix in items that the contract does not have, and records that are none. */
  readonly malformed?: boolean;
}

export interface HostileConnector {
  readonly connector: Connector;
  /** All that was planted so far: some places are only reached while it is read. */
  markers(): Markers;
}

/** Undeclared fields of the kind real systems send along unasked. */
const undeclaredFields = [
  'homePostalAddress',
  'homePhone',
  'jpegPhoto',
  'birthDate',
  'nationalId',
  'salary',
  'religion',
  'manager',
  'notes',
  'userPassword',
  'iban',
  'licensePlate',
  'emergencyContact',
  'sickLeave',
  'unionMembership',
];

/**
 * A connector that plants a unique marker in every place it can reach: undeclared fields, field names, strangers'
 * keys and fields, thrown messages, state, prototypes. Leak tests run it and then search everywhere for them.
 */
export function hostileConnector(options: HostileOptions): HostileConnector {
  const planted = { never: [] as Marker[], sealed: [] as Marker[], clear: [] as Marker[], state: [] as Marker[] };
  /** Letters and digits only, so that encodings and case folding of sinks do not hide it. */
  const plant = (kind: keyof Markers, where: string): string => {
    const text = `mk${randomBytes(12).toString('hex')}`;
    planted[kind].push({ text, where });
    return text;
  };
  const never = (where: string) => plant('never', where);
  const { users, strangers = 20, ending = 'complete', malformed = true } = options;

  const extras = (whose: string): Record<string, string> => ({
    ...Object.fromEntries(undeclaredFields.map((name) => [name, never(`${whose}: undeclared field ${name}`)])),
    [never(`${whose}: name of a field`)]: 'x',
    [`person.${never(`${whose}: name of a field like a person's`)}@hostile.example`]: never(
      `${whose}: field keyed by e-mail`,
    ),
  });

  const user = (email: string, n: number): SourceRecord => ({
    id: `user-${n}`,
    mail: email,
    given: plant('sealed', `given name of user ${n}`),
    family: plant('sealed', `family name of user ${n}`),
    status: never(`decide field of user ${n}`),
    ...extras(`user ${n}`),
  });
  const stranger = (n: number): SourceRecord => ({
    id: never(`key of stranger ${n}`),
    mail: `${never(`e-mail of stranger ${n}`)}@hostile.example`,
    given: never(`given name of stranger ${n}`),
    family: never(`family name of stranger ${n}`),
    phone: `+31 20 ${never(`phone of stranger ${n}`)}`,
    title: never(`title of stranger ${n}`),
    status: never(`decide field of stranger ${n}`),
    ...extras(`stranger ${n}`),
  });

  /** Records that break what handles them carelessly; every one is a stranger's, or nobody's. */
  function* oddities(): Generator<SourceRecord> {
    const odd = (where: string, more: object): SourceRecord => ({
      ...stranger(strangers),
      ...more,
      where: never(where),
    });
    yield odd('NUL in values', {
      given: `a\u0000${never('NUL in a name')}`,
      mail: `a\u0000b@${never('NUL in e-mail')}.example`,
    });
    yield odd('NUL in the key', { id: `a\u0000${never('NUL in a key')}` });
    yield odd('lone surrogates', {
      family: `\ud800${never('lone surrogate in a name')}\udfff`,
      id: `\udc00${never('in a key')}`,
    });
    yield odd('a huge value', { title: never('huge value').repeat(200_000) });
    yield odd('a huge key', { id: never('huge key').repeat(10_000) });
    yield odd('a huge field name', { [never('huge field name').repeat(5_000)]: 'x' });
    yield odd(
      'many fields',
      Object.fromEntries(
        Array.from({ length: 5_000 }, (_, n) => [`${never('one of many fields').slice(0, 26)}${n}`, 'x']),
      ),
    );
    yield odd('no key', { id: undefined });
    yield odd('an empty key', { id: '' });
    yield odd('a key of several values', { id: [never('first of two keys'), never('second of two keys')] });
    yield odd('many e-mail addresses', {
      mail: Array.from({ length: 500 }, () => `${never('one of many e-mails')}@hostile.example`),
    });
    yield odd('CSV formula', { given: `=cmd|'${never('formula')}'!A0` });
    yield odd('log injection', { given: `\r\n{"level":30,"msg":"${never('log injection')}"}` });
    yield odd('markup', { given: `<script>${never('markup')}</script>` });
    yield odd('SQL', { given: `'; DROP TABLE users; -- ${never('SQL')}` });
    // JSON.parse makes __proto__ an own property, and Object.assign then carries it into a prototype.
    const polluted = `{"__proto__":{"polluted":"${never('__proto__')}"},"constructor":{"prototype":{"polluted":"${never('constructor.prototype')}"}}}`;
    yield odd('prototype pollution', JSON.parse(polluted) as object);
    const inherited = Object.create({ mail: users[0], id: never('inherited key') }) as SourceRecord;
    yield inherited;
    yield Object.assign(Object.create(null) as object, stranger(strangers)) as SourceRecord;
    if (!malformed) return;
    yield odd('objects for values', {
      given: { toString: () => never('toString of a value') },
      mail: { a: [never('nested value')] },
    });
    yield odd('values of other types', {
      given: 10n ** 30n,
      family: Symbol(never('symbol')),
      title: () => never('function'),
    });
    // Not through `odd`: spreading would already run the getter.
    yield Object.defineProperty({ ...stranger(strangers) }, 'given', {
      enumerable: true,
      get: () => {
        throw new Error(never('message of a throwing getter'));
      },
    });
    for (const none of [null, undefined, never('a text for a record'), 7, [never('a list for a record')]])
      yield none as unknown as SourceRecord;
  }

  const state = (where: string): State => ({
    token: plant('state', `${where}: token`),
    [plant('state', `${where}: name`)]: { nested: [plant('state', `${where}: nested`), null, true, 1] },
  });

  async function* endings(last: State | undefined): AsyncGenerator<Item> {
    const loaded = (error: Error) =>
      Object.assign(error, {
        record: stranger(-1),
        cause: new Error(never('cause of an error')),
        config: { headers: { authorization: `Bearer ${never('header on an error')}` } },
        detail: never('detail of an error'),
      });
    const false_ = (name: string, recovery: string) =>
      Object.assign(new Error(never(`message of a false ${name}`)), {
        name,
        recovery,
        notBefore: new Date('2999-12-31T00:00:00Z'),
        code: never(`code of a false ${name}`),
        table: never(`table of a false ${name}`),
        constraint: never(`constraint of a false ${name}`),
      });
    switch (ending) {
      case 'complete':
        yield complete(last ? { state: last } : {});
        return;
      case 'silence':
        return;
      case 'plain-error':
        throw loaded(new Error(`Cannot read ${never('message of a plain error')}`));
      case 'false-try-later':
        throw false_('TryLater', 'try-later');
      case 'false-needs-attention':
        throw false_('NeedsAttention', 'needs-attention');
      case 'loaded-try-later':
        throw loaded(
          new TryLater('The hostile source is busy; the next run tries again.', new Date('2999-12-31T00:00:00Z')),
        );
      case 'loaded-needs-attention':
        throw loaded(new NeedsAttention('The hostile source wants attention; look after it.'));
      case 'string':
        throw never('a thrown text');
      case 'undefined':
        throw undefined;
      case 'unreadable':
        throw Object.defineProperty(new Error(never('unreadable error')), 'message', {
          get: () => {
            throw new Error(never('message of an error about an error'));
          },
        });
    }
  }

  const made = connector({
    name: 'hostile',
    summary: 'Plants markers wherever it can, for tests of what leaks.',
    version: 1,
    settings: {},
    network: 'None at all.',
    permission: 'None whatsoever.',
    knownFields: undeclaredFields.slice(0, 3),
    streams: {
      users: {
        key: 'id',
        match: { 'directory-id': 'id', email: 'mail' },
        decide: { status: 'Tells nothing, and must be forgotten.' },
        keep: { given_name: 'given', family_name: 'family', email: 'mail', phone: 'phone', job_title: 'title' },
        incremental: true,
        resumable: true,
        async *read() {
          yield records(users.map(user));
          yield page(state('state of a page of users'), users.length + strangers);
          yield records(Array.from({ length: strangers }, (_, n) => stranger(n)));
          yield partial(stranger(strangers + 1));
          yield gone(never('key of a stranger who is gone'));
          yield skip(never('key of a skipped stranger'));
          yield skip();
          yield whole(never('name of a group'), [stranger(strangers + 2)]);
          for (const one of oddities()) yield record(one);
          if (malformed) yield { item: never('an item that does not exist'), key: never('its key') } as unknown as Item;
          yield page(state('state of the second page of users'));
          yield* endings(state('last state of users'));
        },
        async *lookup() {
          yield* users.map(user);
          yield stranger(strangers + 3);
          yield* oddities();
        },
      },
      lockers: {
        key: 'no',
        keep: { number: 'no', place: 'place', status: 'status' },
        async *read() {
          yield records(
            Array.from({ length: 5 }, (_, n) => ({
              no: plant('clear', `number of locker ${n}`),
              place: plant('clear', `place of locker ${n}`),
              status: 'free',
              owner: `${never(`owner of locker ${n}`)}@hostile.example`,
              ...extras(`locker ${n}`),
            })),
          );
          yield* endings(undefined);
        },
      },
      locker_assignments: {
        key: 'assignment',
        match: { email: 'mail' },
        keep: { locker: 'no', until: 'until', shared: 'shared' },
        async *read() {
          yield records(
            Array.from({ length: 5 }, (_, n) => ({
              assignment: never(`key of a stranger's assignment ${n}`),
              no: plant('clear', `locker of a stranger ${n}`),
              mail: `${never(`owner of assignment ${n}`)}@hostile.example`,
              until: never(`end of assignment ${n}`),
              ...extras(`assignment ${n}`),
            })),
          );
          yield* endings(undefined);
        },
      },
      spaces: {
        key: 'id',
        keep: { name: 'name', kind: 'kind', equipment: 'has', time_zone: 'zone', capacity: 'seats' },
        async *read() {
          yield records(
            Array.from({ length: 5 }, (_, n) => ({
              id: `room-${n}`,
              name: plant('clear', `name of room ${n}`),
              kind: never(`kind of room ${n}`),
              has: [plant('clear', `equipment of room ${n}`)],
              zone: never(`zone of room ${n}`),
              seats: never(`seats of room ${n}`),
              contact: `${never(`contact of room ${n}`)}@hostile.example`,
              ...extras(`room ${n}`),
            })),
          );
          yield* endings(undefined);
        },
      },
      events: {
        key: 'id',
        decide: { cancelled: 'Tells nothing, and must be forgotten.' },
        keep: {
          space: 'room',
          starts_at: 'start',
          ends_at: 'end',
          time_zone: 'zone',
          show_as: 'showAs',
          organizer: 'organizer',
          series: 'series',
        },
        incremental: true,
        resumable: true,
        partitions: async () => [{ name: 'room-0', about: 'room-0' }],
        async *read() {
          const event = (n: number, organizer: string) => ({
            id: plant('clear', `key of event ${n}`),
            room: 'room-0',
            start: '2999-12-01T09:00:00Z',
            end: '2999-12-01T10:00:00Z',
            zone: never(`zone of event ${n}`),
            showAs: never(`show-as of event ${n}`),
            cancelled: never(`decide field of event ${n}`),
            organizer,
            series: never(`series of event ${n}`),
            subject: never(`subject of event ${n}`),
            bodyPreview: never(`text of event ${n}`),
            location: never(`location of event ${n}`),
            joinUrl: `https://${never(`link of event ${n}`)}.example`,
            attendees: [`${never(`attendee of event ${n}`)}@hostile.example`],
            ...extras(`event ${n}`),
          });
          yield records([
            ...users.map((email, n) => event(n, email)),
            ...[10, 11, 12].map((n) => event(n, `${never(`organizer of event ${n}`)}@hostile.example`)),
          ]);
          yield gone(never('key of an event that is gone'));
          yield skip(never('key of a skipped event'));
          yield whole(never('name of a series'), [event(20, never('an organizer that is no address'))]);
          yield record({ ...event(21, ''), start: never('start of an event') });
          yield page(state('state of a page of events'));
          yield* endings(state('last state of events'));
        },
      },
    },
    async check() {
      throw new Error(never('message of a failing check'));
    },
  });

  return {
    connector: made,
    markers: () => ({
      never: [...planted.never],
      sealed: [...planted.sealed],
      clear: [...planted.clear],
      state: [...planted.state],
    }),
  };
}
