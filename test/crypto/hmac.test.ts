import { createHmac, randomBytes } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { Hmac } from '../../src/crypto/hmac.ts';

describe('Hmac', () => {
  it('is HMAC-SHA-256 as node:crypto computes it, for any key of 7-bit bytes and any text', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 64, maxLength: 64, max: 127 }),
        fc.string({ unit: 'binary', maxLength: 300 }),
        (key, value) => {
          const expected = createHmac('sha256', key).update(value, 'utf8').digest();
          expect(Buffer.from(new Hmac(key).digest(value), 'latin1').equals(expected)).to.equal(true);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('keeps nothing of one value in the digest of the next', () => {
    const key = randomBytes(64).map((byte) => byte & 0x7f);
    const hmac = new Hmac(key);
    const first = hmac.digest(
      'a long value that fills more than one block of the hash function, and then some more of it',
    );
    hmac.digest('b');
    expect(
      hmac.digest('a long value that fills more than one block of the hash function, and then some more of it'),
    ).to.equal(first);
  });

  it('refuses a key that is too short or has eight bits', () => {
    expect(() => new Hmac(new Uint8Array(32))).to.throw();
    expect(() => new Hmac(new Uint8Array(64).fill(200))).to.throw();
  });
});
