import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { nearest } from '../base/nearest.ts';
import type { Connector } from '../contract/connector.ts';
import type { Scope } from '../contract/scope.ts';
import type { SettingDeclaration, SettingsShape } from '../contract/settings.ts';
import { featureNames } from '../model/features.ts';
import { streams as modelStreams, type StreamDeclaration, type StreamName } from '../model/model.ts';
import { wrongCron } from './cron.ts';
import { parseDuration } from './duration.ts';
import {
  isPlausibleField,
  MAX_NAME_LENGTH,
  NAME,
  normaliseDomain,
  normaliseNotifyEmail,
  wrongConnectionName,
  wrongTenantName,
} from './names.ts';

/**
 * A tenant's configuration as zod schemas, from which the JSON Schema, the checks and the did-you-mean follow. An
 * error's text is the end of a sentence that begins with the path; it never quotes a value.
 */

/** What the keys of a map are, for "There is no … called". */
export const nouns = z.registry<{ noun: string }>();

const keyed = <S extends z.core.$ZodLooseShape>(noun: string, shape: S) =>
  z.strictObject(shape).register(nouns, { noun });

/** A check whose sentence depends on the value. */
const sentenced = (wrong: (value: string) => string | undefined) => (context: z.core.ParsePayload<string>) => {
  const message = wrong(context.value);
  if (message) context.issues.push({ code: 'custom', input: context.value, message });
};
const word = (wrong: (value: string) => string | undefined) => z.string().min(1).check(sentenced(wrong));

const refuseReference = (value: string) =>
  /\$\{\s*(?:env|file)\b/i.test(value)
    ? `must not be a secret reference: only settings declared secret take \${env:…} and \${file:…}; write the value itself`
    : undefined;
const oneLine = (value: string) => (/[\r\n]/.test(value) ? 'must be a single line' : undefined);

export const line = (max = 256) =>
  z
    .string()
    .min(1)
    .max(max)
    .check(sentenced((value) => oneLine(value) ?? refuseReference(value)));

export const onOff = z.literal(['on', 'off', true, false]);
export const isOn = (value: z.output<typeof onOff> | undefined) => value === 'on' || value === true;

const tenantName = word(wrongTenantName).meta({ pattern: NAME.source, maxLength: MAX_NAME_LENGTH });
const connectionName = word(wrongConnectionName).meta({ pattern: NAME.source, maxLength: MAX_NAME_LENGTH });

const timeZone = word((value) => {
  const known = [...Intl.supportedValuesOf('timeZone'), 'UTC'];
  if (known.includes(value) || (/^[A-Z]/.test(value) && isTimeZone(value))) return undefined;
  const meant = known.find((zone) => zone.toLowerCase() === value.toLowerCase()) ?? nearest(value, known);
  return `is no IANA time zone; ${meant ? `did you mean ${meant}?` : 'for example Europe/Amsterdam'}`;
}).describe('IANA time zone of the schedules, for example Europe/Amsterdam.');

/** Aliases such as Asia/Calcutta are known to Intl and missing from its list. */
function isTimeZone(value: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: value });
    return true;
  } catch {
    return false;
  }
}

const cron = word(wrongCron).describe("Cron expression of five fields in the tenant's time zone.");

const MAX_GRACE = '90d';
const grace = word((value) => {
  const ms = parseDuration(value);
  if (ms === undefined) return 'must be a number with d, h or m, for example 7d or 12h';
  return ms > parseDuration(MAX_GRACE)! ? `must be at most ${MAX_GRACE}` : undefined;
}).meta({
  pattern: '^\\d{1,6}[mhd]$',
  description: `How long a leaver can come back as the same user; at most ${MAX_GRACE}.`,
});

const domain = word((value) =>
  normaliseDomain(value)
    ? undefined
    : `must be a domain such as acme.example${value.includes('@') ? ', without anything before the @ or the @ itself' : ', without wildcards, schemes or paths'}`,
);
const email = word((value) =>
  normaliseNotifyEmail(value) ? undefined : 'must be one e-mail address, for example it@acme.example',
);

const webUrl = word((value) => {
  const parsed = URL.parse(value);
  if (parsed?.protocol !== 'https:' || parsed.hash) return 'must be an https:// address';
  return parsed.username || parsed.password ? 'must not hold a user or password; use secret: instead' : undefined;
});

/** Secrets: any text here; whether a reference is one of this tenant's is known only with its name. */
export const secretText = z.string().min(1).max(16_384);

const users = keyed('key in users', {
  admit: z.literal(['first-logon', 'assigned']).optional(),
  sources: z
    .array(connectionName)
    .max(100)
    .optional()
    .describe('Connections in order: whose word counts first, field by field.'),
  leaver_grace: grace.optional(),
  domains: z.array(domain).max(1000).optional().describe('E-mail domains that are admitted; absent or empty: any.'),
});

const features = keyed(
  'feature',
  Object.fromEntries(featureNames.map((name) => [name, onOff.optional()])) as Record<
    string,
    z.ZodOptional<typeof onOff>
  >,
);

const notify = keyed('key in notify', {
  email: email.optional(),
  webhook: webUrl.optional(),
  secret: secretText.optional(),
})
  .refine((one) => (one.email === undefined) !== (one.webhook === undefined), {
    error: 'must hold either email or webhook; make one entry of each',
  })
  .refine((one) => one.secret === undefined || one.webhook !== undefined, {
    error: 'has a secret without a webhook; remove it',
  });

// ── scope ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const field = word((value) =>
  isPlausibleField(value)
    ? undefined
    : 'must be the name of one field of the source, at most 128 characters, without wildcards',
);
const compared = z
  .string()
  .max(1024)
  .check(sentenced((value) => oneLine(value) ?? refuseReference(value)));
const byField = <T extends z.core.SomeType>(value: T) =>
  z.record(field, value).refine((fields) => Object.keys(fields).length > 0, { error: 'must name a field' });

type Operator = Scope extends infer One ? (One extends unknown ? keyof One : never) : never;
/** The compiler demands an operand for every comparison of the contract and refuses any other. */
const scopeShape = {
  equals: byField(compared).optional(),
  in: byField(z.array(compared).min(1).max(1000)).optional(),
  'starts-with': byField(compared).optional(),
  'ends-with': byField(compared).optional(),
  present: field.optional(),
  get and() {
    return z.array(scope).min(1).max(100).optional();
  },
  get or() {
    return z.array(scope).min(1).max(100).optional();
  },
  get not() {
    return scope.optional();
  },
} satisfies Record<Operator, z.ZodType>;

const scope: z.ZodType<Partial<Record<Operator, unknown>>> = keyed('comparison', scopeShape)
  .refine((one) => Object.keys(one).length === 1, {
    error: `must be one comparison (${Object.keys(scopeShape).join(', ')}); join several with and: or or:`,
  })
  .meta({ minProperties: 1, maxProperties: 1, description: 'Which records of the source this is about.' });

// ── connections ────────────────────────────────────────────────────────────────────────────────────────────────────

const removals = keyed('key in removals', {
  percent: z.number().min(0).max(100).describe('More than this share of the rows …'),
  more_than: z.int().min(0).max(1_000_000).describe('… and more than this many rows wait for a person.'),
});

function settingSchema(setting: SettingDeclaration): z.ZodType {
  switch (setting.kind) {
    case 'text':
      return line(4096);
    case 'secret':
      return secretText;
    case 'url':
      return word((value) => wrongUrl(value, setting.schemes ?? []) ?? oneLine(value) ?? refuseReference(value));
    case 'flag':
      return onOff;
    case 'integer':
      return z
        .int()
        .min(setting.min ?? Number.MIN_SAFE_INTEGER)
        .max(setting.max ?? Number.MAX_SAFE_INTEGER);
    case 'choice':
      return z.literal([...(setting.choices ?? [])]);
    case 'texts':
      return z.array(line(4096)).max(1000);
    case 'days-around':
      return keyed('key in a window', {
        back: days(0, setting.most?.back ?? 0).optional(),
        ahead: days(1, setting.most?.ahead ?? 0).optional(),
      });
    case 'expiry':
      return word((value) => refuseReference(value) ?? wrongDay(value));
    case 'certificates':
      return word((value) => refuseReference(value) ?? wrongCertificates(value));
  }
}

const days = (least: number, most: number) =>
  word((value) => {
    if (!/^\d{1,5}d$/.test(value)) return 'must be whole days, for example 90d';
    const count = Number(value.slice(0, -1));
    return count < least || count > most ? `must be from ${least}d to ${most}d` : undefined;
  }).meta({ pattern: '^\\d{1,5}d$', description: `Whole days, from ${least}d to ${most}d.` });

function wrongUrl(value: string, schemes: readonly string[]): string | undefined {
  const parsed = URL.parse(value);
  if (!parsed || parsed.hostname === '') return `must be an address such as ${schemes[0] ?? 'https:'}//host.example`;
  if (parsed.username || parsed.password) return 'must not hold a user or password; use the settings made for them';
  return schemes.includes(parsed.protocol)
    ? undefined
    : `must begin with ${schemes.map((scheme) => `${scheme}//`).join(' or ')}`;
}

function wrongDay(value: string): string | undefined {
  const day = /^\d{4}-\d\d-\d\d$/.test(value) ? new Date(`${value}T00:00:00Z`) : undefined;
  // The thirty-first of February would be read as one of March.
  return day && !Number.isNaN(day.getTime()) && day.toISOString().startsWith(value)
    ? undefined
    : 'must be a day such as 2027-05-01 (year, month, day)';
}

const PEM = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

function wrongCertificates(value: string): string | undefined {
  if (value.length > 60_000) return 'is too long; give only the authorities that sign this server';
  const blocks = value.match(PEM) ?? [];
  const readable = blocks.every((block) => {
    try {
      return Boolean(new X509Certificate(block));
    } catch {
      return false;
    }
  });
  return blocks.length > 0 && readable && value.replace(PEM, '').trim() === ''
    ? undefined
    : 'must be PEM certificates and nothing else; write | behind the key and the text indented below it';
}

/** A setting that may be left out is optional; a default is filled in when the draft is made. */
function settingsSchema(connector: Connector) {
  const shape = Object.entries(connector.settings as SettingsShape).map(([name, setting]) => {
    const example = setting.example === undefined ? {} : { examples: [setting.example] };
    const schema = settingSchema(setting).meta({
      description: setting.description,
      ...example,
      ...('default' in setting ? { default: setting.default } : {}),
      ...(setting.kind === 'secret' ? { writeOnly: true } : {}),
    });
    return [name, setting.required ? schema : schema.optional()] as const;
  });
  return keyed(`setting of the connector ${connector.name}`, Object.fromEntries(shape));
}

function streamSchema(connector: Connector, name: StreamName) {
  const declaration: StreamDeclaration = modelStreams[name];
  const fields = Object.fromEntries(Object.keys(declaration.fields).map((ours) => [ours, field.optional()]));
  return keyed(`key in a stream of the connector ${connector.name}`, {
    scope: scope.optional(),
    fields: keyed(`field of ${name}`, fields).optional().describe('Ours on the left, theirs on the right.'),
    removals: removals.optional(),
  });
}

function connectionSchema(connector: Connector) {
  const settings = settingsSchema(connector);
  const needsSettings = Object.values(connector.settings as SettingsShape).some((setting) => setting.required);
  const streamNames = Object.keys(connector.streams) as StreamName[];
  const streams = Object.fromEntries(streamNames.map((name) => [name, streamSchema(connector, name).optional()]));
  return keyed('key in a connection', {
    connector: z.literal(connector.name).describe(connector.summary),
    was: connectionName.optional().describe('The name it had until now.'),
    paused: onOff.optional().describe('on keeps it idle; off says nothing: the live switch is pause and resume.'),
    schedule: cron.optional(),
    full: cron.optional().describe('When everything is read again, if the connector can read changes alone.'),
    settings: needsSettings ? settings : settings.optional(),
    streams: keyed(`stream of the connector ${connector.name}`, streams).optional(),
  });
}

/** The whole file, for the connectors this hub has. */
export function configurationSchema(connectors: readonly Connector[]) {
  const [first, ...others] = connectors.map(connectionSchema);
  const connection = first ? z.discriminatedUnion('connector', [first, ...others]) : z.never();
  return keyed('key', {
    version: z.literal(1).describe('The version of this format.'),
    tenant: tenantName,
    name: line().describe('The name people know the tenant by.'),
    time_zone: timeZone,
    users: users.optional(),
    features: features.optional(),
    notify: z
      .array(notify)
      .max(100)
      .optional()
      .describe('Who is told when something is held, failing, well again or about to expire.'),
    connections: z.record(connectionName, connection).optional(),
  });
}

/** The same as JSON Schema (2020-12), for editors and for `validate`'s readers. */
export function configurationJsonSchema(connectors: readonly Connector[]): object {
  return z.toJSONSchema(configurationSchema(connectors), { io: 'input' });
}
