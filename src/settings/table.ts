import {
  addresses,
  base64Key,
  choiceOf,
  databaseUrl,
  host,
  origin,
  type Parsed,
  path,
  pem,
  pemFile,
  port,
  proxyUrl,
  smtpUrl,
  tokenFiles,
  words,
} from './values.ts';

/** One setting of the operator. The compiler demands every column: a setting nobody described cannot be added. */
export interface OperatorSetting<T> {
  readonly env: string;
  readonly description: string;
  /** What stands when it is not set, in words for the table; `parse(undefined)` gives the value. */
  readonly default: string;
  /** Whether its value is never shown: it is, or may hold, a password or a key. */
  readonly secret: boolean;
  readonly parse: (text: string | undefined) => Parsed<T>;
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** In the order in which `sluice settings` shows them. */
export const settings = {
  databaseUrl: {
    env: 'DATABASE_URL',
    description: 'Where rows live: the runtime role of a PostgreSQL database.',
    default: 'embedded PostgreSQL',
    secret: true,
    parse: databaseUrl,
  },
  databaseMigrateUrl: {
    env: 'DATABASE_MIGRATE_URL',
    description: "The same database as its owner's role, for migrate.",
    default: 'the same as DATABASE_URL',
    secret: true,
    parse: databaseUrl,
  },
  data: {
    env: 'SLUICE_DATA',
    description: 'Folder of the embedded database (or a pointer to it) and of generated keys.',
    default: '.sluice',
    secret: false,
    parse: path('.sluice'),
  },
  key: {
    env: 'SLUICE_KEY',
    description: "32 bytes in base64: wraps the tenants' keys.",
    default: 'generated with the embedded database (evaluation only); required otherwise',
    secret: true,
    parse: base64Key,
  },
  keyPrevious: {
    env: 'SLUICE_KEY_PREVIOUS',
    description: 'The key before a rotation: what it wrapped still opens.',
    default: 'none',
    secret: true,
    parse: base64Key,
  },
  port: {
    env: 'SLUICE_PORT',
    description: 'Port the hub listens on.',
    default: '8420',
    secret: false,
    parse: port(8420),
  },
  host: {
    env: 'SLUICE_HOST',
    description: 'Address the hub listens on; any other than loopback needs TLS or a trusted proxy.',
    default: '127.0.0.1',
    secret: false,
    parse: host('127.0.0.1'),
  },
  tlsCert: {
    env: 'SLUICE_TLS_CERT',
    description: 'Certificate chain of the hub, PEM (usually as SLUICE_TLS_CERT_FILE).',
    default: 'none',
    secret: false,
    parse: pem('CERTIFICATE'),
  },
  tlsKey: {
    env: 'SLUICE_TLS_KEY',
    description: 'Private key of that certificate, PEM (usually as SLUICE_TLS_KEY_FILE).',
    default: 'none',
    secret: true,
    parse: pem('PRIVATE KEY'),
  },
  trustProxy: {
    env: 'SLUICE_TRUST_PROXY',
    description: 'CIDRs of the proxies in front of the hub that end TLS; only their X-Forwarded-* count.',
    default: 'none',
    secret: false,
    parse: addresses,
  },
  secrets: {
    env: 'SLUICE_SECRETS',
    description: "Below it, one folder per tenant, for the file references of the tenant's configuration.",
    default: '/run/secrets',
    secret: false,
    parse: path('/run/secrets'),
  },
  publicUrl: {
    env: 'SLUICE_PUBLIC_URL',
    description: 'What the outside calls; without it pushes and notifications are off and schedules carry on.',
    default: 'none',
    secret: false,
    parse: origin,
  },
  allowAddresses: {
    env: 'SLUICE_ALLOW_ADDRESSES',
    description: '[tenant=]CIDR[:ports], …: what connections may reach beyond public addresses.',
    default: 'none',
    secret: false,
    parse: addresses,
  },
  allowCleartext: {
    env: 'SLUICE_ALLOW_CLEARTEXT',
    description: '[tenant=]CIDR[:ports], …: where a password may travel without TLS.',
    default: 'none',
    secret: false,
    parse: addresses,
  },
  proxy: {
    env: 'SLUICE_PROXY',
    description: 'Outbound proxy for connections; http_proxy and its kin are ignored.',
    default: 'none',
    secret: true,
    parse: proxyUrl,
  },
  noProxy: {
    env: 'SLUICE_NO_PROXY',
    description: 'Hosts and CIDRs that are reached without the proxy.',
    default: 'none',
    secret: false,
    parse: words,
  },
  extraCa: {
    env: 'SLUICE_CA_FILE',
    description: 'File with further certificate authorities to trust, PEM.',
    default: 'none',
    secret: false,
    parse: pemFile,
  },
  workloadIdentity: {
    env: 'SLUICE_WORKLOAD_IDENTITY',
    description:
      'TENANT=/path/to/token, …: which tenants may sign in with a token of this machine (workload identity federation), each with its own.',
    default: 'none',
    secret: false,
    parse: tokenFiles,
  },
  smtpUrl: {
    env: 'SLUICE_SMTP_URL',
    description: 'Mail server for notices; without it they stand in the runs and the log.',
    default: 'none',
    secret: true,
    parse: smtpUrl,
  },
  operator: {
    env: 'SLUICE_OPERATOR',
    description: 'Who runs the hub, for the record of processing.',
    default: 'not stated',
    secret: false,
    parse: words,
  },
  region: {
    env: 'SLUICE_REGION',
    description: 'Where the data is kept, for the record of processing.',
    default: 'not stated',
    secret: false,
    parse: words,
  },
  subprocessors: {
    env: 'SLUICE_SUBPROCESSORS',
    description: 'Who else processes the data, for the record of processing.',
    default: 'not stated',
    secret: false,
    parse: words,
  },
  log: {
    env: 'SLUICE_LOG',
    description: `How much is logged: ${LOG_LEVELS.join(', ')}.`,
    default: 'info',
    secret: false,
    parse: choiceOf(LOG_LEVELS, 'info'),
  },
} as const satisfies Record<string, OperatorSetting<unknown>>;

type Table = typeof settings;
type ValueOf<P> = P extends { readonly value: infer T } ? T : never;

/** Parsed. `undefined` is "not set, and there is no default". Address lists stay text: the network guard reads them. */
export type OperatorSettings = { readonly [K in keyof Table]: ValueOf<ReturnType<Table[K]['parse']>> };
