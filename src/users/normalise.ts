import { domainToASCII } from 'node:url';

/** An address as most are written: there is nothing to normalise, and a directory has a hundred thousand. */
const PLAIN = /^[a-z0-9._+-]+@[a-z0-9.-]+$/;

/**
 * Trim, NFC, lower case, A-label domain; nothing else: dots and plus signs mean what the mail system says they mean.
 * `undefined` when it is not an address. RFC 5321 4.5.3.1 bounds the length.
 */
export function normaliseEmail(text: string): string | undefined {
  if (text.length > 1024) return undefined;
  if (text.length <= 320 && PLAIN.test(text)) return text;
  const folded = text.trim().normalize('NFC').toLowerCase();
  const at = folded.lastIndexOf('@');
  if (at < 1 || at === folded.length - 1 || folded.length > 320) return undefined;
  const local = folded.slice(0, at);
  const domain = folded.slice(at + 1);
  if (/[\s\p{Cc}<>,;"@]/u.test(local)) return undefined;
  // domainToASCII is slow and plain domains are the rule.
  const ascii = /^[a-z0-9.-]+$/.test(domain) ? domain : domainToASCII(domain);
  return ascii ? `${local}@${ascii}` : undefined;
}

/**
 * E.164, or `undefined` when the number does not say its country: guessing one would reach a stranger.
 * Takes the usual spellings: spaces, dots, dashes, brackets, a trunk `(0)`, a leading `00`, `tel:`.
 */
export function normalisePhone(text: string): string | undefined {
  if (text.length > 64) return undefined;
  const bare = text
    .trim()
    .replace(/^tel:/i, '')
    .replace(/\(0\)/g, '')
    .replace(/[\s().\-/\u00a0\u2010-\u2015]/g, '')
    .replace(/^00/, '+');
  return /^\+[1-9]\d{6,14}$/.test(bare) ? bare : undefined;
}

const DIRECTORY_ID = /^([^\s:][^\s]{0,127}):([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/;

/** `DIRECTORY:UUID` with the UUID in lower case; DIRECTORY may itself hold a colon (`entra:<tenant GUID>`). */
export function normaliseDirectoryId(text: string): string | undefined {
  const colon = text.lastIndexOf(':');
  if (colon < 1) return undefined;
  const candidate = `${text.slice(0, colon)}:${text.slice(colon + 1).toLowerCase()}`;
  return DIRECTORY_ID.test(candidate) ? candidate : undefined;
}
