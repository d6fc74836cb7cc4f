import { z } from 'zod';
import { streamNames } from '../../model/model.ts';
import { named } from '../route.ts';
import { instant, listOf } from '../shapes.ts';

export const source = named(
  'Source',
  z
    .object({
      connection: z.string(),
      stream: z.enum(streamNames),
      first_complete_at: instant
        .nullable()
        .describe('When everything had been read for the first time; null: not yet.'),
      last_success_at: instant.nullable(),
      covers: z
        .object({ from: instant, to: instant })
        .nullable()
        .describe('The window of time that was read of every calendar; null where it is not a matter of time.'),
      status: z.enum(['ok', 'late', 'held', 'failing', 'quarantined', 'stopped', 'paused', 'never']),
      not_before: instant
        .nullable()
        .describe('The source asked to be left alone: it is read again from then on; null: it may be asked now.'),
    })
    .meta({
      description: 'How fresh what one connection supplies is.',
      example: {
        connection: 'people',
        stream: 'users',
        first_complete_at: '2026-11-02T03:00:41Z',
        last_success_at: '2026-11-22T09:15:04Z',
        covers: null,
        status: 'ok',
        not_before: null,
      },
    }),
);

export const sourceList = listOf('SourceList', source);
