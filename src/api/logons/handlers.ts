import { versionTag } from '../etag.ts';
import { Problem } from '../problems.ts';
import type { Answer, Call } from '../route.ts';
import { userView } from '../users/view.ts';
import type { LogOnBody } from './schema.ts';

/** 201 on the first log-on, 200 afterwards; what is known already writes nothing, and the time is not kept. */
export async function logOn(call: Call<unknown, unknown, LogOnBody>): Promise<Answer> {
  const { body, store, caller, deps, report } = call;
  if ('id_token' in body) {
    throw new Problem(
      'unsupported',
      'A log-on by id_token is not available yet; send email, given_name and family_name.',
    );
  }
  const { directory_id, ...name } = body;
  const { outcome, user, lookUp } = await store.users.logOn(
    directory_id === undefined ? name : { ...name, directory_id },
  );
  // The person is in either way: attributes that nobody fetches now come with the next run.
  if (lookUp) await deps.requestLookup(store.tenantId, [user.id]).catch(report);
  return {
    status: outcome === 'created' ? 201 : 200,
    body: userView(user, caller),
    etag: versionTag(user.version),
    location: `/v1/users/${user.id}`,
  };
}
