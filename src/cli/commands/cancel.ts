import { type Command, type Context, declare, type JsonOption } from '../context.ts';
import { findRun, runTarget } from '../target.ts';

export function cancel(program: Command, context: Context): void {
  const { json, say } = context;
  declare(
    program,
    'cancel <run>',
    'stop a run after the page it is at; what it let in stays, nothing is removed',
    'sluice cancel 0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b',
  ).action(async (id: string, options: JsonOption) => {
    const run = runTarget(id);
    const receipt = await context.attached('cancel', async ({ store, sync }) => {
      const { tenant, receipt } = await findRun(store, run);
      // One that has ended stays as it ended; asking again would only mark the connection.
      return receipt.status === 'running' ? sync.cancel(tenant.tenantId, receipt.run) : receipt;
    });
    if (options.json) return json(receipt);
    if (receipt.status === 'running') say(`Run ${receipt.run} of ${receipt.connection} stops after the page it is at.`);
    else if (receipt.status === 'cancelled') say(`Run ${receipt.run} of ${receipt.connection} is cancelled.`);
    else say(`Run ${receipt.run} of ${receipt.connection} has ended already: ${receipt.status}.`);
  });
}
