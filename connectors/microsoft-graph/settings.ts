import {
  certificates,
  choice,
  daysAround,
  daysOf,
  expiry,
  flag,
  integer,
  NeedsAttention,
  optionalFlag,
  optionalSecret,
  optionalText,
  type SettingsOf,
  text,
  texts,
  url,
} from '../../src/contract/index.ts';

export const settings = {
  tenant_id: text('The directory (tenant) ID of your Microsoft 365, a GUID.', {
    example: '8f4c1f0e-3a52-4b0a-9c0e-2f6d5f5f6a11',
  }),
  client_id: text('The application (client) ID of the app registration made for Sluice, a GUID.', {
    example: '5b0c2f9d-0d8e-4f5c-8d0a-6a1f3c9b7e22',
  }),
  client_secret: optionalSecret('A client secret of that app registration; a certificate is the better sign-in.'),
  client_secret_expires: expiry(
    'client_secret',
    'The day on which that client secret ends, as the app registration shows it: then you are told in time.',
  ),
  certificate: optionalSecret('The certificate of that app registration with its private key, as PEM text.'),
  workload_identity: optionalFlag(
    'Sign in as the machine the hub runs on, without a secret; the operator must allow it (SLUICE_WORKLOAD_IDENTITY).',
  ),
  mailboxes: texts(
    'Whose calendars are read as those of rooms: addresses of rooms, the address of a room list, or the object ID of a group.',
  ),
  window: daysAround('Days before and after today that are read of each calendar.', {
    default: { back: '1d', ahead: '90d' },
    most: { back: 30, ahead: 730 },
  }),
  reading: choice(
    'How calendars are read: `changes` asks for what changed, whole; `window` for everything each time, of it no subject, text or attendee.',
    ['changes', 'window'],
    { default: 'changes' },
  ),
  people_calendars: choice(
    'What is asked of the calendars of users who opted in to hybrid-meetings: when they are busy; that and in which of your rooms; or nothing.',
    ['free-busy', 'free-busy-and-rooms', 'off'],
    { default: 'free-busy' },
  ),
  in_flight: integer('Requests that may be under way at the same time.', { default: 4, min: 1, max: 16 }),
  notifications: flag(
    'Whether Microsoft tells the hub of changes at once; it must be reachable from the internet, at SLUICE_PUBLIC_URL.',
    false,
  ),
  directory: optionalText(
    'Another name under which log-ons know this directory; by itself it is `entra:` and the tenant ID in lower case.',
    { example: 'entra:8f4c1f0e-3a52-4b0a-9c0e-2f6d5f5f6a11', ours: true },
  ),
  on_premises_directory: optionalText(
    'The name of the Active Directory that your people are synchronised from: with it, people are also recognised by their objectGUID there. Only where the same organisation runs both.',
    { example: 'people', ours: true },
  ),
  graph_url: url('Where Microsoft Graph is; another only for national clouds.', {
    default: 'https://graph.microsoft.com',
  }),
  login_url: url('Where Microsoft Entra signs applications in; another only for national clouds.', {
    default: 'https://login.microsoftonline.com',
  }),
  ca: certificates('The certificate of the authority that signed the servers’, if it is a private one (PEM).'),
};
export type GraphSettings = SettingsOf<typeof settings>;

/** The window of each calendar. */
export const windowOf = ({ window }: GraphSettings) => daysOf(window, settings.window);

export const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export type Credential =
  | { readonly by: 'client_secret'; readonly secret: string }
  | { readonly by: 'certificate'; readonly pem: string }
  | { readonly by: 'workload_identity' };

/** The one way to sign in that is set. @throws NeedsAttention none or several are, or an ID is no GUID */
export function credentialOf(given: GraphSettings): Credential {
  for (const name of ['tenant_id', 'client_id'] as const)
    if (!GUID.test(given[name].trim()))
      throw new NeedsAttention(
        `The setting ${name} is not a GUID such as 8f4c1f0e-3a52-4b0a-9c0e-2f6d5f5f6a11: copy it from the overview of the app registration.`,
      );
  for (const name of ['client_secret', 'certificate'] as const)
    if (given[name]?.trim() === '')
      throw new NeedsAttention(
        `The setting ${name} is empty, so the sign-in has nothing to show: enter it, or remove the setting.`,
      );
  const set: Credential[] = [];
  if (given.client_secret !== undefined) set.push({ by: 'client_secret', secret: given.client_secret });
  if (given.certificate !== undefined) set.push({ by: 'certificate', pem: given.certificate });
  if (given.workload_identity) set.push({ by: 'workload_identity' });
  const [one] = set;
  if (!one || set.length > 1)
    throw new NeedsAttention(
      `The sign-in needs exactly one of client_secret, certificate and workload_identity, and ${set.length === 0 ? 'none' : set.map(({ by }) => by).join(' and ')} is set: see "Sign-in" in the README of microsoft-graph.`,
    );
  return one;
}

/** `https://host[:port]` of an address whose path, if it has one, is nobody's business. @throws NeedsAttention */
export function originOf(name: 'graph_url' | 'login_url', given: GraphSettings): string {
  const parsed = URL.parse(given[name]);
  if (parsed?.protocol !== 'https:' || parsed.pathname !== '/' || parsed.search !== '' || parsed.username !== '')
    throw new NeedsAttention(
      `The setting ${name} is not an address such as ${settings[name].default}: enter https:// and the host, nothing behind it.`,
    );
  return parsed.origin;
}
