import { z } from 'zod';
import { userEventFields } from '../../model/model.ts';
import { named } from '../route.ts';
import { instant } from '../shapes.ts';

export const userEvent = named(
  'UserEvent',
  z
    .object({
      id: z.uuid().describe('Ours; as long as the time stays the same.'),
      user: z.uuid().describe('Who is busy; they opted in to hybrid-meetings.'),
      starts_at: instant,
      ends_at: instant.describe('The first instant they are no longer busy.'),
      time_zone: z.string().nullable().describe('IANA zone it was meant in.'),
      all_day: z.boolean(),
      show_as: z.enum(userEventFields.show_as.choices),
      spaces: z.array(z.uuid()).describe('Spaces of yours it is in, as far as the source tells.'),
      version: z.int().min(0).describe('Rises with every change.'),
    })
    .meta({
      description: 'A time for which a user is busy. Nothing else of it is kept, and nothing at all once it is over.',
      example: {
        id: '019ab3f2-c2d3-7e04-8f31-8c2f5f4e9f66',
        user: '019ab3f2-7c1e-7d3a-9f10-2b6f6f0c9a11',
        starts_at: '2026-11-26T13:00:00Z',
        ends_at: '2026-11-26T13:30:00Z',
        time_zone: null,
        all_day: false,
        show_as: 'busy',
        spaces: [],
        version: 5131,
      },
    }),
);
