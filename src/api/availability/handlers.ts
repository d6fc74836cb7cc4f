import { requireFeature } from '../features.ts';
import type { Answer, Call } from '../route.ts';
import { requireSpaces } from '../spaces/known.ts';
import { type AvailabilityQuestion, mostSpaces } from './schema.ts';

const MINUTE_MS = 60_000;

export async function findAvailability({
  body,
  store,
  caller,
}: Call<unknown, unknown, AvailabilityQuestion>): Promise<Answer> {
  requireFeature(caller, 'room-booking');
  await requireSpaces(store, [...(body.spaces ?? []), ...(body.where?.within ? [body.where.within] : [])]);
  const found = body.spaces ?? (await store.spaces.find(filterOf(body), mostSpaces + 1));
  const items = await store.events.availability({
    spaces: [...new Set(found)].slice(0, mostSpaces),
    from: new Date(body.from),
    to: new Date(body.to),
    ignore: body.ignore ?? [],
    atLeastMs: (body.at_least_min ?? 0) * MINUTE_MS,
  });
  return { status: 200, body: { items, more: found.length > mostSpaces } };
}

function filterOf({ where = {} }: AvailabilityQuestion) {
  const { within, kind, capacity_min, equipment } = where;
  return {
    ...(within === undefined ? {} : { within }),
    ...(kind === undefined ? {} : { kind }),
    ...(capacity_min === undefined ? {} : { capacity_min }),
    ...(equipment === undefined ? {} : { equipment }),
  };
}
