import { BadInput, Refused } from '../base/errors.ts';
import { isUuid } from '../base/uuid.ts';
import type { FeedKind } from '../model/model.ts';
import { inTenant, type TenantContext } from './context.ts';
import { sql } from './sql.ts';
import type { Change, ChangeStore, ChangesPage } from './types.ts';

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
  const ours =
    format === '1' &&
    epoch &&
    isUuid(epoch) &&
    rest.length === 0 &&
    numbers.every((n) => Number.isSafeInteger(n) && n >= 0);
  if (!ours)
    throw new BadInput('This cursor is none of ours; send back `next` of the last answer unchanged, or none to start.');
  return { epoch, seq: numbers[0]!, until: numbers[1]! };
}

const tooOld = () =>
  new Refused('cursor-too-old', 'This cursor is older than what is remembered; read again without one, then follow.');

interface Head {
  epoch: string;
  head: number;
  purged: number;
}

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
        const start = cursor ? decode(cursor) : undefined;
        // Head and rows in one statement, so of one moment: between two, tombstones could be purged unnoticed and a
        // removal never be told.
        const found = await tx.rows<Head & (Row | { [K in keyof Row]: null })>(sql`
          SELECT h.epoch, h.seq AS head, h.purged_through AS purged, f.seq, f.kind, f.entity_id, f.op, f.reason
            FROM registry.feed_head h
            LEFT JOIN LATERAL (
              SELECT seq, kind, entity_id, op, reason FROM sluice.feed
               WHERE tenant_id = ${tenantId} AND seq > ${start?.seq ?? 0} AND seq <= h.seq
                 AND kind = ANY(${kinds}::text[]) AND (op = 'upsert' OR seq > coalesce(${start?.until ?? null}::bigint, h.seq))
               ORDER BY seq LIMIT ${limit + 1}) f ON true
           WHERE h.tenant_id = ${tenantId} ORDER BY f.seq`);
        const { epoch, head, purged } = found[0]!;
        const from = start ?? { epoch, seq: 0, until: head };
        if (from.epoch !== epoch || from.seq > head) throw tooOld();
        // What was removed and forgotten after the reader's place would never be told.
        if (Math.max(from.seq, from.until) < purged) throw tooOld();
        const rows = found.flatMap(({ seq, kind, entity_id, op, reason }) =>
          seq === null ? [] : [{ seq, kind, entity_id, op, reason } as Row],
        );
        const more = rows.length > limit;
        const shown = rows.slice(0, limit);
        const seq = more ? shown.at(-1)!.seq : head;
        return {
          items: shown.map(({ entity_id, reason, ...row }) => ({
            ...row,
            id: entity_id,
            ...(reason ? { reason } : {}),
          })),
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
