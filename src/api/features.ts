import type { Feature } from '../model/features.ts';
import type { VerifiedKey } from '../store/types.ts';
import { Problem } from './problems.ts';
import { isFor } from './users/view.ts';

/** @throws Problem `feature-off` unless the key is for the feature that all fields of the resource belong to */
export function requireFeature(caller: VerifiedKey, feature: Feature): void {
  if (isFor(caller, feature)) return;
  throw new Problem(
    'feature-off',
    `This key is not for the feature ${feature}; ask tenant IT for one whose features include it.`,
  );
}
