import { z } from 'zod';
import { dropReasons, streamNames } from '../../model/model.ts';
import { named } from '../route.ts';
import { connectionName, instant, listOf, listQuery } from '../shapes.ts';

const count = z.int().min(0);

const streamReceipt = named(
  'StreamReceipt',
  z.object({
    mode: z.enum(['full', 'incremental']),
    read: count.describe('kept + dropped + repeated'),
    kept: count.describe('created + updated + unchanged'),
    created: count,
    updated: count,
    unchanged: count,
    repeated: count.describe('Kept records seen again in the same pass.'),
    gone: count.describe('Records the source reported gone.'),
    removed: count.describe('What was taken away.'),
    held: count.describe('Removals that wait for a decision.'),
    dropped: z.partialRecord(z.enum(dropReasons), count).describe('Records turned away, by reason.'),
    fields_dropped: z
      .record(z.string(), count)
      .optional()
      .describe('Fields that came though nobody asked, by documented name; all others as `other`.'),
  }),
);

export const receipt = named(
  'Receipt',
  z
    .object({
      run: z.string(),
      connection: z.string().describe('TENANT/CONNECTION.'),
      status: z.enum(['running', 'succeeded', 'failed', 'held', 'rejected', 'superseded', 'cancelled']),
      started_at: instant,
      finished_at: instant.nullable(),
      requests: count,
      bytes: count,
      streams: z.partialRecord(z.enum(streamNames), streamReceipt),
      error: z.string().optional().describe('Why it failed, and what to do.'),
      decided_by: z.string().optional(),
      decided_at: instant.optional(),
    })
    .meta({
      description: 'A run’s account.',
      example: {
        run: '019ab3f2-aaaa-7d3a-9f10-2b6f6f0c9a11',
        connection: 'acme/people',
        status: 'succeeded',
        started_at: '2026-11-22T09:15:00Z',
        finished_at: '2026-11-22T09:15:04Z',
        requests: 101,
        bytes: 18233411,
        streams: {
          users: {
            mode: 'full',
            read: 100000,
            kept: 5000,
            created: 0,
            updated: 12,
            unchanged: 4988,
            repeated: 0,
            gone: 0,
            removed: 0,
            held: 0,
            dropped: { 'not-a-user': 94990, 'out-of-scope': 7, invalid: 3 },
          },
        },
      },
    }),
);
export const receiptList = listOf('ReceiptList', receipt);

export const runsQuery = listQuery.extend({
  connection: connectionName.optional().describe('Only runs of this connection.'),
});
export type RunsQuery = z.infer<typeof runsQuery>;
