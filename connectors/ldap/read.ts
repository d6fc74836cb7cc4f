import { domainToUnicode } from 'node:url';
import {
  complete,
  type Decode,
  encoded,
  type Item,
  type LookupContext,
  NeedsAttention,
  type PersonSought,
  page,
  type ReadContext,
  type SourceRecord,
  scopeFields,
} from '../../src/contract/index.ts';
import { Arena } from './arena.ts';
import { type Message, Unreadable } from './ber.ts';
import { and, equal, type Filter, or, type Search } from './codec.ts';
import { type EncodedEntry, type Entry, EntryDecoder } from './entry.ts';
import { parseFilter } from './filter.ts';
import { knownAttributes } from './known-attributes.ts';
import { pages } from './paging.ts';
import { pushedScope } from './pushed-scope.ts';
import { type Session, withSession } from './session.ts';
import type { settings as shape } from './settings.ts';
import { canonicalUuid, guidFromUuid } from './uuid.ts';
import { attributesOf, type Vendor } from './vendors.ts';

type Asking = Pick<ReadContext<typeof shape>, 'settings' | 'net' | 'fields' | 'scope' | 'signal'>;

/** Of these one value is enough; of all others each counts, because it may name a person or be compared. */
const oneValue = new Set(['givenName', 'sn', 'telephoneNumber', 'title', 'department', 'departmentNumber']);

/** A directory has a handful of combinations of these. */
const alike = ['objectClass', 'userAccountControl'];

/** A full pass: every person under the base DN, in pages that do not outlive the connection. */
export async function* readUsers(context: ReadContext<typeof shape>): AsyncGenerator<Item> {
  yield* withSession(context, async function* (session) {
    const decoder = decoderFor(session.vendor, context);
    const arena = new Arena();
    const seen = { entries: 0, named: false };
    for await (const piece of pages(session, searchFor(session, context), context.settings.page_size)) {
      if ('entries' in piece) {
        yield itemOf(session, decoder, arena, piece.entries, seen);
        continue;
      }
      yield page(undefined, piece.estimate);
    }
    // Every entry unnamed is not a thousand bad entries but one missing permission; completing would remove all.
    if (seen.entries > 0 && !seen.named) throw unnamed(session);
    yield complete();
  });
}

/** People sought in one search. */
const soughtAtOnce = 50;

/** These people now, by e-mail or directory id. Whoever is not found is simply not told. */
export async function* lookupUsers(context: LookupContext<typeof shape>): AsyncGenerator<SourceRecord> {
  if (context.people.length === 0) return;
  yield* withSession(context, async function* (session) {
    const decoder = decoderFor(session.vendor, context);
    for (let from = 0; from < context.people.length; from += soughtAtOnce) {
      const sought = context.people.slice(from, from + soughtAtOnce).flatMap((one) => soughtAs(session.vendor, one));
      if (sought.length === 0) continue;
      for await (const piece of pages(session, searchFor(session, context, or(sought)), context.settings.page_size)) {
        if (!('entries' in piece)) continue;
        for (const message of piece.entries) {
          const { record } = decode(session, decoder, message);
          if (record) yield record;
        }
      }
    }
  });
}

function soughtAs(vendor: Vendor, person: PersonSought): Filter[] {
  const filters: Filter[] = [];
  const id = person.directoryId && canonicalUuid(person.directoryId);
  if (id) filters.push(equal(vendor.key, vendor.key === 'objectGUID' ? guidFromUuid(id) : id));
  if (person.email) {
    filters.push(equal('mail', person.email));
    // We know domains as A-labels (xn--…); a directory may hold them as people write them.
    const at = person.email.lastIndexOf('@') + 1;
    const written = person.email.slice(0, at) + domainToUnicode(person.email.slice(at));
    if (at > 0 && written !== person.email && !written.endsWith('@')) filters.push(equal('mail', written));
  }
  return filters;
}

/** The search for people: the vendor's or the tenant's filter, what of the scope can be pushed, and whom we seek. */
export function searchFor(session: { vendor: Vendor }, context: Asking, sought?: Filter): Search {
  const { settings, fields, scope } = context;
  const filters = [
    parseFilter(settings.filter || session.vendor.filter),
    pushedScope(scope, session.vendor.pushesNot),
    sought,
  ];
  return {
    base: settings.base_dn,
    scope: 'subtree',
    filter: and(filters.filter((filter) => filter !== undefined)),
    attributes: attributesOf(session.vendor, fields),
  };
}

function decoderFor(vendor: Vendor, { fields, scope }: Pick<Asking, 'fields' | 'scope'>): EntryDecoder {
  const asked = attributesOf(vendor, fields);
  return new EntryDecoder({
    fields: asked,
    key: vendor.key,
    alike,
    all: [...asked.filter((name) => !oneValue.has(name)), ...scopeFields(scope)],
    known: knownAttributes,
  });
}

/** Of a large directory few are users: the others are decoded one after the other, looked at, and gone. */
function itemOf(
  session: Session,
  decoder: EntryDecoder,
  arena: Arena,
  messages: readonly Message[],
  seen: { entries: number; named: boolean },
): Item {
  seen.entries += messages.length;
  seen.named ||= messages.some((message) => decode(session, decoder, message).key !== undefined);
  const first = messages[0]!;
  const held = arena.hold(first.bytes, first.start, messages.at(-1)!.stop);
  const moved = held.start - first.start;
  const { bytes } = held;
  // Only where each entry lies: of five thousand messages the objects alone would fill more memory than the bytes.
  const spans = new Int32Array(messages.length * 2);
  messages.forEach(({ start, stop }, number) => {
    spans[number * 2] = start + moved;
    spans[number * 2 + 1] = stop + moved;
  });
  let released = false;
  const decodeOne: Decode = (number, fields) => {
    if (released) throw new Error('These entries were let go; their bytes may be others’ by now.');
    const [start, stop] = [spans[number * 2]!, spans[number * 2 + 1]!];
    return decode(session, decoder, { bytes, start, stop }, fields);
  };
  return encoded(messages.length, decodeOne, () => {
    released = true;
    held.release();
  });
}

/** An entry without its key cannot be told from others: it has no record then. */
function decode(session: Session, decoder: EntryDecoder, entry: EncodedEntry, fields?: ReadonlySet<string>): Entry {
  try {
    return decoder.decode(entry, fields);
  } catch (error) {
    throw error instanceof Unreadable ? session.client.unreadable() : error;
  }
}

const unnamed = ({ vendor, place }: Session): NeedsAttention =>
  new NeedsAttention(
    `${place.at} shows no ${vendor.key} of any entry under \`base_dn\`, and without it people cannot be told apart: ${vendor.readFix}.`,
  );
