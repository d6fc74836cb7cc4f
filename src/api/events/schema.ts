import { z } from 'zod';
import { eventFields } from '../../model/model.ts';
import { named } from '../route.ts';
import { instant, listQuery, uuidList } from '../shapes.ts';
import { userEvent } from './user-schema.ts';

export const event = named(
  'Event',
  z
    .object({
      id: z.uuid().describe('Ours; for good.'),
      space: z.uuid().nullable().describe('The space it takes; null while no list has named that one.'),
      starts_at: instant,
      ends_at: instant.describe('The first instant it no longer takes.'),
      time_zone: z.string().nullable().describe('IANA zone it was meant in.'),
      all_day: z.boolean(),
      show_as: z.enum(eventFields.show_as.choices),
      organizer: z.uuid().nullable().describe('A user, until the event ends; of anybody else nothing is kept.'),
      source: z
        .object({ connection: z.string(), key: z.string() })
        .describe('Where it comes from, by the source’s key: so a service knows its own bookings.'),
      version: z.int().min(0).describe('Rises with every change.'),
    })
    .meta({
      description: 'A time for which a space is taken. Titles, texts, attendees and links are not kept.',
      example: {
        id: '019ab3f2-b1c2-7d03-8e21-7b1f4e3d8e55',
        space: '019ab3f2-a0b1-7c02-9d11-6a0f3e2c7d44',
        starts_at: '2026-11-26T09:00:00Z',
        ends_at: '2026-11-26T10:00:00Z',
        time_zone: 'Europe/Amsterdam',
        all_day: false,
        show_as: 'busy',
        organizer: '019ab3f2-7c1e-7d3a-9f10-2b6f6f0c9a11',
        source: { connection: 'm365', key: 'AAMkAGI2' },
        version: 5124,
      },
    }),
);

export const eventList = named(
  'EventList',
  z.object({
    items: z.array(z.union([event, userEvent])).describe('With `user` that user’s, otherwise those of spaces.'),
    next: z.string().nullable().describe('Cursor of the next page; null if this was the last.'),
    as_of: instant.nullable().optional().describe('With `user`: since when it is known; null while nothing was read.'),
    covers: z
      .object({ from: instant, to: instant })
      .nullable()
      .optional()
      .describe('With `user`: the time that was read. Whether they are free outside it is not known.'),
  }),
);

export const eventsQuery = listQuery.extend({
  space: uuidList(100).optional().describe('Spaces, separated by commas, 100 at most. Absent: all.'),
  user: z.uuid().optional().describe('One user, who has opted in to hybrid-meetings; instead of `space`.'),
  from: instant.optional().describe('Only what ends after this.'),
  to: instant.optional().describe('Only what starts before this.'),
});
export type EventsQuery = z.infer<typeof eventsQuery>;
