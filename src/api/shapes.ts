import { z } from 'zod';
import { featureNames } from '../model/features.ts';
import { listLimit } from './limits.ts';
import { named } from './route.ts';

/** Shapes that several resources share. */

export const instant = z.iso.datetime().describe('UTC, ISO 8601.');

/** Any text names nothing but a UUID; what is not one is simply not found, like an unknown id. */
export const byId = z.strictObject({ id: z.uuid() });

/** Ids in one parameter, separated by commas. */
export const uuidList = (most: number) =>
  z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(z.uuid()).min(1).max(most));

export const feature = named(
  'Feature',
  z.enum(featureNames).describe('Something the tenant switches on; the only reason to keep more than name and e-mail.'),
);

/** Printable text without control characters: those have no business in a name and can forge log lines. */
export const line = (most: number) =>
  z
    .string()
    .max(most)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the point
    .regex(/^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$/);

export const email = line(320)
  .trim()
  .regex(/^[^\s@]+@[^\s@]+$/, { error: 'is not an e-mail address' })
  .describe('Business e-mail address.');

export const connectionName = z
  .string()
  .regex(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/)
  .max(40)
  .describe('The connection’s name in the tenant’s configuration.');

export const listQuery = z.strictObject({
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(listLimit.most)
    .default(listLimit.usual)
    .describe('Most items in one answer.'),
  cursor: z.string().min(1).max(1024).optional().describe('`next` of the page before; absent: from the start.'),
});
export type ListQuery = z.infer<typeof listQuery>;

/** A page of a list; `next` is null on the last one. */
export function listOf<T extends z.ZodType>(name: string, item: T) {
  return named(
    name,
    z.object({
      items: z.array(item),
      next: z.string().nullable().describe('Cursor of the next page; null if this was the last.'),
    }),
  );
}
