import type { MatchKind } from '../model/model.ts';
import { inOneOrder, type MatchValue } from './derive.ts';

/** A kind of value, of directory-ids those of one DIRECTORY, of which a record that tells changes alone does not speak. */
export interface Unsaid {
  readonly kind: MatchKind;
  readonly directory: string;
}

const isOf = ({ kind, directory }: Unsaid, value: MatchValue): boolean =>
  kind === value.kind && (kind !== 'directory-id' || value.value.slice(0, value.value.lastIndexOf(':')) === directory);

/** What is said now, and of what was said before that of which nothing is said now. */
export function withUnsaid(
  said: readonly MatchValue[],
  before: readonly MatchValue[],
  unsaid: readonly Unsaid[],
): MatchValue[] {
  return inOneOrder([...said, ...before.filter((value) => unsaid.some((one) => isOf(one, value)))]);
}
