import { expect } from 'chai';
import { BadInput, Refused } from '../../src/base/errors.ts';
import type { ConnectionConfiguration, Consequences, TenantConfiguration } from '../../src/store/types.ts';
import {
  type ApplyRequest,
  applyConfiguration,
  planChange,
  printConfiguration,
  settleRenames,
  validateConfiguration,
} from '../../src/tenants/index.ts';
import { connectors } from './connectors.ts';

const people: ConnectionConfiguration = {
  name: 'people',
  connector: 'directory',
  settings: {
    url: 'ldaps://dc1',
    password: 'hunter2',
    base_dn: 'dc=x',
    start_tls: false,
    page_size: 1000,
    flavour: 'openldap',
  },
  streams: {
    users: { scope: { present: 'mail' }, fields: { phone: 'mobile' }, removals: { percent: 10, more_than: 5 } },
  },
  schedule: '*/15 * * * *',
  paused: false,
};
const doors: ConnectionConfiguration = {
  name: 'doors',
  connector: 'cupboards',
  settings: { url: 'https://lockers.example/' },
  streams: { lockers: {} },
  paused: false,
};
const base: TenantConfiguration = {
  tenant: 'acme',
  name: 'Acme',
  time_zone: 'Europe/Amsterdam',
  users: { admit: 'first-logon', sources: ['people'], leaver_grace_ms: 604_800_000, domains: ['acme.example'] },
  features: ['people-directory', 'lockers'],
  notify: [{ email: 'it@acme.example' }, { webhook: 'https://x.example/', secret: 'whsec_hunter2' }],
  connections: [people, doors],
};
const nothing: Consequences = { connections: {}, features: {} };

const plan = (next: TenantConfiguration, consequences = nothing, live: TenantConfiguration | undefined = base) =>
  planChange({ live, next: settleRenames(live, next), consequences, connectors });
const sentences = (next: TenantConfiguration, consequences = nothing) =>
  plan(next, consequences).lines.map((line) => line.sentence);
const withPeople = (change: Partial<ConnectionConfiguration>): TenantConfiguration => ({
  ...base,
  connections: [{ ...people, ...change }, doors],
});

const noRows = { contributions: 0, lockers: 0, assignments: 0, spaces: 0, events: 0, user_events: 0 };

describe('the plan of a change', () => {
  it('is empty when the file says what is live, in whatever order of keys', () => {
    const { url, ...others } = people.settings;
    expect(plan(structuredClone(base)).lines).eql([]);
    expect(plan(withPeople({ settings: { ...others, url } })).lines).eql([]);
  });

  it('takes a default that is written out, or that a newer connector brought, for no change', () => {
    const { page_size: _, ...older } = people.settings;
    const live = withPeople({ settings: older });
    expect(planChange({ live, next: base, consequences: nothing, connectors }).lines).eql([]);
  });

  it('of a new tenant names its connections, all to be reviewed', () => {
    const created = planChange({ live: undefined, next: base, consequences: nothing, connectors });
    expect(created.creates).equal(true);
    expect(created.destructive).equal(false);
    expect(created.review).eql(['people', 'doors']);
    expect(created.lines.map((line) => line.sentence)).eql([
      'creates tenant acme',
      'adds connection people (directory)',
      'adds connection doors (cupboards)',
      'switches on people-directory and lockers',
    ]);
  });

  it('puts numbers on what it destroys', () => {
    const consequences: Consequences = {
      connections: {
        people: { ...noRows, contributions: 4812, lockers: 0, assignments: 0 },
        doors: { ...noRows, contributions: 0, lockers: 1, assignments: 1200 },
      },
      features: { lockers: 2, 'people-directory': 4812 },
    };
    const next = { ...base, users: { ...base.users, sources: [] }, features: [], connections: [] };
    const made = plan(next, consequences);
    expect(made.destructive).equal(true);
    expect(made.lines).eql([
      { sentence: 'removes connection people: 4,812 contributions', destroys: true },
      { sentence: 'removes connection doors: 1 locker and 1,200 locker assignments', destroys: true },
      { sentence: 'switches off people-directory: erases what 4,812 users had through it', destroys: true },
      { sentence: 'switches off lockers: erases what 2 lockers had through it', destroys: true },
      { sentence: 'changes whose word about users counts first: nobody named', destroys: false },
    ]);
  });

  const material: [string, Partial<ConnectionConfiguration>, string][] = [
    ['another address', { settings: { ...people.settings, url: 'ldaps://dc2' } }, 'changes connection people: url'],
    ['another flag', { settings: { ...people.settings, start_tls: true } }, 'changes connection people: start_tls'],
    ['a setting added', { settings: { ...people.settings, filter: '(a=b)' } }, 'changes connection people: filter'],
    [
      'another scope',
      { streams: { users: { ...people.streams.users, scope: { present: 'uid' } } } },
      'changes connection people: scope of users',
    ],
    [
      'no scope',
      { streams: { users: { fields: { phone: 'mobile' }, removals: { percent: 10, more_than: 5 } } } },
      'changes connection people: scope of users',
    ],
    [
      'other fields',
      { streams: { users: { ...people.streams.users, fields: { phone: 'homePhone' } } } },
      'changes connection people: fields of users',
    ],
    ['another connector', { connector: 'cupboards', settings: doors.settings }, 'changes connection people: connector'],
  ];
  for (const [change, to, sentence] of material) {
    it(`has ${change} reviewed`, () => {
      const made = plan(withPeople(to));
      expect(made.lines[0]).eql({ sentence, destroys: false });
      expect(made.review).eql(['people']);
    });
  }

  const small: [string, Partial<ConnectionConfiguration>, string][] = [
    [
      'another secret',
      { settings: { ...people.settings, password: 'rotated' } },
      'takes another password for connection people',
    ],
    [
      'another day on which a secret ends',
      { settings: { ...people.settings, password_expires: '2027-05-01' } },
      'takes another password_expires for connection people',
    ],
    [
      'another schedule',
      { schedule: '0 * * * *' },
      'changes schedule of connection people from */15 * * * * to 0 * * * *',
    ],
    ['a full schedule', { full: '0 3 * * *' }, 'changes full of connection people from none to 0 3 * * *'],
    ['a pause', { paused: true }, 'pauses connection people'],
    [
      'other limits',
      { streams: { users: { ...people.streams.users, removals: { percent: 50, more_than: 5 } } } },
      'changes the limits of removals of users of connection people',
    ],
  ];
  for (const [change, to, sentence] of small) {
    it(`tells of ${change} and asks for no review`, () => {
      const made = plan(withPeople(to));
      expect(made.lines).eql([{ sentence, destroys: false }]);
      expect(made.review).eql([]);
      expect(JSON.stringify(made)).not.match(/hunter2|rotated/);
    });
  }

  it('renames by `was`, without loss and without review', () => {
    const next = { ...withPeople({ name: 'staff', was: 'people' }), users: { ...base.users, sources: ['staff'] } };
    const made = plan(next);
    expect(made.lines).eql([{ sentence: 'renames connection people to staff', destroys: false }]);
    expect(made.renames).eql([{ from: 'people', to: 'staff' }]);
    expect(made.review).eql([]);
  });

  it('drops a `was` that has done its work, or never had any', () => {
    expect(settleRenames(base, withPeople({ was: 'long-gone' })).connections[0]).not.have.property('was');
    expect(settleRenames(undefined, withPeople({ was: 'long-gone' })).connections[0]).not.have.property('was');
  });

  it('refuses a rename onto a connection that is there', () => {
    const next = { ...base, connections: [{ ...people, was: 'doors' }] };
    expect(() => settleRenames(base, next)).throw(
      BadInput,
      /both exist; remove the line was: to keep people and remove doors/,
    );
  });

  it('tells of what concerns the tenant; a shorter grace destroys', () => {
    const users = { ...base.users, admit: 'assigned' as const, leaver_grace_ms: 43_200_000, domains: [] };
    const next = {
      ...base,
      name: 'ACME',
      time_zone: 'UTC',
      users,
      notify: [],
      features: ['occupancy' as const, ...base.features],
    };
    expect(sentences(next)).eql([
      'switches on occupancy',
      'changes the name of the tenant',
      'changes the time zone from Europe/Amsterdam to UTC',
      'admits users at assigned, no longer first-logon',
      'changes the grace of leavers from 7d to 12h: erases users who left longer ago than that',
      'admits log-ons of any domain',
      'changes who is notified',
    ]);
    expect(plan(next).destructive).equal(true);
    expect(plan({ ...base, users: { ...base.users, leaver_grace_ms: 691_200_000 } }).destructive).equal(false);
  });
});

/** The three questions that apply asks of the store, with the store's own rule about versions. */
function liveAt(live: TenantConfiguration | undefined, version: number) {
  const held = { live, version, writes: [] as { next: TenantConfiguration; resume: boolean }[], before: () => {} };
  const configuration: ApplyRequest['store']['configuration'] = {
    read: async () => (held.live ? { configuration: held.live, version: held.version } : undefined),
    consequences: async () => ({
      connections: { doors: { ...noRows, contributions: 0, lockers: 40, assignments: 12 } },
      features: {},
    }),
    write: async (next, { expected, resume }) => {
      held.before();
      if (expected !== (held.live ? held.version : null)) throw new Refused('conflict', 'changed');
      held.live = next;
      held.version += 1;
      held.writes.push({ next, resume });
      return { version: held.version };
    },
  };
  return { held, store: { configuration } };
}
const without: TenantConfiguration = { ...base, connections: [people] };

async function refusalOf(work: Promise<unknown>): Promise<Error> {
  return work.then(
    () => {
      throw new Error('nothing was refused');
    },
    (error: Error) => error,
  );
}

describe('applying a configuration', () => {
  it('creates, then finds nothing to do', async () => {
    const { held, store } = liveAt(undefined, 0);
    const first = await applyConfiguration({ store, next: base, connectors, resume: true });
    expect(first).include({ outcome: 'applied', version: 1 });
    expect(held.writes[0]!.resume).equal(true);
    const second = await applyConfiguration({ store, next: base, connectors });
    expect(second).include({ outcome: 'unchanged', version: 1 });
    expect(held.writes).length(1);
  });

  it('resumes what an earlier apply of the same file left waiting', async () => {
    const { held, store } = liveAt(base, 7);
    expect(await applyConfiguration({ store, next: base, connectors, resume: true })).include({
      outcome: 'applied',
      version: 8,
    });
    expect(held.writes).eql([{ next: base, resume: true }]);
  });

  it('destroys only with yes, and says what', async () => {
    const { held, store } = liveAt(base, 7);
    const refused = await refusalOf(applyConfiguration({ store, next: without, connectors }));
    expect(refused).instanceOf(BadInput);
    expect(refused.message).equal(
      'This removes connection doors: 40 lockers and 12 locker assignments. Nothing was applied; pass --yes if that is meant.',
    );
    expect(held.writes).eql([]);
    expect(await applyConfiguration({ store, next: without, connectors, yes: true })).include({
      outcome: 'applied',
      version: 8,
    });
  });

  it('only plans when asked to, without consent', async () => {
    const { held, store } = liveAt(base, 7);
    const planned = await applyConfiguration({ store, next: without, connectors, dryRun: true });
    expect(planned).include({ outcome: 'planned', version: 7 });
    expect(planned.plan.destructive).equal(true);
    expect(held.writes).eql([]);
  });

  it('shows the plan before it refuses', async () => {
    const shown: string[] = [];
    const { store } = liveAt(base, 7);
    await refusalOf(
      applyConfiguration({
        store,
        next: without,
        connectors,
        onPlan: (made) => shown.push(...made.lines.map((line) => line.sentence)),
      }),
    );
    expect(shown).eql(['removes connection doors: 40 lockers and 12 locker assignments']);
  });

  it('refuses when the configuration is another than the one the change was made against', async () => {
    const { held, store } = liveAt(base, 7);
    const refused = await refusalOf(
      applyConfiguration({ store, next: withPeople({ paused: true }), connectors, since: 6 }),
    );
    expect(refused).instanceOf(Refused).include({ kind: 'conflict' });
    expect(refused.message).contain('--overwrite');
    expect(held.writes).eql([]);
    expect(
      await applyConfiguration({ store, next: withPeople({ paused: true }), connectors, since: 6, overwrite: true }),
    ).include({ version: 8 });
  });

  it('refuses when somebody else applies between plan and write; overwriting plans again', async () => {
    const { held, store } = liveAt(base, 7);
    let others = 1;
    held.before = () => {
      if (others-- > 0) held.version += 1;
    };
    const next = withPeople({ paused: true });
    expect(await refusalOf(applyConfiguration({ store, next, connectors }))).include({ kind: 'conflict' });
    others = 1;
    expect(await applyConfiguration({ store, next, connectors, overwrite: true })).include({ outcome: 'applied' });
    others = 99;
    expect(await refusalOf(applyConfiguration({ store, next: base, connectors, overwrite: true }))).include({
      kind: 'conflict',
    });
  });

  it('asks for consent again when the plan made anew destroys', async () => {
    const { held, store } = liveAt(without, 7);
    held.before = () => {
      held.live = base;
      held.version = 9;
      held.before = () => {};
    };
    const next = { ...without, name: 'ACME' };
    expect(await refusalOf(applyConfiguration({ store, next, connectors, overwrite: true }))).instanceOf(BadInput);
  });
});

describe('printing the live configuration', () => {
  it('gives a file that validates, changes nothing but secrets, and holds none', () => {
    const renamed = {
      ...people,
      name: 'other-people',
      full: '0 3 * * *',
      paused: true,
      settings: { ...people.settings, start_tls: true, filter: '*&"', base_dn: 'on' },
    };
    const live = { ...base, connections: [people, doors, renamed] };
    const printed = printConfiguration(live, connectors);
    expect(printed).not.contain('hunter2');
    // biome-ignore lint/suspicious/noTemplateCurlyInString: references to secrets are written that way
    expect(printed).contain('password: ${env:ACME__OTHER_PEOPLE_PASSWORD} # stored sealed, never shown');
    expect(printed).not.contain('page_size');
    const result = validateConfiguration(printed, { file: 'live.yaml', connectors });
    expect(result.ok || result.problems).equal(true);
    if (!result.ok) return;
    const again = planChange({ live, next: result.draft.unresolved, consequences: nothing, connectors });
    expect(again.lines.map((line) => line.sentence)).eql([
      'takes another password for connection people',
      'takes another password for connection other-people',
      'changes who is notified',
    ]);
  });

  it('gives a file that validates for a tenant with next to nothing', () => {
    const bare: TenantConfiguration = {
      ...base,
      users: { ...base.users, sources: [], domains: [] },
      features: [],
      notify: [],
      connections: [],
    };
    const result = validateConfiguration(printConfiguration(bare, connectors), { file: 'live.yaml', connectors });
    expect(result.ok && result.draft.unresolved).eql(bare);
  });

  it('tells nothing of the settings of a connector it does not know', () => {
    expect(printConfiguration(base, [])).not.match(/hunter2|ldaps/);
  });
});
