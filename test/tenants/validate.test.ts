// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to secrets are written that way
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import ldap from '../../connectors/ldap/index.ts';
import graph from '../../connectors/microsoft-graph/index.ts';
import { configurationJsonSchema, type Problem, problemLine, validateConfiguration } from '../../src/tenants/index.ts';
import { connectors } from './connectors.ts';

const head = 'version: 1\ntenant: acme\nname: Acme\ntime_zone: Europe/Amsterdam\n'; // lines 1 to 4
const settings = '    settings:\n      url: ldaps://dc1\n      base_dn: dc=x\n'; // lines 8 to 10 in a connection
const password = '      password: ${env:ACME__PASSWORD}\n'; // line 11
/** One connection `people`, in order; what follows begins on line 12. */
const people = (rest = '', secret = password) =>
  `${head}connections:\n  people:\n    connector: directory\n${settings}${secret}${rest}`;
const ref = (reference: string) => `      password: \${${reference}}\n`;

const validate = (text: string) => validateConfiguration(text, { file: 'acme.yaml', connectors });
function problems(text: string): readonly Problem[] {
  const result = validate(text);
  return result.ok ? [] : result.problems;
}
function draftOf(text: string) {
  const result = validate(text);
  if (!result.ok) throw new Error(result.problems.map((problem) => problemLine('acme.yaml', problem)).join('\n'));
  return result;
}
const placed = (list: readonly Problem[]) => list.map((problem) => problemLine('f', problem).slice(2));

const bomb = [
  'a: &a [x,x,x,x,x,x,x,x,x,x]',
  ...'bcdef'.split('').map((key, index) => {
    const before = 'abcde'[index];
    return `${key}: &${key} [${Array(10).fill(`*${before}`).join(',')}]`;
  }),
].join('\n');

/** What is odd, the file, and every problem as `line:column: sentence`. */
const bad: [string, string, string[]][] = [
  ['nothing at all', '', ['1:1: The file is empty; begin with version: 1 and tenant: the name of the tenant.']],
  ['a list', '- a', ['1:1: The file must be a map of keys; begin with version: 1 and tenant: the name of the tenant.']],
  [
    'only a version',
    'version: 1\n',
    ['1:1: tenant is missing; add it.', '1:1: name is missing; add it.', '1:1: time_zone is missing; add it.'],
  ],
  ['another version', head.replace('version: 1', 'version: 2'), ['1:10: version must be 1.']],
  ['too much', 'a'.repeat(65 * 1024), ['1:1: The file is larger than 64 KiB; a configuration is far smaller.']],
  ['a tab', `${head}users:\n\tadmit: assigned\n`, ['6:1: A tab indents this line; YAML takes only spaces there.']],
  [
    'an open quote',
    `${head}notify: "x\n`,
    ['6:1: Something is not closed or separated here; look for a missing quote, bracket, comma, colon or space.'],
  ],
  [
    'a wrong indent',
    'version: 1\n  tenant: acme\n',
    [
      '1:10: Two keys run into each other here; check the indent of the next line, or put a text that holds a colon in quotes.',
    ],
  ],
  [
    'two documents',
    `${head}---\nversion: 1\n`,
    ['5:1: A second document begins here; one file holds one tenant, so remove the line ---.'],
  ],
  [
    'a tag',
    `${head}users: !!js/function x\n`,
    ['5:8: Tags (words that begin with !) are not used here; remove it, or put the text in quotes.'],
  ],
  ['a key twice', `${head}name: B\n`, ['5:1: name stands here for the second time; keep one of them.']],
  [
    'a key twice, deep',
    people('      url: ldaps://dc2\n'),
    ['12:7: connections.people.settings.url stands here for the second time; keep one of them.'],
  ],
  [
    'an alias bomb',
    `${head}${bomb}\n`,
    ['9:8: The file nests too deep or repeats too much through aliases; write it out plainly.'],
  ],
  [
    'an alias of itself',
    `${head}users: &a [*a]\n`,
    ['5:12: The file nests too deep or repeats too much through aliases; write it out plainly.'],
  ],
  [
    'an alias of nothing',
    `${head}users: *nobody\n`,
    ['5:8: This alias is not usable; write the value out, or in quotes if it begins with * or &.'],
  ],
  [
    'deep nesting',
    `${head}users: ${'['.repeat(60)}${']'.repeat(60)}\n`,
    ['5:48: The file nests too deep or repeats too much through aliases; write it out plainly.'],
  ],
  ['a control character', `${head}users: "\\0"\n`, ['5:8: users holds a control character; remove it.']],
  ['__proto__', `${head}__proto__:\n  admit: assigned\n`, ['5:1: Only a plain word can be a key here.']],
  [
    'constructor',
    `${head}constructor: x\n`,
    [
      '5:1: There is no key called constructor; there are version, tenant, name, time_zone, users, features, notify and connections.',
    ],
  ],
  [
    'constructor as a feature',
    `${head}features: { constructor: on, toString: on }\n`,
    [
      '5:13: There is no feature called constructor; there are people-directory, find-colleague, room-booking, hybrid-meetings, lockers, check-in and occupancy.',
      '5:30: There is no feature called toString; there are people-directory, find-colleague, room-booking, hybrid-meetings, lockers, check-in and occupancy.',
    ],
  ],
  [
    'constructor as a connection',
    `${head}connections: { constructor: { connector: cupboards } }\n`,
    ['5:16: connections.constructor must not be constructor, which means something else; choose another.'],
  ],
  ['a map as a key', `${head}? {a: 1}\n: x\n`, ['5:3: Only a plain word can be a key here.']],
  [
    'a misspelt key',
    `${head}feature:\n  lockers: on\n`,
    ['5:1: There is no key called feature; did you mean features?'],
  ],
  ['an empty section', `${head}users:\n`, ['5:7: users is empty; fill it in or remove the line.']],
  ['a number for a text', head.replace('name: Acme', 'name: 12'), ['3:7: name must be a text; put it in quotes.']],
  ['a list for a map', `${head}users: [people]\n`, ['5:8: users must be a map (keys indented below it).']],
  [
    'a map for a list',
    `${head}notify: { email: it@acme.example }\n`,
    ['5:9: notify must be a list (each entry on its own line, after a hyphen).'],
  ],
  [
    'the name sluice',
    head.replace('acme', 'sluice'),
    ["2:9: tenant must not be sluice, which is the hub's own word; choose another."],
  ],
  ...['Acme', 'acme--eu', 'acme-', '-acme', '9acme', 'acme_eu', `a${'b'.repeat(40)}`].map(
    (name): [string, string, string[]] => [
      `the name ${name}`,
      head.replace('acme', name),
      [
        '2:9: tenant must begin with a small letter and hold small letters, digits and single hyphens, at most 40; for example acme-eu.',
      ],
    ],
  ),
  [
    'a misspelt time zone',
    head.replace('Amsterdam', 'Amsterdm'),
    ['4:12: time_zone is no IANA time zone; did you mean Europe/Amsterdam?'],
  ],
  [
    'an offset',
    head.replace('Europe/Amsterdam', '"+01:00"'),
    ['4:12: time_zone is no IANA time zone; for example Europe/Amsterdam.'],
  ],
  [
    'a feature that does not exist',
    `${head}features:\n  people-diretory: on\n`,
    ['6:3: There is no feature called people-diretory; did you mean people-directory?'],
  ],
  ['yes for a feature', `${head}features:\n  lockers: yes\n`, ['6:12: features.lockers must be on or off.']],
  ['admit everyone', `${head}users:\n  admit: everyone\n`, ['6:10: users.admit must be first-logon or assigned.']],
  [
    'a grace in words',
    `${head}users:\n  leaver_grace: 7 days\n`,
    ['6:17: users.leaver_grace must be a number with d, h or m, for example 7d or 12h.'],
  ],
  ['a grace of years', `${head}users:\n  leaver_grace: 999d\n`, ['6:17: users.leaver_grace must be at most 90d.']],
  [
    'domains with wildcard and at',
    `${head}users:\n  domains: ["*.acme.example", it@acme.example, 10.0.0.1]\n`,
    [
      '6:13: users.domains[0] must be a domain such as acme.example, without wildcards, schemes or paths.',
      '6:31: users.domains[1] must be a domain such as acme.example, without anything before the @ or the @ itself.',
      '6:48: users.domains[2] must be a domain such as acme.example, without wildcards, schemes or paths.',
    ],
  ],
  [
    'a source that is no connection',
    `${people()}users:\n  sources: [peple]\n`,
    ['13:13: users.sources[0] names no connection of this file; name people.'],
  ],
  [
    'a source twice',
    `${people()}users:\n  sources: [people, people]\n`,
    ['13:21: users.sources[1] names the same connection twice; keep the first.'],
  ],
  [
    'a source without users',
    `${people('  doors: { connector: cupboards }\n')}users:\n  sources: [doors]\n`,
    ['14:13: users.sources[0] names a connection that supplies no users; name people.'],
  ],
  [
    'notify nobody',
    `${head}notify:\n  - {}\n  - email: a b\n  - webhook: http://x.example\n  - webhook: https://u:hunter2@x.example\n  - { email: a@b.example, secret: hunter2 }\n`,
    [
      '6:5: notify[0] must hold either email or webhook; make one entry of each.',
      '7:12: notify[1].email must be one e-mail address, for example it@acme.example.',
      '8:14: notify[2].webhook must be an https:// address.',
      '9:14: notify[3].webhook must not hold a user or password; use secret: instead.',
      '10:5: notify[4] has a secret without a webhook; remove it.',
    ],
  ],
  [
    'an unknown connector',
    `${head}connections:\n  people:\n    connector: directry\n`,
    ['7:16: There is no connector called directry; did you mean directory?'],
  ],
  [
    'no connector',
    `${head}connections:\n  people: {}\n`,
    [
      '6:3: connections.people.connector is missing; name the connector that reads this system: there are directory and cupboards.',
    ],
  ],
  [
    'a reserved connection',
    `${head}connections:\n  log-on: { connector: cupboards }\n`,
    ['6:3: connections.log-on must not be log-on, which means something else; choose another.'],
  ],
  [
    'no settings',
    `${head}connections:\n  people:\n    connector: directory\n`,
    ['6:3: connections.people.settings is missing; add it.'],
  ],
  [
    'an unknown setting',
    people('      base-dn: dc=y\n      colour: red\n'),
    [
      '12:7: There is no setting of the connector directory called base-dn; did you mean base_dn?',
      '13:7: There is no setting of the connector directory called colour; there are url, password, second_password, password_expires, base_dn, filter, start_tls, page_size, flavour and ca.',
    ],
  ],
  [
    'a missing setting',
    people().replace('      base_dn: dc=x\n', ''),
    ['8:5: connections.people.settings.base_dn is missing; add it.'],
  ],
  [
    'settings of wrong kinds',
    people('      start_tls: maybe\n      page_size: 1.5\n      flavour: novell\n      ca: none\n'),
    [
      '12:18: connections.people.settings.start_tls must be on or off.',
      '13:18: connections.people.settings.page_size must be a whole number.',
      '14:16: connections.people.settings.flavour must be openldap or active-directory.',
      '15:11: connections.people.settings.ca must be PEM certificates and nothing else; write | behind the key and the text indented below it.',
    ],
  ],
  ...['2027-02-31', '2027-5-1', '01.05.2027', '2027-05-01T12:00:00Z', 'soon'].map((day): [string, string, string[]] => [
    `${day} for a day`,
    people(`      password_expires: ${day}\n`),
    ['12:25: connections.people.settings.password_expires must be a day such as 2027-05-01 (year, month, day).'],
  ]),
  [
    'a number out of bounds',
    people('      page_size: 0\n'),
    ['12:18: connections.people.settings.page_size must be at least 1.'],
  ],
  [
    'another scheme',
    people().replace('ldaps://dc1', 'https://dc1'),
    ['9:12: connections.people.settings.url must begin with ldaps:// or ldap://.'],
  ],
  [
    'a password in the address',
    people().replace('ldaps://dc1', 'ldaps://u:hunter2@dc1'),
    ['9:12: connections.people.settings.url must not hold a user or password; use the settings made for them.'],
  ],
  [
    'a secret that is a number',
    people('', '      password: 12345\n'),
    ['11:17: connections.people.settings.password must be a text; put it in quotes.'],
  ],
  [
    'a secret that is a list',
    people('', '      password: [hunter2]\n'),
    ['11:17: connections.people.settings.password must be a text.'],
  ],
  [
    'an empty secret',
    people('', '      password: ""\n'),
    ['11:17: connections.people.settings.password is empty; fill it in or remove the line.'],
  ],
  [
    "another tenant's secret",
    people('', ref('env:OTHER__LDAP_PASSWORD')),
    [
      "11:17: connections.people.settings.password refers to OTHER__LDAP_PASSWORD, which is not this tenant's: its variables begin with ACME__; have the operator set one such as ACME__LDAP_PASSWORD.",
    ],
  ],
  [
    "a longer tenant's secret",
    people('', ref('env:ACME_EU__X')),
    [
      "11:17: connections.people.settings.password refers to ACME_EU__X, which is not this tenant's: its variables begin with ACME__; have the operator set one such as ACME__X.",
    ],
  ],
  [
    "the hub's own key",
    people('', ref('env:SLUICE_KEY')),
    [
      "11:17: connections.people.settings.password refers to SLUICE_KEY, which is not this tenant's: its variables begin with ACME__; have the operator set one such as ACME__PASSWORD.",
    ],
  ],
  [
    "the hub's database",
    people('', ref('env:DATABASE_URL')),
    [
      "11:17: connections.people.settings.password refers to DATABASE_URL, which is not this tenant's: its variables begin with ACME__; have the operator set one such as ACME__PASSWORD.",
    ],
  ],
  [
    'the bare prefix',
    people('', ref('env:ACME__')),
    [
      "11:17: connections.people.settings.password refers to ACME__, which is not this tenant's: its variables begin with ACME__; have the operator set one such as ACME__PASSWORD.",
    ],
  ],
  [
    'a secret file elsewhere',
    people('', ref('file:../other/password')),
    [
      '11:17: connections.people.settings.password must name one file in the folder acme below SLUICE_SECRETS, without slashes; for example ${file:ldap-password}.',
    ],
  ],
  [
    'half a reference',
    people('', ref('env:ACME__A').replace('password: ', 'password: hunter2')),
    [
      '11:17: connections.people.settings.password must be one reference and nothing else, ${env:NAME} or ${file:NAME}, or the secret itself.',
    ],
  ],
  [
    'a reference in an open setting',
    people().replace('dc=x', '${env:ACME__BASE}'),
    [
      '10:16: connections.people.settings.base_dn must not be a secret reference: only settings declared secret take ${env:…} and ${file:…}; write the value itself.',
    ],
  ],
  [
    'a cron that never fires',
    people('    schedule: "0 0 31 2 *"\n'),
    ['12:15: connections.people.schedule never fires: no month it names has such a day; correct the day or the month.'],
  ],
  [
    'a full cron that never fires',
    people('    full: "0 0 31 4,6,9,11 *"\n'),
    ['12:11: connections.people.full never fires: no month it names has such a day; correct the day or the month.'],
  ],
  [
    'a cron with seconds',
    people('    schedule: "*/5 * * * * *"\n'),
    [
      '12:15: connections.people.schedule has six fields; seconds are not possible, so drop the first field (once a minute is the most).',
    ],
  ],
  [
    'a cron without quotes',
    people('    schedule: */15 * * * *\n'),
    ['12:15: A text that begins with * or & must stand in quotes, for example "*/15 * * * *".'],
  ],
  [
    'a cron out of range',
    people('    schedule: 61 * * * *\n'),
    [
      '12:15: connections.people.schedule has a number out of range (minute 0-59, hour 0-23, day 1-31, month 1-12, day of week 0-7), a range from high to low, or a step of 0.',
    ],
  ],
  [
    'a cron that guesses',
    people('    schedule: H 3 * * *\n'),
    [
      '12:15: connections.people.schedule is wrong in its minute; use numbers, *, ranges like 1-5, lists like 1,3 and steps like */15.',
    ],
  ],
  [
    'a cron in words',
    people('    schedule: "@daily"\n'),
    [
      '12:15: connections.people.schedule must be written as five fields, for example "0 3 * * *" for every day at three.',
    ],
  ],
  [
    'a stream that the connector lacks',
    people('    streams:\n      lockers: {}\n'),
    ['13:7: There is no stream of the connector directory called lockers; there are users.'],
  ],
  [
    'fields that the model lacks',
    people('    streams:\n      users:\n        fields: { phon: x, birthday: y, phone: "*" }\n'),
    [
      '14:19: There is no field of users called phon; did you mean phone?',
      '14:28: There is no field of users called birthday; there are given_name, family_name, email, phone, job_title and department.',
      '14:48: connections.people.streams.users.fields.phone must be the name of one field of the source, at most 128 characters, without wildcards.',
    ],
  ],
  [
    'a scope outside the closed set',
    people('    streams:\n      users:\n        scope: { matches: { mail: "^a" } }\n'),
    [
      '14:16: connections.people.streams.users.scope must be one comparison (equals, in, starts-with, ends-with, present, and, or, not); join several with and: or or:.',
      '14:18: There is no comparison called matches; there are equals, in, starts-with, ends-with, present, and, or and not.',
    ],
  ],
  [
    'two comparisons in one',
    people('    streams:\n      users:\n        scope: { present: mail, equals: { a: b } }\n'),
    [
      '14:16: connections.people.streams.users.scope must be one comparison (equals, in, starts-with, ends-with, present, and, or, not); join several with and: or or:.',
    ],
  ],
  [
    'odd fields in a scope',
    people(
      '    streams:\n      users:\n        scope:\n          and:\n            - present: "*"\n            - equals: { constructor: x }\n            - not: { in: { a: [] } }\n            - not: { equals: { a: 5 } }\n',
    ),
    [
      '16:24: connections.people.streams.users.scope.and[0].present must be the name of one field of the source, at most 128 characters, without wildcards.',
      '17:25: connections.people.streams.users.scope.and[1].equals.constructor must be the name of one field of the source, at most 128 characters, without wildcards.',
      '18:31: connections.people.streams.users.scope.and[2].not.in.a is empty; list at least one.',
      '19:35: connections.people.streams.users.scope.and[3].not.equals.a must be a text; put it in quotes.',
    ],
  ],
  [
    'removals out of bounds',
    people('    streams:\n      users:\n        removals: { percent: 101, more_than: -1 }\n'),
    [
      '14:30: connections.people.streams.users.removals.percent must be at most 100.',
      '14:46: connections.people.streams.users.removals.more_than must be at least 0.',
    ],
  ],
  [
    'half a limit',
    people('    streams:\n      users:\n        removals: { percent: 10 }\n'),
    ['14:9: connections.people.streams.users.removals.more_than is missing; add it.'],
  ],
  [
    'renames that collide',
    `${people('    was: doors\n  a: { connector: cupboards, was: doors }\n  doors: { connector: cupboards }\n')}`,
    [
      '12:10: connections.people.was names a connection that this file still has; give the name it had before, or remove the line.',
      '13:35: connections.a.was names a connection that this file still has; give the name it had before, or remove the line.',
    ],
  ],
];

const inUsers = (key: string) => (value: string) => people(`    streams:\n      users:\n        ${key}: ${value}\n`);
const PLACES: ((value: string) => string)[] = [
  ...['users', 'features', 'notify', 'connections'].map((key) => (value: string) => `${head}${key}: ${value}\n`),
  ...['admit', 'sources', 'leaver_grace', 'domains'].map(
    (key) => (value: string) => `${people()}users:\n  ${key}: ${value}\n`,
  ),
  ...['was', 'paused', 'schedule', 'full', 'streams'].map((key) => (value: string) => people(`    ${key}: ${value}\n`)),
  ...['second_password', 'password_expires', 'filter', 'start_tls', 'page_size', 'flavour', 'ca'].map(
    (key) => (value: string) => people(`      ${key}: ${value}\n`),
  ),
  ...['scope', 'fields', 'removals'].map(inUsers),
  (value) => `${head}connections:\n  people: ${value}\n`,
  (value) => `${head}connections:\n  people: { connector: directory, settings: ${value} }\n`,
];

describe("validating a tenant's configuration", () => {
  for (const [oddity, text, sentences] of bad) {
    it(`refuses ${oddity}`, () => {
      const found = problems(text);
      expect(placed(found)).eql(sentences);
      expect(JSON.stringify(found)).not.contain('hunter2');
    });
  }

  it('never quotes a secret, wherever the syntax breaks', () => {
    const text = people('', '      password: hunter2\n');
    const secretAt = text.indexOf('hunter2');
    for (const broken of ['"', "'", '{', '[', ': ', '\t', '&', '!', '%', '@', '`', '- ', '? ', '|', '\\', '\n']) {
      for (const at of [secretAt - 10, secretAt, secretAt + 3, secretAt + 7]) {
        const result = validate(text.slice(0, at) + broken + text.slice(at));
        expect(JSON.stringify(result.ok ? result.warnings : result.problems)).not.match(/hun|ter2/);
      }
    }
  });

  it('refuses no schedule that fires, however rarely', () => {
    for (const cron of [
      '0 0 29 2 *',
      '0 0 31 2 1',
      '*/15 * * * *',
      '0 3 * * MON-FRI',
      '5,35 8-18/2 1 JAN,jul 7',
      '* * * * *',
    ]) {
      expect(problems(people(`    schedule: "${cron}"\n`)), cron).eql([]);
    }
  });

  it('takes on, off, true and false as our words', () => {
    const { draft } = draftOf(
      `${people('    paused: true\n      ').trimEnd()}\nfeatures: { lockers: on, occupancy: true, check-in: off, room-booking: false }\n`,
    );
    expect(draft.unresolved.features).eql(['lockers', 'occupancy']);
    expect(draft.unresolved.connections[0]!.paused).equal(true);
  });

  it('makes a draft that is complete: defaults, A-labels, milliseconds, sources', () => {
    const { draft } = draftOf(
      `${people()}users:\n  leaver_grace: 12h\n  domains: [Bücher.example, ACME.example]\nnotify:\n  - email: it@Bücher.example\n`,
    );
    const { users, connections, notify } = draft.unresolved;
    expect(users).eql({
      admit: 'first-logon',
      sources: ['people'],
      leaver_grace_ms: 43_200_000,
      domains: ['xn--bcher-kva.example', 'acme.example'],
    });
    expect(notify).eql([{ email: 'it@xn--bcher-kva.example' }]);
    expect(connections[0]!.settings).include({ start_tls: false, page_size: 1000, flavour: 'openldap' });
    expect(connections[0]!.streams).eql({ users: {} });
    expect(draft.references).eql([
      {
        kind: 'env',
        name: 'ACME__PASSWORD',
        target: { connection: 'people', setting: 'password' },
        line: 11,
        column: 17,
      },
    ]);
  });

  it('takes a window of days, either side of it, and says what is wrong with one', () => {
    const written = (window: string) => `
version: 1
tenant: acme
name: Acme
time_zone: Europe/Amsterdam
connections:
  m365:
    connector: microsoft-graph
    settings:
      tenant_id: 8f4c1f0e-3a52-4b0a-9c0e-2f6d5f5f6a11
      client_id: 5b0c2f9d-0d8e-4f5c-8d0a-6a1f3c9b7e22
      window: ${window}
`;
    const judged = (window: string) =>
      validateConfiguration(written(window), { file: 'acme.yaml', connectors: [graph] });
    for (const window of ['{ back: 1d, ahead: 90d }', '{ ahead: 30d }', '{ back: 0d }', '{}'])
      expect(judged(window).ok, window).to.equal(true);
    const wrong: readonly [string, RegExp][] = [
      ['{ ahead: 731d }', /window.ahead must be from 1d to 730d/],
      ['{ ahead: 0d }', /window.ahead must be from 1d to 730d/],
      ['{ back: 31d }', /window.back must be from 0d to 30d/],
      ['{ back: 12h }', /window.back must be whole days, for example 90d/],
      ['{ ahed: 30d }', /ahed; did you mean ahead/],
      ['90d', /window/],
    ];
    for (const [window, sentence] of wrong) {
      const { problems } = judged(window) as { problems: readonly unknown[] };
      expect(JSON.stringify(problems), window).to.match(sentence);
    }
  });

  it('follows a few aliases', () => {
    const both = '    streams:\n      users:\n        scope: &staff { equals: { employeeType: staff } }\n';
    const second = `  more:\n    connector: directory\n${settings}${password}    streams: { users: { scope: *staff } }\n`;
    const { draft } = draftOf(people(both + second));
    expect(draft.unresolved.connections[1]!.streams.users).eql({ scope: { equals: { employeeType: 'staff' } } });
  });

  it('warns about what is probably not meant', () => {
    const { warnings } = draftOf(
      `${people('    streams:\n      users:\n        scope: { not: { equals: { employeType: contractor } } }\n', '      password: hunter2\n')}features:\n  room-booking: on\n  lockers: on\n  people-directory: on\n`,
    );
    expect(placed(warnings)).eql([
      '11:17: connections.people.settings.password holds the secret itself; whoever can read this file can read it. Use a reference to the environment or a file.',
      '14:48: The field employeType is not one that directory documents; did you mean employeeType?',
      '16:3: Nothing supplies room-booking yet: no connector of this version does. It stays on and empty until one does.',
      "17:3: Nothing supplies lockers: none of this file's connections can; add one that does, or switch it off.",
    ]);
  });

  it('answers any text within a second, without a throw', function () {
    this.timeout(60_000);
    const words = [
      'a: ',
      '- ',
      '? ',
      ': ',
      '{',
      '}',
      '[',
      ']',
      '"',
      "'",
      '|\n',
      '>\n',
      '&a ',
      '*a ',
      '!t ',
      '%Y\n',
      '---\n',
      '...\n',
      '#',
      '\n',
      '  ',
      '\t',
      '\r',
      ',',
      'x',
      '<<: ',
      '\u0000',
      '\ud800',
      '\ufeff',
      '__proto__: ',
      'connections:\n',
      '  people:\n',
      '    connector: directory\n',
      '${env:',
    ];
    const soup = fc.array(fc.constantFrom(...words), { maxLength: 400 }).map((parts) => parts.join(''));
    const flood = fc
      .tuple(fc.constantFrom(...words), fc.integer({ min: 1, max: 60_000 }))
      .map(([word, times]) => word.repeat(Math.floor(Math.min(times, 64_000 / word.length))));
    const after = fc.oneof(soup, flood, fc.string({ unit: 'binary', maxLength: 500 }));
    const file = fc
      .tuple(fc.constantFrom('', head, people(), people('    streams:\n      users:\n        scope:\n')), after)
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(file, (text) => {
        // Time of this process, so that a busy machine does not fail the test.
        const before = process.cpuUsage();
        const result = validate(text);
        const { user, system } = process.cpuUsage(before);
        expect((user + system) / 1000).lessThan(1000);
        for (const problem of result.ok ? result.warnings : result.problems) {
          expect(problem.line).greaterThan(0);
          expect(problem.column).greaterThan(0);
          expect(problem.sentence).match(/^[^\n]{5,}[.?]$/);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('answers any value in any place with problems at places, without a throw', () => {
    const place = fc.constantFrom(...PLACES);
    fc.assert(
      fc.property(place, fc.jsonValue({ maxDepth: 4 }), (where, value) => {
        // JSON is YAML: the value stands on one line in the place of what was there.
        const result = validate(where(JSON.stringify(value)));
        if (!result.ok) expect(result.problems).not.eql([]);
        for (const problem of result.ok ? [] : result.problems) {
          expect(problem.line).greaterThan(0);
          expect(problem.sentence).match(/^[^\n]{5,}[.?]$/);
        }
      }),
      { numRuns: 1500 },
    );
  });

  it('publishes the same as JSON Schema', () => {
    const schema = JSON.stringify(configurationJsonSchema(connectors));
    expect(schema)
      .contain('2020-12')
      .contain('"page_size"')
      .contain('starts-with')
      .contain('Entries at a time.')
      .contain('"job_title"');
    expect(schema).contain('"additionalProperties":false').contain('"writeOnly":true').contain('"people-directory"');
    expect(JSON.stringify(configurationJsonSchema([]))).contain('time_zone');
  });
});

const example = new URL('../../config/acme.example.yaml', import.meta.url);

describe('the example of a configuration', () => {
  it('validates with the real connector, with a warning for each feature that nothing supplies yet', () => {
    const result = validateConfiguration(readFileSync(example, 'utf8'), {
      file: 'acme.example.yaml',
      connectors: [ldap],
    });
    expect(result.ok || placed(result.problems)).equal(true);
    if (result.ok)
      expect(result.warnings.map((warning) => warning.path)).eql(['features.room-booking', 'features.hybrid-meetings']);
  });
});
