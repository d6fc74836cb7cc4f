import type { z } from 'zod';
import type { Feature } from '../../model/features.ts';
import { type UserField, userFieldNames, userFields } from '../../model/model.ts';
import type { User, VerifiedKey } from '../../store/types.ts';
import { hasScope } from '../auth.ts';
import type { user } from './schema.ts';

export type UserView = z.infer<typeof user>;

/** Whether the key is for the feature; a key without a list is for every feature the tenant has on. */
export function isFor(caller: VerifiedKey, feature: Feature): boolean {
  return caller.key.features === null || caller.key.features.includes(feature);
}

/**
 * The user as this key may see them: name and e-mail always, the rest only with `users:read` (a key that only tells
 * of log-ons learns no phone number by it), and then only for the features the key is for. A field added to the model stays hidden until it is declared in the schema too.
 */
export function userView(user: User, caller: VerifiedKey): UserView {
  const shows = (feature: Feature) => hasScope(caller, 'users:read') && isFor(caller, feature);
  const optional = (field: UserField): Record<string, string> => {
    const { feature } = userFields[field] as { feature?: Feature };
    const value = user.fields[field];
    return value !== undefined && feature !== undefined && shows(feature) ? { [field]: value } : {};
  };
  return {
    id: user.id,
    status: user.status,
    confirmed: user.confirmed,
    given_name: user.fields.given_name ?? null,
    family_name: user.fields.family_name ?? null,
    email: user.fields.email ?? null,
    ...Object.assign({}, ...userFieldNames.map(optional)),
    opt_ins: user.opt_ins.filter(shows),
    version: user.version,
  };
}
