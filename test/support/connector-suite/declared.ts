import type { Theirs } from '../../../src/contract/index.ts';

export const listed = (theirs: Theirs) => (typeof theirs === 'string' ? [theirs] : theirs);
/** The declared names on the right of a mapping. */
export const theirsIn = (mapping: object | undefined) =>
  (Object.values(mapping ?? {}) as (Theirs | undefined)[]).flatMap((theirs) => listed(theirs ?? []));
