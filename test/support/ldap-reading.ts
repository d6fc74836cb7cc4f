/** What tests of the LDAP connector share: a context as the hub would give it, and all items of a reading. */
import ldap from '../../connectors/ldap/index.ts';
import type { LdapSettings } from '../../connectors/ldap/settings.ts';
import type {
  CheckReport,
  Item,
  Net,
  PersonSought,
  ReadContext,
  Scope,
  SettingsShape,
  SourceRecord,
} from '../../src/contract/index.ts';
import { decoded, streamOf } from '../../src/contract/index.ts';
import { parseAddressRules } from '../../src/sync/net/index.ts';
import { netForTests } from './guarded-net.ts';

export const usersStream = streamOf(ldap, 'users')!;

/** All four roles of the declaration, as the hub would send them with every feature on. */
export const allFields = [
  ...new Set(
    [
      usersStream.key,
      ...Object.values(usersStream.match ?? {}),
      ...Object.keys(usersStream.decide ?? {}),
      ...Object.values(usersStream.keep),
    ].flat() as string[],
  ),
];

/** The real guarded network, which lets passwords travel in clear to loopback. */
export const clearNet = (signal?: AbortSignal): Net =>
  netForTests({ rules: { cleartext: parseAddressRules('acme=127.0.0.0/8') }, ...(signal ? { signal } : {}) });

export interface Asked {
  settings: Partial<LdapSettings> & { url: string };
  net?: Net;
  fields?: readonly string[];
  scope?: Scope;
  signal?: AbortSignal;
}

export function contextFor({ settings, net, fields = allFields, scope, signal }: Asked): ReadContext<SettingsShape> {
  return {
    settings: {
      start_tls: false,
      ca: undefined,
      bind_dn: 'cn=reader,ou=services,dc=acme,dc=example',
      bind_password: 'reader-secret',
      base_dn: 'ou=people,dc=acme,dc=example',
      filter: undefined,
      directory: undefined,
      page_size: 1000,
      timeout_s: 5,
      ...settings,
    },
    net: net ?? clearNet(signal),
    fields,
    scope,
    now: new Date(),
    partition: '',
    mode: 'full',
    state: null,
    signal: signal ?? new AbortController().signal,
  };
}

export const readItems = (asked: Asked): AsyncIterable<Item> => usersStream.read(contextFor(asked));

export interface Reading {
  records: SourceRecord[];
  skipped: (string | undefined)[];
  pages: number;
  complete: boolean;
  error: unknown;
}

/** All of a reading, and how it ended. */
export async function readAll(asked: Asked): Promise<Reading> {
  const reading: Reading = { records: [], skipped: [], pages: 0, complete: false, error: undefined };
  try {
    for await (const told of readItems(asked)) {
      if (reading.complete) throw new Error('something came after complete()');
      for (const item of decoded(told)) {
        if (item.item === 'records') reading.records.push(...item.records);
        else if (item.item === 'skip') reading.skipped.push(item.key);
        else if (item.item === 'page') reading.pages += 1;
        else if (item.item === 'complete') reading.complete = true;
      }
    }
  } catch (error) {
    reading.error = error;
  }
  return reading;
}

export async function lookUp(asked: Asked, people: readonly PersonSought[]): Promise<SourceRecord[]> {
  const found: SourceRecord[] = [];
  for await (const one of usersStream.lookup!({ ...contextFor(asked), people })) found.push(one);
  return found;
}

export const check = (asked: Asked): Promise<CheckReport> => ldap.check(contextFor(asked));
