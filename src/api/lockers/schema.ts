import { z } from 'zod';
import { named } from '../route.ts';
import { instant } from '../shapes.ts';

export const locker = named(
  'Locker',
  z
    .object({
      id: z.uuid(),
      bank: z.string().nullable().describe('Lockers that stand together.'),
      number: z.string().nullable().describe('As written on the door.'),
      place: z.string().nullable(),
      status: z.enum(['free', 'occupied', 'blocked', 'unknown']),
      size: z.string().nullable(),
      assignments: z
        .array(z.object({ user: z.uuid(), until: instant.nullable(), shared: z.boolean() }))
        .describe('Users who hold it; somebody who is not a user leaves it occupied and is not named.'),
      source: z
        .object({ connection: z.string(), key: z.string() })
        .describe('Where it comes from, by the source’s key.'),
      version: z.int().min(0),
    })
    .meta({
      description: 'A locker and who holds it.',
      example: {
        id: '019ab3f2-90aa-7b02-8d11-5a0f3e2c7d44',
        bank: 'A',
        number: 'A-017',
        place: '2nd floor, west',
        status: 'occupied',
        size: 'M',
        assignments: [{ user: '019ab3f2-7c1e-7d3a-9f10-2b6f6f0c9a11', until: '2026-12-31T23:00:00Z', shared: false }],
        source: { connection: 'lockers', key: 'A-017' },
        version: 4190,
      },
    }),
);
