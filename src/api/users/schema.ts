import { z } from 'zod';
import { named } from '../route.ts';
import { feature, listOf } from '../shapes.ts';

export const user = named(
  'User',
  z
    .object({
      id: z.uuid().describe('Ours; for good.'),
      status: z.enum(['active', 'left']).describe('`left`: no directory vouches for the user any more.'),
      confirmed: z.boolean().describe('Whether a directory vouches for the user; false: known by log-on alone.'),
      given_name: z.string().nullable(),
      family_name: z.string().nullable(),
      email: z.string().nullable().describe('Business e-mail address.'),
      phone: z.string().optional().describe('Business phone, E.164. Only with people-directory.'),
      job_title: z.string().optional().describe('Only with people-directory.'),
      department: z.string().optional().describe('Only with people-directory.'),
      opt_ins: z.array(feature).describe('Features the user switched on, of those the key is for.'),
      version: z.int().min(0).describe('Rises with every change; the ETag.'),
    })
    .meta({
      description: 'A person who has logged on. A field is there only while a feature needs it and the key is for it.',
      example: {
        id: '019ab3f2-7c1e-7d3a-9f10-2b6f6f0c9a11',
        status: 'active',
        confirmed: true,
        given_name: 'Noor',
        family_name: 'de Wit',
        email: 'noor.dewit@acme.example',
        phone: '+31205550123',
        job_title: 'Planner',
        department: 'Facilities',
        opt_ins: ['hybrid-meetings'],
        version: 4182,
      },
    }),
);

export const userList = listOf('UserList', user);
