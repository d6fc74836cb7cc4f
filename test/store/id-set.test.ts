import { randomBytes, randomUUID } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { formatUuid, newId } from '../../src/base/uuid.ts';
import { IdSet } from '../../src/store/id-set.ts';

describe('IdSet', () => {
  it('answers as a Set does, whatever is added in whatever order', () => {
    // Alike in all but one of their four words, and all of them so few that they meet.
    const word = fc.constantFrom('00000000', '00000001', '01000000', 'ffffffff');
    const id = fc.tuple(word, word, word, word).map((words) => {
      const hex = words.join('');
      return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
    });
    fc.assert(
      fc.property(fc.array(id, { maxLength: 300 }), id, (ids, other) => {
        const oracle = new Set(ids);
        const set = new IdSet(ids);
        expect([...set]).to.deep.equal([...oracle]);
        expect(set.size).to.equal(oracle.size);
        expect(set.has(other)).to.equal(oracle.has(other));
        for (const one of ids) expect(set.has(one)).to.equal(true);
      }),
      { numRuns: 500 },
    );
  });

  it('finds every one of many, made at one time or counted up, and nobody else', () => {
    const counted = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
    for (const make of [counted, () => newId(1_764_000_000_000), () => randomUUID()]) {
      const ids = Array.from({ length: 30_000 }, (_, n) => make(n));
      const set = new IdSet(ids.slice(0, 20_000));
      expect(ids.filter((id) => set.has(id))).to.deep.equal(ids.slice(0, 20_000));
    }
  });
});

describe('a UUID', () => {
  it('is written as its bytes say', () => {
    for (let n = 0; n < 1_000; n++) {
      const bytes = randomBytes(16);
      expect(formatUuid(bytes)).to.equal(bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'));
    }
  });
});
