import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { formatUuid } from '../../src/base/uuid.ts';

describe('a UUID', () => {
  it('is written as its bytes say', () => {
    for (let n = 0; n < 1_000; n++) {
      const bytes = randomBytes(16);
      expect(formatUuid(bytes)).to.equal(bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'));
    }
  });
});
