import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { isAbsolute } from 'node:path';

/**
 * A value, or what is wrong with it: the end of a sentence that begins with the setting's name. It never quotes the
 * value, which may be a password in the wrong place.
 */
export type Parsed<T> = { readonly value: T } | { readonly wrong: string };
type Parse<T> = (text: string | undefined) => Parsed<T>;

const none = { value: undefined };

/** A parser that is asked only when something is set. */
const optional =
  <T>(parse: (text: string) => Parsed<T>): Parse<T | undefined> =>
  (text) =>
    text === undefined ? none : parse(text);

export const path =
  (otherwise: string): Parse<string> =>
  (text) =>
    text?.includes('\0') ? { wrong: 'is not a path' } : { value: text ?? otherwise };

export const words: Parse<string | undefined> = optional((text) => ({ value: text.trim() }));

/** Address rules and CIDRs: read where they are used, so that one place knows their grammar. */
export const addresses = words;

export const port =
  (otherwise: number): Parse<number> =>
  (text) => {
    if (text === undefined) return { value: otherwise };
    const number = /^\d{1,5}$/.test(text.trim()) ? Number(text) : Number.NaN;
    // 0 asks the system for a free port, as tests and several hubs on one machine do.
    return number <= 65_535 ? { value: number } : { wrong: 'must be a port number from 0 to 65535' };
  };

export const host =
  (otherwise: string): Parse<string> =>
  (text) => {
    if (text === undefined) return { value: otherwise };
    const bare = text.trim().replace(/^\[(.*)\]$/, '$1');
    return isIP(bare) || /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(bare)
      ? { value: bare }
      : { wrong: 'must be an address or a host name without port, for example 127.0.0.1' };
  };

export const choiceOf =
  <const C extends string>(choices: readonly C[], otherwise: C): Parse<C> =>
  (text) => {
    if (text === undefined) return { value: otherwise };
    const found = choices.find((choice) => choice === text.trim().toLowerCase());
    return found ? { value: found } : { wrong: `must be one of ${choices.join(', ')}` };
  };

const url = (schemes: readonly string[], wrong: string): Parse<string | undefined> =>
  optional((text) => {
    const parsed = URL.parse(text.trim());
    return parsed &&
      schemes.includes(parsed.protocol) &&
      (parsed.hostname !== '' || parsed.protocol.startsWith('postgres'))
      ? { value: text.trim() }
      : { wrong };
  });

export const databaseUrl = url(
  ['postgres:', 'postgresql:'],
  'must be a PostgreSQL address such as postgresql://role:password@host:5432/sluice',
);
export const proxyUrl = url(['http:', 'https:'], 'must be the address of a proxy such as http://proxy.example:3128');
export const smtpUrl = url(['smtp:', 'smtps:'], 'must be a mail server such as smtps://user:password@mail.example:465');

/** Kept without a trailing slash, so that paths can be added. */
export const origin: Parse<string | undefined> = optional((text) => {
  const parsed = URL.parse(text.trim());
  const plain = parsed && (parsed.protocol === 'https:' || parsed.protocol === 'http:');
  if (!plain || parsed.username || parsed.password || parsed.search || parsed.hash) {
    return { wrong: 'must be an address without query or password, such as https://hub.example' };
  }
  return { value: `${parsed.origin}${parsed.pathname.replace(/\/+$/, '')}` };
});

export const base64Key: Parse<string | undefined> = optional((text) => {
  const bare = text.trim();
  return Buffer.from(bare, 'base64').length === 32
    ? { value: bare }
    : { wrong: 'must be 32 bytes in base64; make one with: openssl rand -base64 32' };
});

export const pem = (label: string): Parse<string | undefined> =>
  optional((text) => {
    // `PRIVATE KEY` also fits `RSA PRIVATE KEY` and `EC PRIVATE KEY`.
    const block = new RegExp(`-----BEGIN (?:[A-Z0-9]+ )*${label}-----[\\s\\S]+-----END (?:[A-Z0-9]+ )*${label}-----`);
    return block.test(text)
      ? { value: text }
      : { wrong: `must be PEM text with a ${label} block; to name a file instead, put _FILE behind this name` };
  });

/** The content of the file that is named. */
export const pemFile: Parse<string | undefined> = optional((file) => {
  try {
    return pem('CERTIFICATE')(readFileSync(file.trim(), 'utf8'));
  } catch {
    return { wrong: 'names a file that cannot be read; check the path and its permissions' };
  }
});

const TENANT_FILE = /^([a-z][a-z0-9]*(?:-[a-z0-9]+)*)=(.+)$/;

/** `TENANT=/path/to/token[,…]`: by tenant, the file of the token that is lent to it. */
export const tokenFiles: Parse<ReadonlyMap<string, string> | undefined> = optional((text) => {
  const files = new Map<string, string>();
  for (const entry of text.split(',')) {
    const [, tenant, file] = TENANT_FILE.exec(entry.trim()) ?? [];
    if (!tenant || !file || !isAbsolute(file) || file.includes('\0'))
      return { wrong: 'must name tenants and absolute paths, such as acme=/var/run/secrets/acme/token' };
    if (files.has(tenant)) return { wrong: 'names a tenant twice; keep one of its files' };
    // Whoever holds a token can sign in wherever it is trusted: two tenants with one are one to Microsoft Entra.
    if ([...files.values()].includes(file))
      return {
        wrong: 'names one file for two tenants, each of which could then sign in as the other; give each its own',
      };
    files.set(tenant, file);
  }
  return { value: files };
});
