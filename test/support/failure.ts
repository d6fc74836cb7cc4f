import { expect } from 'chai';
import { SluiceError } from '../../src/base/errors.ts';

/** The error that some work ends with; a work that succeeds fails the test. */
export async function failureOf(work: Promise<unknown>): Promise<SluiceError> {
  try {
    await work;
  } catch (error) {
    expect(error, 'an error meant for tenant IT').to.be.instanceOf(SluiceError);
    return error as SluiceError;
  }
  throw new Error('It succeeded, though it was to fail.');
}

/** Everything an error would show wherever it is printed, logged or serialised. */
export function everythingAbout(error: unknown): string {
  const seen = new Set<unknown>();
  const parts: string[] = [];
  const visit = (value: unknown) => {
    if (typeof value === 'string') parts.push(value);
    if (typeof value !== 'object' || value === null || seen.has(value) || seen.size > 10_000) return;
    seen.add(value);
    for (const key of Reflect.ownKeys(value)) {
      if (typeof key === 'string') parts.push(key);
      visit(Reflect.get(value, key));
    }
  };
  visit(error);
  return parts.join('\n');
}

/** All items of something iterable. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
