/**
 * What in a plan of PostgreSQL's grows with the square of a tenant's rows. The planner believes of a tenant that came
 * after the last ANALYZE that it has one row in every table; for one row, comparing every row with every row is as good
 * as looking each up, and it takes whichever comes first. Of twenty thousand rows it takes minutes.
 */
import type pg from 'pg';

/** A node of `EXPLAIN (VERBOSE, FORMAT JSON)`, as far as it is looked at. */
export interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Parent Relationship'?: string;
  readonly 'Subplan Name'?: string;
  readonly Strategy?: string;
  readonly Schema?: string;
  readonly 'Relation Name'?: string;
  readonly Alias?: string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  readonly 'Hash Cond'?: string;
  readonly 'Merge Cond'?: string;
  readonly 'Join Filter'?: string;
  readonly 'Function Call'?: string;
  readonly Filter?: string;
  readonly Plans?: readonly PlanNode[];
}

export interface Index {
  readonly table: string;
  readonly unique: boolean;
  /** In order; the first is the tenant. */
  readonly columns: readonly string[];
}

export type Indexes = ReadonlyMap<string, Index>;

/**
 * Of these a tenant has one row, or one for each feature, connection or API key it was given by hand; everything in
 * `registry` is likewise. Partitions, subscriptions and runs are not among them: there is one for each room's calendar,
 * or one for each reading.
 */
const FEW_ROWS = new Set(['tenant_key', 'configuration', 'feature', 'api_key', 'expiry_told']);

/** Looked at only while removals wait for a person. */
const SELDOM = new Set(['held']);

/** What is the same in a great part of a tenant's rows: found by these alone, a row is not found. */
const SCOPE = new Set(['tenant_id', 'connection_id', 'supplier', 'stream']);

export async function indexesOf(client: pg.Client): Promise<Indexes> {
  const { rows } = await client.query<Index & { name: string }>(`
    SELECT c.relname AS name, t.relname AS table, i.indisunique AS unique,
           ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int[]) WITH ORDINALITY AS k (num, at)
                   JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.num ORDER BY k.at) AS columns
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
      JOIN pg_namespace n ON n.oid = t.relnamespace WHERE n.nspname IN ('sluice', 'registry')`);
  return new Map(rows.map((row) => [row.name, row]));
}

/**
 * In words, one for each node that is to blame:
 * a nested loop that reads its inner side whole for each row of many, a subquery that does for each row it stands in, a
 * join by hash or order that knows nothing but the connection, and a scan of the whole tenant for rows that are named.
 */
export function quadratic(plan: PlanNode, indexes: Indexes): string[] {
  const found: string[] = [];
  const visit = (node: PlanNode): void => {
    const inner = side(node, 'Inner');
    const outer = side(node, 'Outer');
    if (node['Node Type'] === 'Nested Loop' && inner && outer && !isFew(outer, indexes) && !isCheap(inner, indexes))
      found.push(`for each row of (${told(outer)}) all of (${told(inner)})${filtered(node['Join Filter'])}`);
    const matched = node['Hash Cond'] ?? node['Merge Cond'];
    if (matched && inner && outer && !isFew(inner, indexes) && !isFew(outer, indexes) && onlyScope(matched))
      found.push(`rows of (${told(outer)}) and (${told(inner)}) matched by ${bare(matched)} alone`);
    for (const child of node.Plans ?? []) {
      if (runsForEachRow(child, node) && !isFew(withoutSubplans(node), indexes) && !isCheap(child, indexes))
        found.push(`for each row of (${told(withoutSubplans(node))}) all of (${told(child)})`);
      visit(child);
    }
    const missed = namedInVain(node, indexes);
    if (missed) found.push(`all of the tenant for ${missed} in (${told(node)})`);
  };
  visit(plan);
  return found;
}

const side = (node: PlanNode, which: string) => node.Plans?.find((child) => child['Parent Relationship'] === which);

/** The rows that go up, without the plans that are worked out beside them. */
const inputs = (node: PlanNode): readonly PlanNode[] =>
  (node.Plans ?? []).filter(({ 'Parent Relationship': relation }) => relation !== 'SubPlan' && relation !== 'InitPlan');
const withoutSubplans = (node: PlanNode): PlanNode => ({ ...node, Plans: inputs(node) });

/** A hashed one is worked out once, and so is an InitPlan. */
const runsForEachRow = (child: PlanNode, parent: PlanNode): boolean =>
  child['Parent Relationship'] === 'SubPlan' &&
  !JSON.stringify({ ...parent, Plans: [] }).includes(`hashed ${child['Subplan Name']}`);

const JOINS = new Set(['Nested Loop', 'Hash Join', 'Merge Join']);

/** A row or none by what the plan is, or one of the tables of few: estimates are just what is not believed here. */
function isFew(node: PlanNode, indexes: Indexes): boolean {
  const type = node['Node Type'];
  if (node['Relation Name'] && type !== 'ModifyTable') {
    if (node.Schema === 'registry' || FEW_ROWS.has(node['Relation Name'])) return true;
    const index = indexes.get(indexName(node) ?? '');
    if (!index?.unique) return false;
    const equal = new Set(conditions(node).flatMap((one) => one.match(/^\(*\w+\.(\w+) = (?!ANY)/)?.[1] ?? []));
    return index.columns.every((column) => equal.has(column));
  }
  const children = inputs(node);
  if (type === 'Aggregate' && node.Strategy === 'Plain') return true;
  if (type === 'Result' && children.length === 0) return true;
  return children.length > 0 && children.every((child) => isFew(child, indexes));
}

/** Few rows, or found by what the row outside of it says. */
function isCheap(node: PlanNode, indexes: Indexes, own: ReadonlySet<string> = aliases(node)): boolean {
  if (isFew(node, indexes)) return true;
  if (node['Relation Name'] && node['Node Type'] !== 'ModifyTable')
    return conditions(node).some((one) => {
      const columns = references(one);
      return (
        columns.some(({ alias, column }) => alias === node.Alias && !SCOPE.has(column)) &&
        columns.some(({ alias }) => !own.has(alias))
      );
    });
  if (node['Function Call']) return references(node['Function Call']).some(({ alias }) => !own.has(alias));
  const children = inputs(node);
  // What is inside may be found by what is inside: of a loop in here the inner side is.
  return (
    children.length > 0 &&
    children.every((child) =>
      isCheap(
        child,
        indexes,
        JOINS.has(node['Node Type']) && child['Parent Relationship'] === 'Inner' ? aliases(child) : own,
      ),
    )
  );
}

/** A column that the filter compares although an index leads to it. */
function namedInVain(node: PlanNode, indexes: Indexes): string | undefined {
  const table = node['Relation Name'];
  if (!table || node['Node Type'] === 'ModifyTable' || node.Schema !== 'sluice') return undefined;
  if (FEW_ROWS.has(table) || SELDOM.has(table)) return undefined;
  const used = conditions(node).flatMap((one) => references(one).filter(({ alias }) => alias === node.Alias));
  if (used.some(({ column }) => !SCOPE.has(column))) return undefined;
  const leading = [...indexes.values()].flatMap(({ table: of, columns }) =>
    of === table ? (columns.find((column) => !SCOPE.has(column)) ?? []) : [],
  );
  // Looking through one connection for many rows at once is fair; doing so for each of its calendars is not.
  const fair = used.some(({ column }) => column !== 'tenant_id');
  return conjuncts(node.Filter ?? '').flatMap((one) => {
    const [, alias, column = '', list] = one.match(/^\(*(\w+)\.(\w+) = (ANY)?/) ?? [];
    const asked = alias === node.Alias && !one.includes(' OR ') && (!fair || (column === 'partition' && !list));
    return asked && leading.includes(column) ? column : [];
  })[0];
}

const indexName = (node: PlanNode): string | undefined =>
  node['Index Name'] ?? (node.Plans?.length === 1 ? indexName(node.Plans[0]!) : undefined);

/** Of the index; those of a bitmap are below it. */
const conditions = (node: PlanNode): string[] => [
  ...conjuncts(node['Index Cond'] ?? ''),
  ...(node['Node Type'].startsWith('Bitmap') ? inputs(node).flatMap(conditions) : []),
];

const bare = (condition: string): string => condition.replace(/'(?:[^']|'')*'/g, "'?'");
const conjuncts = (condition: string): string[] => bare(condition).split(' AND ').filter(Boolean);
const references = (condition: string) =>
  [...bare(condition).matchAll(/\b([a-z_]\w*)"?\."?([a-z_]\w*)/g)].map(([, alias, column]) => ({
    alias: alias!,
    column: column!,
  }));
const onlyScope = (condition: string) => references(condition).every(({ column }) => SCOPE.has(column));

const aliases = (node: PlanNode): Set<string> =>
  new Set([...(node.Alias ? [node.Alias] : []), ...(node.Plans ?? []).flatMap((child) => [...aliases(child)])]);

const filtered = (filter: string | undefined) => (filter ? `, compared by ${bare(filter)}` : '');

/** The node and what it reads, on one line. */
function told(node: PlanNode): string {
  const index = indexName(node);
  const own = [
    node['Node Type'],
    node['Relation Name'] && `${node['Relation Name']} ${node.Alias}`,
    !node['Relation Name'] && node.Alias,
    node['Relation Name'] && index && `by ${index}`,
    conditions(node).join(' AND '),
    node.Filter && node['Relation Name'] && `filter ${bare(node.Filter)}`,
  ].filter(Boolean);
  const below = node['Node Type'].startsWith('Bitmap') ? [] : inputs(node).map(told);
  return [own.join(' '), ...below].join(' < ');
}
