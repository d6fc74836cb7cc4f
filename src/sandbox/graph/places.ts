import { type Answer, ok, Refusal } from './answer.ts';
import { type Ask, allowOnly, wholeNumber, withOptions } from './ask.ts';
import { project } from './people.ts';
import { selected } from './properties.ts';
import type { Route } from './route.ts';
import type { Tenant } from './tenant.ts';
import { type GraphPlace, type Json, placeTypes } from './types.ts';

/** The places of a tenant, in the order in which they came. There is no delta of places. */
export class Places {
  readonly #byId = new Map<string, GraphPlace>();

  put(place: GraphPlace): void {
    this.#byId.set(place.id, place);
  }

  remove(id: string): void {
    this.#byId.delete(id);
  }

  all(): GraphPlace[] {
    return [...this.#byId.values()];
  }

  ofType(type: string): GraphPlace[] {
    return this.all().filter((place) => place['@odata.type'] === `#microsoft.graph.${type}`);
  }

  /** Room, workspace or room list. */
  byEmail(email: string): GraphPlace | undefined {
    const wanted = email.toLowerCase();
    return this.all().find((place) => place.emailAddress?.toLowerCase() === wanted);
  }
}

export const placeRoutes: readonly Route[] = [
  { method: 'GET', path: 'places/{cast}', area: 'places', answer: list },
  { method: 'GET', path: 'places/{list}/microsoft.graph.roomlist/rooms', area: 'places', answer: ofList('room') },
  {
    method: 'GET',
    path: 'places/{list}/microsoft.graph.roomlist/workspaces',
    area: 'places',
    answer: ofList('workspace'),
  },
];

/** GET /places/microsoft.graph.room and its kin; anything else in that place is the id of one place. */
function list(tenant: Tenant, ask: Ask, [cast = '']: readonly string[]): Answer {
  const name = /^microsoft\.graph\.(\w+)$/i.exec(cast)?.[1]?.toLowerCase();
  const type = placeTypes.find((one) => one.toLowerCase() === name);
  if (type) return page(tenant, ask, tenant.places.ofType(type), type);
  if (name || cast === 'delta') throw new Refusal(400, 'BadRequest', `Resource not found for the segment '${cast}'.`);
  const place = tenant.places.all().find((one) => one.id === cast || one.emailAddress === cast);
  if (!place) throw new Refusal(404, 'ErrorItemNotFound', 'The place was not found.');
  allowOnly(ask.query, ['$select']);
  return ok({ '@odata.type': place['@odata.type'], ...(show(place, selected(ask.query, 'place')) as object) });
}

/** A room list is named by its e-mail address here, and not by its id (api/place-list). */
function ofList(type: 'room' | 'workspace') {
  return (tenant: Tenant, ask: Ask, [email = '']: readonly string[]): Answer => {
    const found = tenant.places.byEmail(email);
    if (found?.['@odata.type'] !== '#microsoft.graph.roomList') {
      throw new Refusal(404, 'ErrorItemNotFound', 'The room list was not found.');
    }
    const held = new Set(found.rooms?.map((one) => one.toLowerCase()));
    const places = tenant.places.ofType(type).filter((place) => held.has(place.emailAddress?.toLowerCase() ?? ''));
    return page(tenant, ask, places, type);
  };
}

function page(tenant: Tenant, ask: Ask, places: readonly GraphPlace[], type: string): Answer {
  allowOnly(ask.query, ['$select', '$top', '$skip', '$count']);
  const select = selected(ask.query, 'place');
  const limit = wholeNumber(ask.query, '$top', 1, 999_999_999) ?? tenant.pageSize;
  const from = wholeNumber(ask.query, '$skip', 0, 999_999_999) ?? 0;
  const next = `${tenant.linkOrigin()}${withOptions(ask.url, { $skip: String(from + limit) })}`;
  return ok({
    '@odata.context': `${tenant.origin}/v1.0/$metadata#places/microsoft.graph.${type}`,
    ...(ask.query.get('$count') === 'true' ? { '@odata.count': places.length } : {}),
    ...(from + limit < places.length ? { '@odata.nextLink': next } : {}),
    value: places.slice(from, from + limit).map((place) => show(place, select)),
  });
}

function show(place: GraphPlace, select: readonly string[] | undefined): Json {
  const { '@odata.type': _, rooms: __, ...own } = place;
  return project(own, select) as Json;
}
