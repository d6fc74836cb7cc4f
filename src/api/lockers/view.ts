import type { z } from 'zod';
import type { Locker } from '../../store/types.ts';
import type { locker } from './schema.ts';

/** Every locker field is for the feature lockers; whether the key is for it was settled with the kind. */
export function lockerView(from: Locker): z.infer<typeof locker> {
  const { id, bank, number, place, status, size, assignments, connection, key, version } = from;
  return {
    id,
    bank,
    number,
    place,
    status,
    size,
    assignments: assignments.map(({ user, until, shared }) => ({ user, until, shared })),
    source: { connection, key },
    version,
  };
}
