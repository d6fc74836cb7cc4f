import { z } from 'zod';
import { feedKinds, removalReasons } from '../../model/model.ts';
import { event } from '../events/schema.ts';
import { userEvent } from '../events/user-schema.ts';
import { listLimit, longestWaitS } from '../limits.ts';
import { locker } from '../lockers/schema.ts';
import { named } from '../route.ts';
import { space } from '../spaces/schema.ts';
import { user } from '../users/schema.ts';

const kind = named(
  'Kind',
  z.enum(feedKinds).describe('Kind of entity. More may be added: ignore what you do not know.'),
);

const kindList = z
  .string()
  .transform((text) => text.split(','))
  .pipe(z.array(z.enum(feedKinds)).max(feedKinds.length));

export const changesQuery = z.strictObject({
  cursor: z
    .string()
    .min(1)
    .max(1024)
    .optional()
    .describe('`next` of the answer before; absent: every live entity once, then the changes.'),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(listLimit.most)
    .default(listLimit.usual)
    .describe('Most items in one answer.'),
  kinds: kindList
    .optional()
    .describe(`Kinds to see, separated by commas: ${feedKinds.join(', ')}. Absent: all the key may see.`),
  wait: z.coerce
    .number()
    .int()
    .min(0)
    .max(longestWaitS)
    .default(0)
    .describe('Seconds to wait for a change if there is none (long-poll).'),
  include: z.literal('entities').optional().describe('`entities`: each item brings its entity as it is now.'),
});
export type ChangesQuery = z.infer<typeof changesQuery>;

const change = named(
  'Change',
  z.object({
    seq: z.int().min(0).describe('Only rises; an entity that changes again moves to its new number.'),
    kind,
    id: z.uuid(),
    op: z.enum(['upsert', 'remove']),
    reason: z.enum(removalReasons).optional().describe('Of a removal.'),
    entity: z
      .union([user, locker, space, event, userEvent])
      .nullable()
      .optional()
      .describe('With include=entities, of an upsert; null if it went in between: its removal follows.'),
  }),
);

export const changes = named(
  'Changes',
  z
    .object({
      items: z.array(change),
      next: z.string().describe('Where to go on; never null. Store it after the items.'),
      more: z.boolean().describe('Whether there is more right now.'),
    })
    .meta({
      example: {
        items: [
          { seq: 4182, kind: 'user', id: '019ab3f2-7c1e-7d3a-9f10-2b6f6f0c9a11', op: 'upsert' },
          { seq: 4185, kind: 'user', id: '019ab3f2-7d00-7aaa-8001-4f9e1c2d3b5a', op: 'remove', reason: 'left' },
        ],
        next: 'MSA0MTg1',
        more: false,
      },
    }),
);
