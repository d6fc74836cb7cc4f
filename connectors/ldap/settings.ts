import {
  certificates,
  flag,
  integer,
  NeedsAttention,
  optionalText,
  type SettingsOf,
  secret,
  text,
  url,
} from '../../src/contract/index.ts';

export const settings = {
  url: url('Where the directory is: `ldaps://` (TLS from the start, port 636) or `ldap://` (port 389).', {
    example: 'ldaps://dc1.acme.example',
    schemes: ['ldaps:', 'ldap:'],
  }),
  start_tls: flag('With `ldap://`: switch to TLS before signing in (StartTLS).', false),
  ca: certificates('The certificate of the authority that signed the server’s, if it is a private one (PEM).'),
  bind_dn: text('The read-only account: its distinguished name; with Active Directory also `name@domain`.', {
    example: 'cn=reader,ou=services,dc=acme,dc=example',
  }),
  bind_password: secret('The password of that account.'),
  base_dn: text('The branch that holds the people; nothing outside it is read.', {
    example: 'ou=people,dc=acme,dc=example',
  }),
  filter: optionalText(
    'Which entries are people (RFC 4515). By itself: (objectClass=inetOrgPerson), with Active Directory (&(objectCategory=person)(objectClass=user)).',
    { example: '(&(objectClass=inetOrgPerson)(employeeType=staff))' },
  ),
  directory: optionalText('The name under which log-ons know this directory; by itself the connection’s name.', {
    ours: true,
  }),
  page_size: integer('Entries asked for at a time.', { default: 1000, min: 1, max: 10_000 }),
  timeout_s: integer('Seconds without an answer after which the directory counts as stalled.', {
    default: 30,
    min: 1,
    max: 600,
  }),
};
export type LdapSettings = SettingsOf<typeof settings>;

/** Where `url` points. @throws NeedsAttention */
export function endpointOf(address: string): { host: string; port: number; tls: boolean } {
  const parsed = URL.parse(address);
  if (!parsed || !['ldap:', 'ldaps:'].includes(parsed.protocol) || parsed.hostname === '')
    throw new NeedsAttention('The setting `url` is not an address such as ldaps://dc1.acme.example: correct it.');
  const extra = [parsed.username, parsed.password, parsed.pathname.replace(/^\/$/, ''), parsed.search, parsed.hash];
  if (extra.some((part) => part !== ''))
    throw new NeedsAttention(
      'The setting `url` holds more than a host and a port: put the base DN into `base_dn`, the account into `bind_dn`, its password into `bind_password`.',
    );
  const tls = parsed.protocol === 'ldaps:';
  return {
    host: parsed.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: parsed.port === '' ? (tls ? 636 : 389) : Number(parsed.port),
    tls,
  };
}
