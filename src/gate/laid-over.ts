import { withUnsaid } from '../users/unsaid.ts';
import type { Kept } from './gate.ts';

/** Two records of the same thing told one after the other, as one: what a partial one does not speak of stays as it was told. */
export function laidOver(earlier: Kept, later: Kept): Kept {
  if (!later.partial) return later;
  const { unsaid = [], ...rest } = later;
  const told = {
    ...rest,
    fields: { ...earlier.fields, ...later.fields },
    matches: withUnsaid(later.matches, earlier.matches, unsaid),
    partial: earlier.partial,
  };
  if (!earlier.partial) return told;
  const neither = unsaid.filter(({ kind, directory }) =>
    earlier.unsaid?.some((one) => one.kind === kind && one.directory === directory),
  );
  return { ...told, unsaid: neither };
}
