import type { DropReason } from '../model/model.ts';
import type { Receipt, RunStatus } from '../model/receipt.ts';
import type { Context } from './context.ts';
import { effortSentence, type ReceiptOptions, reasons, receiptSentences, streamsOf } from './receipt.ts';
import { table, wrap } from './table.ts';
import type { Style } from './terminal.ts';
import { instant, number } from './words.ts';

export function paintStatus(status: RunStatus, style: Style): string {
  if (status === 'succeeded') return style.good(status);
  return status === 'failed' ? style.bad(status) : status === 'held' ? style.doubt(status) : status;
}

/** A receipt for a person: who and when, the words, then the numbers. */
export function showReceipt(context: Context, receipt: Receipt, options: ReceiptOptions = {}): void {
  const { style, say } = context;
  say(`${style.strong(receipt.connection)}  ${paintStatus(receipt.status, style)}`);
  say(style.faint(`run ${receipt.run}, ${instant(receipt.finished_at ?? receipt.started_at)}`));
  say();
  showWords(context, receiptSentences(receipt, options));
  const effort = effortSentence(receipt);
  if (effort) say(style.faint(effort));
  const numbers = numbersTable(receipt, context);
  if (numbers) {
    say();
    context.terminal.out(numbers);
  }
}

export function showWords({ terminal, say }: Context, sentences: readonly string[]): void {
  for (const sentence of sentences) {
    const lines = terminal.columns === undefined ? [sentence] : wrap(sentence, Math.min(100, terminal.columns - 1));
    for (const line of lines) say(line);
  }
}

const right = (title: string) => ({ title, align: 'right' as const });

function numbersTable(receipt: Receipt, { style, terminal }: Context): string {
  const streams = streamsOf(receipt);
  const some = (value: number) => (value > 0 ? number(value) : '');
  const accounts = table(
    [
      { title: 'stream' },
      { title: 'pass' },
      right('read'),
      right('let in'),
      right('new'),
      right('changed'),
      right('as before'),
      right('again'),
      right('turned away'),
      right('gone'),
      right('removed'),
      right('held'),
    ],
    streams.map(([name, one]) => [
      name.replace('_', ' '),
      one.mode,
      number(one.read),
      number(one.kept),
      number(one.created),
      number(one.updated),
      number(one.unchanged),
      some(one.repeated),
      number(Object.values(one.dropped).reduce((sum, many) => sum + many, 0)),
      some(one.gone),
      some(one.removed),
      some(one.held),
    ]),
    { paintTitle: style.faint },
  );
  const why = streams.flatMap(([name, one]) =>
    (Object.keys(reasons) as DropReason[])
      .filter((reason) => (one.dropped[reason] ?? 0) > 0)
      .map((reason) => [
        number(one.dropped[reason] ?? 0),
        streams.length > 1 ? name.replace('_', ' ') : '',
        reasons[reason].meaning,
      ]),
  );
  if (why.length === 0) return accounts;
  const head = [right('turned away'), { title: 'of' }, { title: 'why' }];
  return `${accounts}\n${table(head, why, { columns: terminal.columns, paintTitle: style.faint })}`;
}
