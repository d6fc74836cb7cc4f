import { InvalidArgumentError } from 'commander';
import { type Receipt, type StreamReceipt, waitsForDecision } from '../../model/receipt.ts';
import type { Store } from '../../store/index.ts';
import type { SyncService } from '../../sync/types.ts';
import { type Command, type Context, declare, type JsonOption } from '../context.ts';
import { paintStatus } from '../receipt-view.ts';
import { table } from '../table.ts';
import { openConnection, openTenant, runsTarget } from '../target.ts';
import { duration, instant, number } from '../words.ts';

/** One page of the store; who wants more asks the API. */
const MOST = 1000;

export function wholeNumber(most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= 1 && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${number(most)}.`);
  };
}

export function runs(program: Command, context: Context): void {
  const { json, say, style } = context;
  declare(
    program,
    'runs [tenant[/connection]]',
    'the latest runs, newest first; below them, sources that asked to be left alone, and certificates and secrets that end soon',
    'sluice runs acme/people',
    'sluice runs acme --limit 5 --json',
  )
    .option('--limit <n>', 'how many', wholeNumber(MOST), 20)
    .action(async (target: string | undefined, options: JsonOption & { limit: number }) => {
      const wanted = target === undefined ? undefined : runsTarget(target);
      const { receipts, waiting, expiring } = await context.attached('runs', async ({ store, sync }) => ({
        receipts: await latest(store, wanted, options.limit),
        waiting: await leftAlone(store, wanted),
        expiring: await endingSoon(store, sync, wanted),
      }));
      if (options.json) return json({ items: receipts, waiting, expiring });
      if (receipts.length === 0) say('No run yet; `sluice sync TENANT/CONNECTION` makes one.');
      else show(context, receipts);
      for (const { connection, not_before } of waiting)
        say(
          `\n${style.doubt(`The source of ${connection} asked to be left alone: nothing is asked of it before ${instant(not_before)}.`)}`,
        );
      // The notice of it reaches nobody where no mail server is set: here it stands until it is mended.
      for (const { sentence } of expiring) say(`\n${style.doubt(sentence)}`);
    });
}

type Target = ReturnType<typeof runsTarget> | undefined;

/** Ids of the tenants that were asked about; all of them if none was named. */
async function tenantsOf(store: Store, wanted: Target): Promise<readonly string[]> {
  if (wanted !== undefined) return [(await openTenant(store, wanted.tenant)).tenantId];
  return (await store.registry.tenants()).map(({ id }) => id);
}

/** Connections whose source asked for no request before some instant. */
async function leftAlone(store: Store, wanted: Target) {
  const found = [];
  for (const id of await tenantsOf(store, wanted)) {
    const tenant = await store.tenant(id);
    for (const { name, not_before } of await tenant.connections.list())
      if (not_before !== null && (wanted?.connection ?? name) === name)
        found.push({ connection: `${tenant.tenant}/${name}`, not_before });
  }
  return found;
}

async function endingSoon(store: Store, sync: SyncService, wanted: Target) {
  const found = [];
  for (const id of await tenantsOf(store, wanted)) found.push(...(await sync.expiring(id)));
  const name = wanted?.connection && `${wanted.tenant}/${wanted.connection}`;
  return found.filter(({ connection }) => name === undefined || connection === name);
}

async function latest(store: Store, wanted: Target, limit: number): Promise<Receipt[]> {
  if (wanted !== undefined) {
    const { tenant: name, connection } = wanted;
    const tenant = await openTenant(store, name);
    if (connection !== undefined) await openConnection(store, { tenant: name, connection });
    const page = await tenant.runs.list({ limit, ...(connection === undefined ? {} : { connection }) });
    return [...page.items];
  }
  const all: Receipt[] = [];
  for (const { id } of await store.registry.tenants()) {
    all.push(...(await (await store.tenant(id)).runs.list({ limit })).items);
  }
  // Ids of runs sort by time.
  return all.sort((a, b) => (a.run < b.run ? 1 : -1)).slice(0, limit);
}

const right = (title: string) => ({ title, align: 'right' as const });

function show({ terminal, style, say }: Context, receipts: readonly Receipt[]): void {
  const sum = (receipt: Receipt, of: (stream: StreamReceipt) => number) =>
    Object.values(receipt.streams).reduce((total, stream) => total + of(stream), 0);
  const some = (value: number) => (value > 0 ? number(value) : '');
  const rows = receipts.map((one) => [
    one.run,
    one.connection,
    paintStatus(one.status, style),
    instant(one.started_at),
    one.finished_at ? duration(Date.parse(one.finished_at) - Date.parse(one.started_at)) : '',
    number(sum(one, ({ read }) => read)),
    number(sum(one, ({ kept }) => kept)),
    some(sum(one, ({ created }) => created)),
    some(sum(one, ({ updated }) => updated)),
    some(sum(one, ({ removed }) => removed)),
    some(sum(one, ({ held }) => held)),
  ]);
  const head = [
    { title: 'run' },
    { title: 'connection' },
    { title: 'status' },
    { title: 'started' },
    right('took'),
    right('read'),
    right('let in'),
    right('new'),
    right('changed'),
    right('removed'),
    right('held'),
  ];
  terminal.out(table(head, rows, { paintTitle: style.faint }));
  const open = receipts.filter(waitsForDecision);
  if (open.length > 0) say(`\nHeld for a decision: \`sluice run ${open[0]!.run}\` shows what and why.`);
}
