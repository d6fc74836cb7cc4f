import type { SourceRecord, SourceValue } from '../contract/record.ts';
import type { Scope } from '../contract/scope.ts';
import { scalarText } from './map.ts';

export type ScopeTest = (record: SourceRecord) => boolean;

const fold = (text: string) => text.trim().normalize('NFC').toLowerCase();

// Own properties only: every object has a `constructor`, no record does.
function valuesOf(record: SourceRecord, field: string): string[] {
  const value: SourceValue | undefined = Object.hasOwn(record, field) ? record[field] : undefined;
  if (value === null || value === undefined) return [];
  const list = Array.isArray(value) ? value : [value];
  return list.filter((one) => one !== null).map((one) => fold(scalarText(one)));
}

/** Compiles a scope once per run: a record is tested a hundred thousand times. No scope lets everything in. */
export function compileScope(scope: Scope | undefined): ScopeTest {
  if (!scope) return () => true;
  if ('and' in scope) return every(scope.and.map(compileScope));
  if ('or' in scope) {
    const tests = scope.or.map(compileScope);
    return (record) => tests.some((test) => test(record));
  }
  if ('not' in scope) {
    const test = compileScope(scope.not);
    return (record) => !test(record);
  }
  if ('present' in scope) return (record) => valuesOf(record, scope.present).some((value) => value !== '');
  if ('equals' in scope) return compare(scope.equals, (wanted) => (value) => value === fold(wanted));
  if ('starts-with' in scope)
    return compare(scope['starts-with'], (wanted) => (value) => value.startsWith(fold(wanted)));
  if ('ends-with' in scope) return compare(scope['ends-with'], (wanted) => (value) => value.endsWith(fold(wanted)));
  return compare(scope.in, (wanted) => {
    const set = new Set(wanted.map(fold));
    return (value) => set.has(value);
  });
}

function every(tests: readonly ScopeTest[]): ScopeTest {
  return (record) => tests.every((test) => test(record));
}

/** Several fields in one comparison must all fit. */
function compare<W>(by: Readonly<Record<string, W>>, fits: (wanted: W) => (value: string) => boolean): ScopeTest {
  return every(
    Object.entries(by).map(([field, wanted]) => {
      const test = fits(wanted);
      return (record: SourceRecord) => valuesOf(record, field).some(test);
    }),
  );
}
