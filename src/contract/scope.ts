/**
 * Which records of a source a connection is about: a closed set of comparisons over `decide` fields, so that
 * nothing evaluates tenant input. Pushed into the source's own filter where it can, always tested again in the gate.
 * Text is compared after trim, NFC and case folding; a field with several values fits if any of them does.
 */
export type Scope =
  | { readonly equals: Readonly<Record<string, string>> }
  | { readonly in: Readonly<Record<string, readonly string[]>> }
  | { readonly 'starts-with': Readonly<Record<string, string>> }
  | { readonly 'ends-with': Readonly<Record<string, string>> }
  | { readonly present: string }
  | { readonly and: readonly Scope[] }
  | { readonly or: readonly Scope[] }
  | { readonly not: Scope };

/** The source fields a scope looks at; they join the list asked of the source, in the role `decide`. */
export function scopeFields(scope: Scope | undefined): string[] {
  if (!scope) return [];
  if ('and' in scope) return scope.and.flatMap(scopeFields);
  if ('or' in scope) return scope.or.flatMap(scopeFields);
  if ('not' in scope) return scopeFields(scope.not);
  if ('present' in scope) return [scope.present];
  return Object.values(scope).flatMap((comparison) => Object.keys(comparison as object));
}
