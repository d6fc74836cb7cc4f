import { BadInput, Refused } from '../base/errors.ts';
import { isUuid } from '../base/uuid.ts';
import type { FeedKind } from '../model/model.ts';
import { inTenant, type TenantContext } from './context.ts';
import { sql } from './sql.ts';
import type { Change, ChangesPage, ChangeStore } from './types.ts';

/**
 * A reader's place. While `until` lies ahead the reader is loading what lives, once; removals up to there are of
 * things it never heard of.
 */
interface Cursor {
  readonly epoch: string;
  readonly seq: number;
  readonly until: number;
}

function encode({ epoch, seq, until }: Cursor): string {
  return Buffer.from(`1 ${epoch} ${seq} ${until}`).toString('base64url');
}

function decode(cursor: string): Cursor {
  const [format, epoch, seq, until, ...rest] = Buffer.from(cursor, 'base64url').toString('utf8').split(' ');
  const numbers = [Number(seq), Number(until)];
  const ours = format === '1' && epoch && isUuid(epoch) && rest.length === 0 && numbers.every((n) => Number.isSafeInteger(n) && n >= 0);
  if (!ours) throw new BadInput('This cursor is none of ours; send back `next` of the last answer unchanged, or none to start.');
  return { epoch, seq: numbers[0]!, until: numbers[1]! };
}

const tooOld = () =>
  new Refused('cursor-too-old', 'This cursor is older than what is remembered; read again without one, then follow.');

interface Row {
  seq: number;
  kind: FeedKind;
  entity_id: string;
  op: 'upsert' | 'remove';
  reason: Change['reason'] | null;
}

export function changeStore(context: TenantContext): ChangeStore {
  const { tenantId } = context;
  return {
    read: ({ cursor, limit, kinds }): Promise<ChangesPage> =>
      inTenant(context, async (tx) => {
        // The head first: every number up to it is committed, and what comes later has a higher one.
        const [head] = await tx.rows<{ epoch: string; seq: number; purged: number }>(sql`
          SELECT epoch, seq, purged_through AS purged FROM registry.feed_head WHERE tenant_id = ${tenantId}`);
        const from = cursor ? decode(cursor) : { epoch: head!.epoch, seq: 0, until: head!.seq };
        if (from.epoch !== head!.epoch || from.seq > head!.seq) throw tooOld();
        // What was removed and forgotten after the reader's place would never be told.
        if (Math.max(from.seq, from.until) < head!.purged) throw tooOld();
        const rows = await tx.rows<Row>(sql`
          SELECT seq, kind, entity_id, op, reason FROM sluice.feed
           WHERE tenant_id = ${tenantId} AND seq > ${from.seq} AND seq <= ${head!.seq}
             AND kind = ANY(${kinds}::text[]) AND (op = 'upsert' OR seq > ${from.until})
           ORDER BY seq LIMIT ${limit + 1}`);
        const more = rows.length > limit;
        const shown = rows.slice(0, limit);
        const seq = more ? shown.at(-1)!.seq : head!.seq;
        return {
          items: shown.map(({ entity_id, reason, ...row }) => ({ ...row, id: entity_id, ...(reason ? { reason } : {}) })),
          next: encode({ epoch: from.epoch, seq, until: from.until }),
          more,
        };
      }),
  };
}

/** The feed number a cursor stands at, for waiting; `undefined` without a cursor. @throws BadInput */
export function cursorSeq(cursor: string | undefined): number | undefined {
  return cursor === undefined ? undefined : decode(cursor).seq;
}
