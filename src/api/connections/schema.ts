import { z } from 'zod';
import { dropReasons, streamNames } from '../../model/model.ts';
import { named } from '../route.ts';
import { connectionName, email, instant, listOf } from '../shapes.ts';

export const connectionParams = z.strictObject({ name: connectionName });
export type ConnectionParams = z.infer<typeof connectionParams>;

export const connection = named(
  'Connection',
  z
    .object({
      id: z.uuid(),
      name: z.string(),
      connector: z.string(),
      directory: z
        .string()
        .describe(
          'DIRECTORY of its directory-ids, unless its settings name another (as those of Microsoft 365 always do: `entra:` and the tenant ID).',
        ),
      paused: z.boolean(),
      schedule: z.string().nullable().describe('Cron, in the tenant’s time zone; null: only by hand.'),
      full: z.string().nullable().describe('Cron of the full passes.'),
      next_due_at: instant.nullable(),
      not_before: instant
        .nullable()
        .describe(
          'The source asked to be left alone until then: nothing is asked of it before, neither by schedule nor by hand; null: it may be asked.',
        ),
      health: z.enum(['never', 'ok', 'failing', 'held', 'quarantined', 'stopped']),
      failing_since: instant.nullable(),
      failure: z.string().nullable().describe('Why, and what to do.'),
      notifications_failure: z
        .string()
        .nullable()
        .describe(
          'Why its source does not tell of all changes, or could not be told to stop; the schedule reads all the same.',
        ),
      running: z.string().nullable().describe('The run under way.'),
    })
    .meta({
      description: 'One configured use of a connector. Settings are not shown here.',
      example: {
        id: '019ab3f2-1111-7d3a-9f10-2b6f6f0c9a11',
        name: 'people',
        connector: 'ldap',
        directory: 'people',
        paused: false,
        schedule: '*/15 * * * *',
        full: '0 3 * * *',
        next_due_at: '2026-11-22T09:30:00Z',
        not_before: null,
        health: 'ok',
        failing_since: null,
        failure: null,
        notifications_failure: null,
        running: null,
      },
    }),
);
export const connectionList = listOf('ConnectionList', connection);

export const checkReport = named(
  'CheckReport',
  z
    .object({
      passed: z.boolean().describe('Whether a run would work. Too much permission is a warning, not a failure.'),
      findings: z.array(
        z.object({
          step: z.enum(['name', 'connection', 'tls', 'sign-in', 'permission', 'records']),
          outcome: z.enum(['ok', 'failed', 'too-little', 'too-much', 'note']),
          sentence: z.string().describe('What was seen and, unless ok, what to do.'),
        }),
      ),
    })
    .meta({
      description: 'What a check found, in the order tried.',
      example: {
        passed: true,
        findings: [{ step: 'connection', outcome: 'ok', sentence: 'Reached dc1.acme.example, port 636.' }],
      },
    }),
);

export const previewRequest = named(
  'PreviewRequest',
  z
    .strictObject({
      user: email.optional().describe('Show only records of this address.'),
      as_user: email.optional().describe('Treat this address as logged on, in memory.'),
      limit: z.int().min(1).max(10_000).optional().describe('Records to read per stream.'),
    })
    .meta({ example: { as_user: 'noor.dewit@acme.example', limit: 500 } }),
);
export type PreviewBody = z.infer<typeof previewRequest>;

const previewStream = named(
  'PreviewStream',
  z.object({
    read: z.int(),
    kept: z.int(),
    dropped: z.partialRecord(z.enum(dropReasons), z.int()),
    complete: z.boolean().describe('False when the limit ended the reading early.'),
    fields: z
      .array(
        z.object({
          field: z.string(),
          roles: z.array(z.enum(['key', 'match', 'decide', 'keep'])),
          ours: z.string().nullable().describe('Our name, if it is kept.'),
          outcome: z.enum(['kept', 'looked-at', 'dropped']),
          why: z.string(),
        }),
      )
      .describe('Every source field: what happens to it and why.'),
    records: z
      .array(
        z.object({
          outcome: z.enum(['kept', ...dropReasons]),
          fields: z
            .record(z.string(), z.union([z.string(), z.boolean(), z.number(), z.array(z.string()), z.null()]))
            .describe('Empty unless kept.'),
        }),
      )
      .describe('With user or as_user that person’s records, otherwise the first kept ones. Never a dropped value.'),
  }),
);

export const previewReport = named(
  'PreviewReport',
  z
    .object({ connection: z.string(), streams: z.partialRecord(z.enum(streamNames), previewStream) })
    .meta({ description: 'A dry run: nothing was written.' }),
);

export const runRequest = named(
  'RunRequest',
  z
    .strictObject({
      mode: z.enum(['full', 'incremental']).optional().describe('Absent: whatever is due. `full` forces a full pass.'),
    })
    .meta({ example: { mode: 'full' } }),
);
export type RunRequestBody = z.infer<typeof runRequest>;

export const requestedRun = named(
  'RequestedRun',
  z
    .object({ run: z.string().describe('Its receipt is at `/admin/v1/runs/{id}` once a worker has taken it.') })
    .meta({ example: { run: '019ab3f2-aaaa-7d3a-9f10-2b6f6f0c9a11' } }),
);
