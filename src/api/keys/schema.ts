import { z } from 'zod';
import { named } from '../route.ts';
import { scopeNames, scopes } from '../scopes.ts';
import { feature, instant, line, listOf } from '../shapes.ts';

const scope = named(
  'Scope',
  z.enum(scopeNames).describe(scopeNames.map((name) => `\`${name}\`: ${scopes[name]}`).join('\n\n')),
);

const featuresOfKey = z.array(feature).max(32).nullable();

export const keyParams = z.strictObject({
  id: z
    .string()
    .regex(/^[0-9A-Za-z-]{1,64}$/)
    .describe('The key’s id: the part after the tenant’s name.'),
});

export const key = named(
  'Key',
  z
    .object({
      id: z.string(),
      name: z.string().describe('Who uses it.'),
      scopes: z.array(scope),
      features: featuresOfKey.describe('What it is for; null: every feature the tenant has on.'),
      expires_at: instant.nullable(),
    })
    .meta({ description: 'An API key, without its secret.' }),
);

export const keyList = listOf('KeyList', key);

export const newKey = named(
  'NewKey',
  z
    .strictObject({
      name: line(100).min(1).describe('Who uses it; a service, not a person.'),
      scopes: z.array(scope).min(1).max(scopeNames.length),
      features: featuresOfKey.default(null).describe('What it is for; null: every feature the tenant has on.'),
      expires_at: instant.nullable().default(null).describe('When it stops working; null: never.'),
    })
    .meta({ example: { name: 'room booking', scopes: ['users:read', 'changes:read'], features: ['room-booking'] } }),
);
export type NewKeyBody = z.infer<typeof newKey>;

export const createdKey = named(
  'CreatedKey',
  z
    .object({
      ...key.shape,
      key: z.string().describe('The whole key. Shown this once: only a digest of its secret is stored.'),
    })
    .meta({ description: 'A new API key.' }),
);
