import type { DropReason, StreamName } from '../../model/model.ts';
import type { PreviewField, PreviewRecord, PreviewReport, PreviewStream } from '../../sync/types.ts';
import { type Command, type Context, declare, type JsonOption } from '../context.ts';
import { reasons } from '../receipt.ts';
import { table } from '../table.ts';
import { connectionTarget, openConnection } from '../target.ts';
import { printable, type Style } from '../terminal.ts';
import { count, number } from '../words.ts';
import { wholeNumber } from './runs.ts';

interface Options extends JsonOption {
  readonly user?: string;
  readonly asUser?: string;
  readonly limit?: number;
}

const MOST = 100_000;

export function preview(program: Command, context: Context): void {
  declare(
    program,
    'preview <tenant/connection>',
    'what a run would let in and turn away, field by field, and why; writes nothing',
    'sluice preview acme/people --limit 500',
    'sluice preview acme/people --as-user noor.dewit@acme.example',
  )
    .option('--user <email>', 'show only the records of this address')
    .option('--as-user <email>', 'treat this address as logged on, for this preview alone')
    .option('--limit <n>', 'records to read of each stream', wholeNumber(MOST))
    .action(async (target: string, options: Options) => {
      const named = connectionTarget(target);
      const { report, paused } = await context.attached('preview', async ({ store, sync }) => {
        const { tenant, status } = await openConnection(store, named);
        const report = await sync.preview(tenant.tenantId, status.name, {
          ...(options.user === undefined ? {} : { user: options.user }),
          ...(options.asUser === undefined ? {} : { asUser: options.asUser }),
          ...(options.limit === undefined ? {} : { limit: options.limit }),
        });
        return { report, paused: status.paused };
      });
      if (options.json) return context.json(report);
      show(context, report, options.user !== undefined || options.asUser !== undefined);
      context.say(`Nothing was written.${paused ? ` \`sluice resume ${target}\` lets it run.` : ''}`);
    });
}

function show(context: Context, report: PreviewReport, onePerson: boolean): void {
  const { say } = context;
  for (const [name, stream] of Object.entries(report.streams) as [StreamName, PreviewStream][]) {
    showStream(context, name, stream, onePerson);
    say();
  }
}

const outcomes: Readonly<Record<PreviewField['outcome'], readonly [told: string, paint: keyof Style]>> = {
  kept: ['kept', 'good'],
  'looked-at': ['looked at, forgotten', 'doubt'],
  dropped: ['dropped', 'faint'],
};

/** What names a record or a person is not forgotten: of a user it is kept, sealed, to recognise them again. */
function outcomeOf({ outcome, roles }: PreviewField): readonly [told: string, paint: keyof Style] {
  const recognises = roles.includes('key') || roles.includes('match');
  return outcome === 'looked-at' && recognises ? ['recognises', 'good'] : outcomes[outcome];
}

function showStream(context: Context, name: StreamName, stream: PreviewStream, onePerson: boolean): void {
  const { style, terminal, say } = context;
  const layout = { columns: terminal.columns, indent: 2, paintTitle: style.faint };
  const limit = stream.complete ? '' : ' (the first ones: the limit ended the reading)';
  const away = stream.read - stream.kept;
  say(
    `${style.strong(name.replace('_', ' '))}  read ${count(stream.read, 'record')}${limit}: would let in ${number(stream.kept)}, turn away ${number(away)}`,
  );
  const why = (Object.keys(reasons) as DropReason[])
    .filter((reason) => (stream.dropped[reason] ?? 0) > 0)
    .map((reason) => [number(stream.dropped[reason] ?? 0), reasons[reason].meaning]);
  if (why.length > 0) terminal.out(table([{ title: '', align: 'right' }, { title: '' }], why, layout));
  say();
  const fields = stream.fields.map((field) => {
    const [told, paint] = outcomeOf(field);
    return [printable(field.field), field.roles.join(', '), style[paint](told), field.ours ?? '', field.why];
  });
  const head = [
    { title: 'their field' },
    { title: 'role' },
    { title: 'what happens' },
    { title: 'kept as' },
    { title: 'why' },
  ];
  terminal.out(table(head, fields, layout));
  say();
  if (stream.records.length > 0) showRecords(context, stream.records, onePerson);
  else say(onePerson ? '  No record of this person was seen.' : '  No record would be let in.');
}

/** Kept fields of kept records, as they would be stored; of all others only why they are turned away. */
function showRecords({ terminal, style, say }: Context, records: readonly PreviewRecord[], onePerson: boolean): void {
  say(
    onePerson
      ? '  What is told of this person:'
      : `  The first ${count(records.length, 'record')} that would be let in:`,
  );
  const kept = records.filter(({ outcome }) => outcome === 'kept');
  const ours = [...new Set(kept.flatMap(({ fields }) => Object.keys(fields)))];
  const value = (one: PreviewRecord, field: string) => {
    const told = one.fields[field];
    if (told === undefined || told === null) return '-';
    if (typeof told === 'boolean') return told ? 'yes' : 'no';
    return printable(Array.isArray(told) ? told.join(', ') : String(told));
  };
  const rows = kept.map((one) => ours.map((field) => value(one, field)));
  terminal.out(
    table(
      ours.map((field) => ({ title: field.replaceAll('_', ' ') })),
      rows,
      { indent: 2, paintTitle: style.faint },
    ),
  );
  for (const { outcome } of records) if (outcome !== 'kept') say(`  turned away: ${reasons[outcome].meaning}`);
}
