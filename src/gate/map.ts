import type { SourceValue } from '../contract/record.ts';
import type { FieldDeclaration } from '../model/model.ts';
import { normaliseEmail, normalisePhone } from '../users/normalise.ts';

/** Thrown inside the gate for a value that no honest source sends; its record is `invalid`. Carries nothing. */
export class InvalidValue extends Error {}

export type KeptValue = string | boolean | number | readonly string[] | null;

/** Of several values the first in code point order: servers answer in any order, and we must not flap. */
export function firstText(value: SourceValue | undefined): string | null {
  if (typeof value === 'string') return cleaned(value);
  const texts = allTexts(value);
  if (texts.length === 0) return null;
  if (texts.length === 1) return texts[0]!;
  return [...texts].sort()[0]!;
}

/** Every value as trimmed, NFC text. NUL and lone surrogates cannot be stored and are nobody's name. */
export function allTexts(value: SourceValue | undefined): string[] {
  if (value === null || value === undefined) return [];
  if (!Array.isArray(value)) return listed(cleaned(scalarText(value)));
  return value.flatMap((one) => (one === null ? [] : listed(cleaned(scalarText(one)))));
}

const listed = (text: string | null): string[] => (text === null ? [] : [text]);

/** The compiler allows scalars only, but parsed JSON may hold objects: their text is a program's word, or a throw. */
export function scalarText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'number' && typeof value !== 'boolean') throw new InvalidValue();
  return String(value);
}

const LONGEST_RAW = 65_536;
/** Printable ASCII without blanks around it, as most values are: there is nothing to clean. */
const PLAIN = /^[!-~](?:[ -~]*[!-~])?$/;

/** Null where nothing but blanks is left. */
function cleaned(text: string): string | null {
  if (text.length <= LONGEST_RAW && PLAIN.test(text)) return text;
  if (text.length > LONGEST_RAW || text.includes('\0') || !text.isWellFormed()) throw new InvalidValue();
  const trimmed = text.trim();
  return trimmed === '' ? null : trimmed.normalize('NFC');
}

const TRUE = new Set(['true', 'yes', 'y', '1', 'on', 'x']);

/** What a value can be kept as only with the tenant's rules at hand: a user it names, a digest. */
export interface Naming {
  /** The one user with this address; null if there is none, or more than one. */
  person(email: string): string | null;
  /** Keyed, in letters. */
  group(name: string): string;
}

/** One kept value by its declared type: a closed list of small transforms, none of which evaluates anything. */
export function mapValue(
  declaration: FieldDeclaration,
  value: SourceValue | undefined,
  naming: Naming = NOBODY,
): KeptValue {
  if (declaration.type === 'codes') return codes(value);
  const text = firstText(value);
  if (text !== null && text.length > declaration.maxLength) throw new InvalidValue();
  switch (declaration.type) {
    case 'text':
      return text;
    case 'email':
      return text === null ? null : (normaliseEmail(text) ?? null);
    case 'phone':
      return text === null ? null : (normalisePhone(text) ?? null);
    case 'instant':
      return text === null ? null : instant(text);
    case 'flag':
      return text === null ? null : TRUE.has(text.toLowerCase());
    case 'choice': {
      const folded = text?.toLowerCase();
      if (folded !== undefined && declaration.choices?.includes(folded)) return folded;
      return declaration.otherwise ?? null;
    }
    case 'count':
      return text === null ? null : count(text);
    case 'zone':
      return text === null ? null : zone(text);
    case 'person': {
      const email = text === null ? undefined : normaliseEmail(text);
      return email === undefined ? null : naming.person(email);
    }
    case 'group':
      return text === null ? null : naming.group(text);
  }
}

const NOBODY: Naming = { person: () => null, group: () => '' };

const MOST_CODES = 64;
const LONGEST_CODE = 64;

function codes(value: SourceValue | undefined): readonly string[] {
  const all = allTexts(value);
  if (all.length > MOST_CODES || all.some((code) => code.length > LONGEST_CODE)) throw new InvalidValue();
  return [...new Set(all)].sort();
}

/** Counts arrive as numbers and as text, and from some systems as `29.0`. */
function count(text: string): number | null {
  return /^\d{1,7}(\.0+)?$/.test(text) ? Math.trunc(Number(text)) : null;
}

const zones = new Map<string, string | null>();

/** As `Intl` knows it, which knows former names too; asking is slow, and a tenant has few. */
function zone(text: string): string | null {
  const known = zones.get(text);
  if (known !== undefined) return known;
  if (zones.size > 1_000) zones.clear();
  let found: string | null = null;
  try {
    // An offset such as `+02:00` would pass as well; it is no zone.
    if (/^[A-Za-z]/.test(text)) found = new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone;
  } catch {
    // No zone of that name.
  }
  zones.set(text, found);
  return found;
}

// A date without a time is the start of that day in UTC; a time without a zone is nobody's instant.
const INSTANT = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/;

function instant(text: string): string | null {
  if (!INSTANT.test(text)) return null;
  const at = new Date(text);
  // A zone can push the first and the last year over the edge of what a database keeps.
  const year = at.getUTCFullYear();
  return Number.isNaN(year) || year < 1 || year > 9999 ? null : at.toISOString();
}
