import {
  complete,
  type Item,
  page,
  type ReadContext,
  records,
  type SourceRecord,
  type SourceValue,
  scopeFields,
} from '../../src/contract/index.ts';
import { type Answer, codeOf, refused } from './answer.ts';
import { picked } from './picking.ts';
import { type Page, type Session, sessionOf } from './session.ts';
import type { settings as shape } from './settings.ts';

const devices = ['audioDeviceName', 'videoDeviceName', 'displayDeviceName'] as const;
const equipping = [...devices, 'isWheelChairAccessible', 'tags'] as const;

/** Of a place with a mailbox of its own. */
const ADDRESS = 'emailAddress';

const LONGEST_CODE = 64;
const MOST_TAGS = 50;

interface PlaceType {
  /** As in `/places/microsoft.graph.TYPE`. */
  readonly type: string;
  /** Ours, as the model names it. */
  readonly kind: string;
  /** What this type has beyond `id`, `displayName` and `parentId`; asked for more, Graph refuses the request. */
  readonly has: readonly string[];
  /** Not every cloud has it: one that does not is a cloud without such places. */
  readonly everywhere?: true;
}

/**
 * Parents before what they hold. A workspace is a pool of desks booked at one address: the space that can be booked is
 * our desk, its capacity says for how many. A room list is a way to find rooms and no space.
 */
const placeTypes: readonly PlaceType[] = [
  { type: 'building', kind: 'building', has: [] },
  { type: 'floor', kind: 'floor', has: [] },
  { type: 'section', kind: 'zone', has: [] },
  { type: 'room', kind: 'room', has: ['capacity', ADDRESS, ...equipping], everywhere: true },
  {
    type: 'workspace',
    kind: 'desk',
    has: ['capacity', ADDRESS, 'displayDeviceName', 'isWheelChairAccessible', 'tags'],
  },
  { type: 'desk', kind: 'desk', has: ['displayDeviceName', 'isWheelChairAccessible', 'tags'] },
];

const placesRefused = refused('the buildings and rooms', 'Place.Read.All');

/** Every place of the tenant. Graph tells no changes of places, so each reading is a full one. */
export async function* readSpaces(context: ReadContext<typeof shape>): AsyncGenerator<Item> {
  const session = sessionOf(context);
  const fields = fieldsOf(context);
  // The calendars will ask whose mailbox is where: what is told here need not be asked for again.
  const bookable = fields.includes(ADDRESS) ? new Map<string, BookablePlace>() : undefined;
  for (const one of placeTypes) {
    const wanted = fields.flatMap((field) => (field === 'equipment' ? equipping : [field]));
    const asked = wanted.filter((field) => one.has.includes(field) || ['displayName', 'parentId'].includes(field));
    for await (const entries of placesOf(session, one, ['id', ...asked])) {
      if (bookable) noteBookable(bookable, entries);
      yield records(entries.map((told) => spaceOf(told, one.kind, fields)));
      yield page();
    }
  }
  if (bookable) await session.once(BOOKABLE, async () => bookable);
  yield complete();
}

/** The address is for the calendars; where none is read and no scope looks at it, it stays where it is. */
function fieldsOf({ fields, scope, settings }: ReadContext<typeof shape>): readonly string[] {
  const isWanted = settings.mailboxes.length > 0 || scopeFields(scope).includes(ADDRESS);
  return fields.filter((field) => field !== ADDRESS || isWanted);
}

function spaceOf(told: Readonly<Record<string, unknown>>, kind: string, fields: readonly string[]): SourceRecord {
  const composed: Record<string, SourceValue> = { kind, equipment: equipmentOf(told) };
  return picked(fields, { ...told, ...composed });
}

/** A device is told by its make, which helps nobody to choose a room: that there is one does. */
function equipmentOf(told: Readonly<Record<string, unknown>>): string[] {
  const codes = devices
    .filter((name) => typeof told[name] === 'string' && told[name] !== '')
    .map((name) => name.replace('DeviceName', ''));
  if (told.isWheelChairAccessible === true) codes.push('wheelchair');
  const { tags } = told;
  // A sentence among the tags is no code, and must not cost the room.
  if (Array.isArray(tags))
    codes.push(...tags.filter((tag) => typeof tag === 'string' && tag.length <= LONGEST_CODE).slice(0, MOST_TAGS));
  return codes;
}

async function* placesOf(session: Session, { type, everywhere }: PlaceType, select: readonly string[]) {
  const target = `/v1.0/places/microsoft.graph.${type}?$select=${[...new Set(select)].map(encodeURIComponent).join(',')}`;
  let first = true;
  // Graph has no code of its own for it. But it has one: a page of a gateway before it says nothing of the cloud.
  const isNotHere = (answer: Answer) => (answer.status === 400 || answer.status === 404) && codeOf(answer) !== '';
  const notHere = (answer: Answer) =>
    first && !everywhere && isNotHere(answer) ? new NotHere() : placesRefused(answer);
  try {
    for await (const { entries } of session.pages(target, notHere)) {
      first = false;
      yield entries;
    }
  } catch (error) {
    if (!(error instanceof NotHere)) throw error;
  }
}

class NotHere extends Error {}

/** A place with a mailbox of its own. */
export interface BookablePlace {
  readonly id: string;
  /** In lower case. */
  readonly address: string;
}

const BOOKABLE = 'bookable-places';

/** Rooms and workspaces by their address, asked for once in a run: here, unless the places were read before. */
export function bookablePlaces(session: Session): Promise<ReadonlyMap<string, BookablePlace>> {
  return session.once(BOOKABLE, async () => {
    const found = new Map<string, BookablePlace>();
    for (const one of placeTypes.filter(({ has }) => has.includes(ADDRESS)))
      for await (const entries of placesOf(session, one, ['id', ADDRESS])) noteBookable(found, entries);
    return found;
  });
}

/** Of a place nothing is held but its id and address. */
function noteBookable(found: Map<string, BookablePlace>, entries: Page['entries']): void {
  for (const { id, emailAddress } of entries)
    if (typeof id === 'string' && typeof emailAddress === 'string')
      found.set(emailAddress.toLowerCase(), { id, address: emailAddress.toLowerCase() });
}
