import type { Feature } from '../../model/features.ts';
import type { User, VerifiedKey } from '../../store/types.ts';
import { versionTag } from '../etag.ts';
import { Problem } from '../problems.ts';
import type { Answer, Call } from '../route.ts';
import { isFor } from '../users/view.ts';
import type { OptInEvidenceBody, OptInParams } from './schema.ts';

export async function optIn(call: Call<OptInParams, unknown, OptInEvidenceBody>): Promise<Answer> {
  const { params, body, store, caller, deps, report } = call;
  requireFeature(caller, params.feature);
  const { user, given } = await store.users.optIn(params.id, params.feature, body);
  // It stands in any case: what nobody fetches now comes with the next run.
  if (given) await deps.requestLookup(store.tenantId, [user.id]).catch(report);
  return answer(user, caller);
}

/** What the feature held about the user is erased in the same transaction. */
export async function optOut({ params, store, caller }: Call<OptInParams>): Promise<Answer> {
  requireFeature(caller, params.feature);
  return answer(await store.users.optOut(params.id, params.feature), caller);
}

/** A service may not switch on, in a user's name, a feature it has no part in. */
function requireFeature(caller: VerifiedKey, feature: Feature): void {
  if (!isFor(caller, feature)) throw new Problem('forbidden', `The key is not for the feature ${feature}.`);
}

function answer(user: User, caller: VerifiedKey): Answer {
  return {
    status: 200,
    body: {
      id: user.id,
      opt_ins: user.opt_ins.filter((feature) => isFor(caller, feature)),
      version: user.version,
    },
    etag: versionTag(user.version),
  };
}
