import type { TenantStore } from '../../store/types.ts';
import { notFoundSentence, Problem } from '../problems.ts';

/** @throws Problem `not-found` unless every id is a space of this tenant: another's and nobody's answer the same */
export async function requireSpaces(store: TenantStore, ids: readonly string[]): Promise<void> {
  const wanted = [...new Set(ids)];
  if (wanted.length === 0) return;
  const known = await store.spaces.many(wanted);
  if (wanted.some((id) => !known.has(id))) throw new Problem('not-found', notFoundSentence);
}
