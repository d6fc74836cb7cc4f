/** Has every statement that the store sends in a tenant's transactions explained by the server before it runs. */
import pg from 'pg';
import type { PlanNode } from './quadratic-plans.ts';
import { folded } from './statement-watch.ts';

export interface PlanWatch {
  /** By the statement's text, folded: its plans, two for each time: for lists as long as they were, and as a page's. */
  readonly plans: ReadonlyMap<string, readonly PlanNode[]>;
  stop(): void;
}

type Query = (this: pg.Client, ...args: unknown[]) => Promise<pg.QueryResult>;

export function watchPlans(): PlanWatch {
  const original = pg.Client.prototype.query as unknown as Query;
  const inTenant = new WeakSet<pg.Client>();
  const plans = new Map<string, PlanNode[]>();

  pg.Client.prototype.query = async function (this: pg.Client, ...args: unknown[]) {
    const [config] = args as [{ text: string; values: unknown[] } | string];
    const text = typeof config === 'string' ? config : config.text;
    if (/set_config\('sluice\.tenant'/.test(text)) inTenant.add(this);
    else if (/^\s*(BEGIN|COMMIT|ROLLBACK)\b/i.test(text)) inTenant.delete(this);
    else if (inTenant.has(this) && typeof config !== 'string') {
      const seen = plans.get(folded(text)) ?? [];
      for (const values of [config.values, config.values.map(lengthened)])
        seen.push(await explained((asked) => original.call(this, asked), text, values));
      plans.set(folded(text), seen);
    }
    return original.apply(this, args);
  } as never;

  return {
    plans,
    stop: () => {
      pg.Client.prototype.query = original as never;
    },
  };
}

/** With these values, as the store's statements are planned: each time anew. */
export async function explained(
  ask: (asked: { text: string; values: unknown[] }) => Promise<pg.QueryResult>,
  text: string,
  values: unknown[],
): Promise<PlanNode> {
  const { rows } = await ask({ text: `EXPLAIN (VERBOSE, FORMAT JSON) ${text}`, values });
  return (rows[0] as { 'QUERY PLAN': [{ Plan: PlanNode }] })['QUERY PLAN'][0].Plan;
}

/** A page's worth: how many keys a list holds is what the planner weighs. */
const PAGE = 500;

/** Lists told over and over; see wire-array.ts for the form of those that are not text. */
function lengthened(value: unknown): unknown {
  if (Array.isArray(value) && value.length > 0)
    return Array.from({ length: PAGE }, (_, at) => value[at % value.length] as unknown);
  if (
    !Buffer.isBuffer(value) ||
    value.length < 20 ||
    value.readInt32BE(0) !== 1 ||
    ![17, 20, 2950].includes(value.readInt32BE(8))
  )
    return value;
  const elements: Buffer[] = [];
  for (let at = 20; at < value.length; ) {
    const size = Math.max(value.readInt32BE(at), 0);
    elements.push(value.subarray(at, at + 4 + size));
    at += 4 + size;
  }
  const header = Buffer.from(value.subarray(0, 20));
  header.writeInt32BE(PAGE, 12);
  return Buffer.concat([header, ...Array.from({ length: PAGE }, (_, at) => elements[at % elements.length]!)]);
}
