import { NeedsAttention } from '../../base/errors.ts';
import type { Receipt } from '../../model/receipt.ts';
import type { HubTenantStore } from '../../store/index.ts';
import type { SyncService } from '../../sync/types.ts';
import { type Command, type Context, declare, exits, type JsonOption } from '../context.ts';
import { progressView } from '../progress.ts';
import { showReceipt } from '../receipt-view.ts';
import { type StopSignals, stopSignals } from '../stop-signals.ts';
import { connectionTarget, openConnection } from '../target.ts';

export function sync(program: Command, context: Context): void {
  declare(
    program,
    'sync <tenant/connection>',
    'read a connection now, with progress, and print the receipt; Ctrl-C stops after the page under way; fails at once, with the time from which it may be asked, while the source asks to be left alone',
    'sluice sync acme/people',
    'sluice sync acme/people --full --json',
  )
    .option('--full', 'read everything, not only what changed')
    .action(async (target: string, options: JsonOption & { full?: true }) => {
      const named = connectionTarget(target);
      const receipt = await context.attached('sync', async ({ store, sync: service }) => {
        const { tenant, status } = await openConnection(store, named);
        const request = {
          tenantId: tenant.tenantId,
          connection: status.name,
          trigger: 'manual' as const,
          ...(options.full ? { mode: 'full' as const } : {}),
        };
        const progress = await progressView(context.terminal, options.json === true);
        const signals = stopSignals(context.terminal.env);
        let run: string | undefined;
        let over = false;
        void signals.asked.then(() => {
          if (!over)
            void cancelSoon(
              { context, service, tenant, status },
              () => run,
              () => over,
            );
        });
        try {
          return await service.run(request, (now) => {
            run = now.run;
            progress.show(now);
          });
        } finally {
          over = true;
          progress.done();
          endSignals(signals);
        }
      });
      tell(context, receipt, options.json === true);
    });
}

// Kept until the next turn: the wrapper's copy of a Ctrl-C may arrive after the run has already answered the first.
function endSignals(signals: StopSignals): void {
  setImmediate(() => signals.release());
}

function tell(context: Context, receipt: Receipt, json: boolean): void {
  if (json) context.json(receipt);
  else showReceipt(context, receipt, { withoutFailure: true });
  if (receipt.status === 'held') context.end(exits.held);
  if (receipt.status === 'failed')
    throw new NeedsAttention(`${receipt.connection} failed: ${receipt.error ?? 'the run failed without a reason'}`);
  if (receipt.status === 'cancelled')
    throw new NeedsAttention(
      `The run of ${receipt.connection} was cancelled; \`sluice sync ${receipt.connection}\` starts again.`,
    );
}

interface Cancelling {
  readonly context: Context;
  readonly service: SyncService;
  readonly tenant: HubTenantStore;
  readonly status: { readonly name: string };
}

/** Asks the run to stop; before its first progress its id is known only to the database. */
async function cancelSoon(
  { context, service, tenant, status }: Cancelling,
  known: () => string | undefined,
  over: () => boolean,
): Promise<void> {
  context.note('Stopping after the page under way; once more stops at once.');
  try {
    const run = known() ?? (await tenant.connections.get(status.name)).running;
    if (run && !over()) await service.cancel(tenant.tenantId, run);
  } catch {
    // It may have ended in this instant; if not, it ends by itself, or with the second signal.
  }
}
