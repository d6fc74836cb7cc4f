import { userInfo } from 'node:os';
import { Refused } from '../../base/errors.ts';
import { waitsForDecision } from '../../model/receipt.ts';
import { type Command, type Context, declare, type JsonOption } from '../context.ts';
import { showReceipt } from '../receipt-view.ts';
import { findRun, runTarget } from '../target.ts';

const EXAMPLE = '0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b';

export function approve(program: Command, context: Context): void {
  const summary = 'remove what a run held back, less what was seen again since';
  decision(program, context, 'approve', summary);
}

export function reject(program: Command, context: Context): void {
  const summary = 'keep what a run wanted to remove; it is not asked about again until seen again';
  decision(program, context, 'reject', summary);
}

function decision(program: Command, context: Context, verb: 'approve' | 'reject', summary: string): void {
  declare(program, `${verb} <run>`, summary, `sluice ${verb} ${EXAMPLE}`).action(
    async (id: string, options: JsonOption) => {
      const run = runTarget(id);
      const receipt = await context.attached(verb, async ({ store, sync }) => {
        const { tenant, receipt: before } = await findRun(store, run);
        if (!waitsForDecision(before))
          throw new Refused(
            'not-held',
            `This run is ${before.status}: it holds nothing for a decision; \`sluice runs\` shows which do.`,
          );
        return sync[verb](tenant.tenantId, before.run, whoDecides());
      });
      if (options.json) context.json(receipt);
      else showReceipt(context, receipt);
    },
  );
}

/** For `decided_by`: the account of this machine that ran the command. */
function whoDecides(): string {
  try {
    return `${userInfo().username} at the command line`;
  } catch {
    // A container's user id may have no name.
    return 'the command line';
  }
}
