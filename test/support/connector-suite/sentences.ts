import { expect } from 'chai';
import { NeedsAttention, type SluiceError, TryLater } from '../../../src/base/errors.ts';

export function expectSentence(error: unknown): asserts error is TryLater | NeedsAttention {
  expect(error instanceof TryLater || error instanceof NeedsAttention, `not an error for tenant IT: ${error}`).to.equal(
    true,
  );
  expect((error as SluiceError).cause, 'a cause would be logged').to.equal(undefined);
  expectGoodSentence((error as Error).message);
}

export function expectGoodSentence(sentence: string): void {
  expect(sentence, 'a sentence').to.match(/^["\w`[][\s\S]*\.$/);
  expect(sentence.length, sentence).to.be.within(25, 600);
  expect(sentence, 'a sentence of ours').not.to.match(
    /\n|\b(Error|ECONN\w+|ENOTFOUND|undefined|null|NaN)\b|\[object|\bat \//,
  );
  expect(sentence).not.to.include('M4RKER');
}
