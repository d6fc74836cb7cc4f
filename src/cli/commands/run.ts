import { type Command, type Context, declare, type JsonOption } from '../context.ts';
import { showReceipt } from '../receipt-view.ts';
import { findRun, runTarget } from '../target.ts';

export function run(program: Command, context: Context): void {
  declare(
    program,
    'run <id>',
    "one run's receipt: what was read, let in, turned away and why",
    'sluice run 0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b',
  ).action(async (id: string, options: JsonOption) => {
    const run = runTarget(id);
    const { receipt } = await context.attached('run', ({ store }) => findRun(store, run));
    if (options.json) context.json(receipt);
    else showReceipt(context, receipt);
  });
}
