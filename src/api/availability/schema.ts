import { z } from 'zod';
import { named } from '../route.ts';
import { instant, line } from '../shapes.ts';
import { spaceKind } from '../spaces/schema.ts';

export const mostSpaces = 500;
const longestDays = 62;
const DAY_MS = 24 * 3_600_000;

const filter = z.strictObject({
  within: z.uuid().optional().describe('A space: itself, and what is in it at any depth.'),
  kind: spaceKind.optional(),
  capacity_min: z.int().min(0).max(1_000_000).optional().describe('People.'),
  equipment: z.array(line(64)).max(64).optional().describe('All of these codes.'),
});

export const availabilityQuestion = named(
  'AvailabilityQuestion',
  z
    .strictObject({
      spaces: z.array(z.uuid()).min(1).max(mostSpaces).optional().describe('These spaces, 500 at most; or `where`.'),
      where: filter.optional().describe('The spaces that fit, in order of their ids, 500 at most.'),
      from: instant,
      to: instant.describe('At most 62 days after `from`.'),
      at_least_min: z
        .int()
        .min(1)
        .max(longestDays * 24 * 60)
        .optional()
        .describe('Leave out shorter free intervals; minutes.'),
      ignore: z.array(z.uuid()).max(100).optional().describe('Events that do not count: the one that is being moved.'),
    })
    .check((context) => {
      const { spaces, where, from, to } = context.value;
      const wrong = (message: string, path: string) =>
        context.issues.push({ code: 'invalid_format', format: 'regex', input: undefined, message, path: [path] });
      if ((spaces === undefined) === (where === undefined)) wrong('or where: give one of the two', 'spaces');
      const length = Date.parse(to) - Date.parse(from);
      if (length <= 0) wrong('must be after from', 'to');
      else if (length > longestDays * DAY_MS) wrong(`must be at most ${longestDays} days after from`, 'to');
    }),
);
export type AvailabilityQuestion = z.infer<typeof availabilityQuestion>;

const interval = { from: instant, to: instant };

export const availability = named(
  'Availability',
  z
    .object({
      items: z.array(
        z.object({
          space: z.uuid(),
          status: z
            .enum(['known', 'stale', 'unknown'])
            .describe(
              '`known`: read completely within the last hour; `stale`: longer ago; `unknown`: never, or not for all of this time.',
            ),
          as_of: instant.nullable().describe('When the last complete reading began.'),
          busy: z.array(z.object({ ...interval, tentative: z.boolean() })).describe('Half-open, merged, in order.'),
          free: z.array(z.object(interval)).describe('Half-open. What was never completely read is never free.'),
        }),
      ),
      more: z.boolean().describe('Whether `where` fits more than 500 spaces.'),
    })
    .meta({
      example: {
        items: [
          {
            space: '019ab3f2-a0b1-7c02-9d11-6a0f3e2c7d44',
            status: 'known',
            as_of: '2026-11-26T08:45:00Z',
            busy: [{ from: '2026-11-26T09:00:00Z', to: '2026-11-26T10:00:00Z', tentative: false }],
            free: [{ from: '2026-11-26T10:00:00Z', to: '2026-11-26T12:00:00Z' }],
          },
        ],
        more: false,
      },
    }),
);
