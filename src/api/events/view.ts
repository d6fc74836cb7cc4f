import type { z } from 'zod';
import type { SpaceEvent, VerifiedKey } from '../../store/types.ts';
import { hasScope } from '../auth.ts';
import type { event } from './schema.ts';

/** The organiser is told only to a key that may read users: to others the id would be a name for somebody all the same. */
export function eventView(from: SpaceEvent, caller: VerifiedKey): z.infer<typeof event> {
  const { id, space, starts_at, ends_at, time_zone, all_day, show_as, organizer, connection, key, version } = from;
  return {
    id,
    space,
    starts_at,
    ends_at,
    time_zone,
    all_day,
    show_as,
    organizer: hasScope(caller, 'users:read') ? organizer : null,
    source: { connection, key },
    version,
  };
}
