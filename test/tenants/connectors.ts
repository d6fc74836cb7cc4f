import {
  certificates,
  choice,
  complete,
  connector,
  expiry,
  flag,
  integer,
  optionalSecret,
  optionalText,
  secret,
  text,
  url,
} from '../../src/contract/index.ts';

/** Connectors with a setting of every kind; they are declared here and never run. */
async function* nothing() {
  yield complete();
}
const never = async () => ({ findings: [] });

const directory = connector({
  name: 'directory',
  summary: 'People from a directory.',
  version: 1,
  network: 'none',
  permission: 'none',
  knownFields: ['employeeType', 'telephoneNumber'],
  settings: {
    url: url('Where it is.', { example: 'ldaps://dc1.acme.example', schemes: ['ldaps:', 'ldap:'] }),
    password: secret('The password.'),
    second_password: optionalSecret('Another password.'),
    password_expires: expiry('password', 'The day on which it ends.'),
    base_dn: text('Where people are.'),
    filter: optionalText('Which entries.'),
    start_tls: flag('Whether to upgrade.', false),
    page_size: integer('Entries at a time.', { default: 1000, min: 1, max: 5000 }),
    flavour: choice('Which vendor.', ['openldap', 'active-directory'], { default: 'openldap' }),
    ca: certificates('Private authorities.'),
  },
  streams: {
    users: {
      key: 'entryUUID',
      match: { email: 'mail' },
      keep: { email: 'mail', given_name: 'givenName', job_title: 'title' },
      read: nothing,
    },
  },
  check: never,
});

const cupboards = connector({
  name: 'cupboards',
  summary: 'Lockers from a file.',
  version: 1,
  network: 'none',
  permission: 'none',
  settings: { url: url('Where it is.', { default: 'https://lockers.example/' }) },
  streams: { lockers: { key: 'No', keep: { number: 'No' }, read: nothing } },
  check: never,
});

export const connectors = [directory, cupboards];
