import { z } from 'zod';
import { spaceFields } from '../../model/model.ts';
import { named } from '../route.ts';
import { listOf } from '../shapes.ts';

export const spaceKind = z.enum(spaceFields.kind.choices);

export const space = named(
  'Space',
  z
    .object({
      id: z.uuid().describe('Ours; for good.'),
      name: z.string().nullable(),
      kind: spaceKind,
      parent: z.uuid().nullable().describe('The space it is in, if that one is known.'),
      capacity: z.int().min(0).nullable().describe('People.'),
      time_zone: z.string().nullable().describe('IANA zone of its clock.'),
      equipment: z.array(z.string()).describe('Codes, in order.'),
      source: z
        .object({ connection: z.string(), key: z.string() })
        .describe('Where it comes from, by the source’s key.'),
      version: z.int().min(0).describe('Rises with every change; the ETag.'),
    })
    .meta({
      description: 'A building, floor, zone, room or desk.',
      example: {
        id: '019ab3f2-a0b1-7c02-9d11-6a0f3e2c7d44',
        name: 'Amstel',
        kind: 'room',
        parent: '019ab3f2-a0b1-7c02-9d11-6a0f3e2c7d01',
        capacity: 8,
        time_zone: 'Europe/Amsterdam',
        equipment: ['display', 'video'],
        source: { connection: 'm365', key: '3162f1e1-c4c0-604b-51d8-91da78989eb1' },
        version: 5120,
      },
    }),
);

export const spaceList = listOf('SpaceList', space);
