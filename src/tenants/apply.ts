import { BadInput, Refused } from '../base/errors.ts';
import type { Connector } from '../contract/connector.ts';
import type { TenantConfiguration, TenantStore } from '../store/types.ts';
import { type Plan, planChange, settleRenames } from './plan.ts';

export interface ApplyRequest {
  readonly store: Pick<TenantStore, 'configuration'>;
  /** With its secrets resolved. */
  readonly next: TenantConfiguration;
  readonly connectors: readonly Connector[];
  /** Consent to what the plan destroys. */
  readonly yes?: boolean;
  /** Start the connections that would wait for it, unless the file says `paused`. */
  readonly resume?: boolean;
  /** Apply although something else changed the configuration since. */
  readonly overwrite?: boolean;
  /** Only plan. */
  readonly dryRun?: boolean;
  /** The live version that the change was made against, where the caller knows it. */
  readonly since?: number;
  /** Called with the plan before anything is written, so that it is shown even when it is refused. */
  readonly onPlan?: (plan: Plan) => void;
}

export interface Applied {
  readonly outcome: 'planned' | 'unchanged' | 'applied';
  readonly plan: Plan;
  /** The live version afterwards; `null` while the tenant does not exist. */
  readonly version: number | null;
}

/** Each needs another apply in the same instant; more in a row is a loop somewhere, not a coincidence. */
const ATTEMPTS = 3;

/**
 * Brings a tenant to what its file says, whole or not at all.
 *
 * A file states everything, so two people who apply different files one after the other see what the second would
 * change and confirm what it destroys; the later file stands. What is refused is a change between reading and writing
 * (the plan shown would not be the plan applied), and a live version other than `since`; `overwrite` plans again on top.
 * @throws BadInput when something would be destroyed without `yes`
 * @throws Refused `conflict`
 */
export async function applyConfiguration(request: ApplyRequest): Promise<Applied> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await attemptApply(request);
    } catch (error) {
      if (!(error instanceof Refused && error.kind === 'conflict' && request.overwrite) || attempt === ATTEMPTS)
        throw error;
    }
  }
}

async function attemptApply(request: ApplyRequest): Promise<Applied> {
  const { configuration } = request.store;
  const live = await configuration.read();
  const next = settleRenames(live?.configuration, request.next);
  const consequences = await configuration.consequences(next);
  const plan = planChange({ live: live?.configuration, next, consequences, connectors: request.connectors });
  const version = live?.version ?? null;
  request.onPlan?.(plan);
  // With `resume` an unchanged file is written all the same: its connections may wait from the apply before.
  if (plan.lines.length === 0 && !request.resume) return { outcome: 'unchanged', plan, version };
  if (request.dryRun) return { outcome: 'planned', plan, version };
  if (request.since !== undefined && request.since !== version && !request.overwrite) {
    throw new Refused(
      'conflict',
      `Something else changed the configuration of ${next.tenant} since; look at the plan, then apply again with --overwrite or take the live file with sluice config ${next.tenant}.`,
    );
  }
  if (plan.destructive && !request.yes) throw new BadInput(wantsYes(plan));
  const written = await configuration.write(next, { expected: version, resume: request.resume ?? false });
  return { outcome: 'applied', plan, version: written.version };
}

function wantsYes(plan: Plan): string {
  const losses = plan.lines.filter((line) => line.destroys).map((line) => line.sentence);
  return `This ${losses.join('; it ')}. Nothing was applied; pass --yes if that is meant.`;
}
