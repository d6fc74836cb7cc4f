import { z } from 'zod';
import { named } from '../route.ts';
import { email, line } from '../shapes.ts';

const asserted = z.strictObject({
  email,
  given_name: line(256).min(1),
  family_name: line(256).describe('May be empty.'),
  directory_id: z
    .string()
    .max(150)
    .regex(/^[A-Za-z0-9][A-Za-z0-9:._-]{0,99}:[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$/, {
      error: 'must be DIRECTORY:UUID',
    })
    .optional()
    .describe('`DIRECTORY:UUID`: the directory’s name and the person’s objectGUID, entryUUID or Entra object id.'),
});

const proven = z.strictObject({
  id_token: z.string().min(1).max(16_384).describe('An OpenID Connect ID token. Declared, not available yet.'),
});

export const logOn = named(
  'LogOn',
  z.union([asserted, proven]).meta({
    description: 'Who logged on to the booking platform: said by the service, or proven by a token.',
    example: {
      email: 'noor.dewit@acme.example',
      given_name: 'Noor',
      family_name: 'de Wit',
      directory_id: 'people:5f0c8f64-0d5b-4d2e-9a7e-3c1d2b4a5e6f',
    },
  }),
);
export type LogOnBody = z.infer<typeof logOn>;
