import type { z } from 'zod';
import type { Space } from '../../store/types.ts';
import type { space } from './schema.ts';

/** Every field of a space is for the feature room-booking; whether the key is for it was settled before. */
export function spaceView(from: Space): z.infer<typeof space> {
  const { id, name, kind, parent, capacity, time_zone, equipment, connection, key, version } = from;
  return {
    id,
    name,
    kind,
    parent,
    capacity,
    time_zone,
    equipment: [...equipment],
    source: { connection, key },
    version,
  };
}
