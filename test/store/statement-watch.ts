/**
 * Sees every statement that the store sends in a tenant's transactions, as it goes to the server, and can take the
 * tenant predicate out of it: what then comes back is row-level security's work alone.
 */
import pg from 'pg';

export interface Sent {
  /** With its white space folded and `?` for each value. */
  readonly text: string;
  readonly rows: number;
}

export interface StatementWatch {
  readonly sent: Sent[];
  /** Statements whose answer without their tenant predicate was another one, in words. */
  readonly differing: string[];
  /** How many statements were sent without their predicate. */
  readonly rewritten: number;
  stop(): void;
}

type Query = (this: pg.Client, ...args: unknown[]) => unknown;
interface Answer {
  readonly rowCount: number | null;
  readonly rows: unknown[];
}

/** `tenant_id = $1`, and the name table's own id in the one statement that opens a tenant. */
const PREDICATE = /\b(?:\w+\.)?tenant_id = \$(\d+)|(?<=registry\.tenant t\b[\s\S]*)\bt\.id = \$(\d+)/g;

export const folded = (text: string): string => text.replace(/\s+/g, ' ').replace(/\$\d+/g, '?').trim();

/** The parameter stays in use, because the server counts parameters; it decides nothing any more. */
export const withoutPredicate = (text: string): string =>
  text.replace(
    PREDICATE,
    (_all, one: string | undefined, other: string | undefined) => `($${one ?? other}::uuid IS NOT NULL)`,
  );

/**
 * @param unpredicated each statement with a tenant predicate runs twice in its transaction, as it is and without; the
 *   store goes on with the second answer
 */
export function watchStatements({ unpredicated }: { unpredicated: boolean }): StatementWatch {
  const original = pg.Client.prototype.query as unknown as Query;
  const inTenant = new WeakSet<pg.Client>();
  const sent: Sent[] = [];
  const differing: string[] = [];
  let rewritten = 0;

  async function twice(client: pg.Client, config: { text: string; values: unknown[] }): Promise<Answer> {
    const ask = (text: string, values?: unknown[]) => original.call(client, { text, values }) as Promise<Answer>;
    const plain = withoutPredicate(config.text);
    if (plain === config.text) return ask(config.text, config.values);
    await ask('SAVEPOINT watched');
    const asItIs = await ask(config.text, config.values);
    await ask('ROLLBACK TO SAVEPOINT watched');
    const without = await ask(plain, config.values);
    await ask('RELEASE SAVEPOINT watched');
    rewritten++;
    if (asItIs.rowCount !== without.rowCount || sorted(asItIs.rows) !== sorted(without.rows))
      differing.push(`${asItIs.rowCount} rows, without its predicate ${without.rowCount}: ${folded(config.text)}`);
    return without;
  }

  pg.Client.prototype.query = function (this: pg.Client, ...args: unknown[]): unknown {
    const [config] = args as [{ text: string; values: unknown[] } | string];
    const text = typeof config === 'string' ? config : config.text;
    if (/set_config\('sluice\.tenant'/.test(text)) {
      inTenant.add(this);
      return original.apply(this, args);
    }
    if (/^\s*(BEGIN|COMMIT|ROLLBACK)\b/i.test(text)) inTenant.delete(this);
    if (!inTenant.has(this) || typeof config === 'string') return original.apply(this, args);
    const answered = unpredicated
      ? twice(this, config)
      : (original.call(this, { text, values: config.values }) as Promise<Answer>);
    return answered.then((answer) => {
      sent.push({ text: folded(text), rows: answer.rowCount ?? 0 });
      return answer;
    });
  } as never;

  return {
    sent,
    differing,
    get rewritten() {
      return rewritten;
    },
    stop: () => {
      pg.Client.prototype.query = original as never;
    },
  };
}

const sorted = (rows: unknown[]) => JSON.stringify(rows.map((row) => JSON.stringify(row)).sort());

/**
 * Tables of tenants that a statement touches without saying whose rows it means: every one read, changed or joined
 * must be compared with the tenant, or with the tenant of another table; an inserted row must name it.
 */
export function unpredicatedTables(text: string): string[] {
  const bare: string[] = [];
  const touched =
    /\b(FROM|JOIN|UPDATE|INTO)\s+((?:sluice|registry)\.\w+)(?:\s+(?:AS\s+)?(?!WHERE\b|SET\b|ON\b|LEFT\b|JOIN\b|ORDER\b|GROUP\b|FOR\b|VALUES\b|SELECT\b|RETURNING\b)(\w+))?/gi;
  const unaliased = { tables: [] as string[], predicates: (text.match(/(?<![\w.])tenant_id = \?/g) ?? []).length };
  for (const [, verb = '', table = '', alias] of text.matchAll(touched)) {
    if (table === 'registry.tenant') continue;
    if (verb.toUpperCase() === 'INTO') {
      const named = new RegExp(`INTO ${table.replace('.', '\\.')} \\(tenant_id\\b`).test(text);
      if (!named) bare.push(table);
    } else if (alias) {
      const named = new RegExp(`\\b${alias}\\.tenant_id = (\\?|\\w+\\.(tenant_id|id))|= ${alias}\\.tenant_id\\b`).test(
        text,
      );
      if (!named) bare.push(table);
    } else unaliased.tables.push(table);
  }
  // Without an alias a predicate cannot be told to belong to one table: there must be as many as tables.
  if (unaliased.tables.length > unaliased.predicates) bare.push(...unaliased.tables);
  return bare;
}

/** The texts of all statements in the store's own files, as the watch shows them. */
export function statementsIn(source: string): string[] {
  const found: string[] = [];
  for (let at = source.indexOf('sql`'); at >= 0; at = source.indexOf('sql`', at + 4)) {
    let text = '';
    let end = at + 4;
    while (source[end] !== '`') {
      if (source.startsWith('${', end)) {
        text += '?';
        end = afterValue(source, end + 2);
      } else text += source[end++];
    }
    found.push(folded(text));
  }
  return found;
}

/** Behind the brace that closes a value, which may hold braces and templates of its own. */
function afterValue(source: string, from: number): number {
  let depth = 1;
  for (let at = from; ; at++) {
    if (source[at] === '`') at = source.indexOf('`', at + 1);
    else if (source[at] === '{') depth++;
    else if (source[at] === '}' && --depth === 0) return at + 1;
  }
}
