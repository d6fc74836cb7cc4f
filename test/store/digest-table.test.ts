import { createHash } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { DigestTable } from '../../src/store/digest-table.ts';

const digestOf = (n: number) => createHash('sha256').update(`value ${n}`).digest('binary');
// Digests of the same place in the table, of which all but the last byte agree: found only by looking at every byte.
const alike = (n: number) => `${digestOf(0).slice(0, 31)}${String.fromCharCode(n)}`;

describe('DigestTable', () => {
  it('answers as a map of sets does, whatever is added, set and removed in whatever order', () => {
    const step = fc.record({
      how: fc.constantFrom('add', 'add', 'add', 'set', 'remove'),
      digest: fc.oneof(fc.nat(40).map(digestOf), fc.nat(20).map(alike)),
      user: fc.constantFrom('ada', 'bob', 'cem', 'dia'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const table = new DigestTable();
        const oracle = new Map<string, Set<string>>();
        for (const { how, digest, user } of steps) {
          table[how as 'add'](digest, user);
          if (how === 'set') oracle.set(digest, new Set([user]));
          else if (how === 'add') oracle.set(digest, (oracle.get(digest) ?? new Set()).add(user));
          else oracle.get(digest)?.delete(user);
        }
        for (const digest of [...Array(42).keys()].map(digestOf).concat([...Array(22).keys()].map(alike)))
          expect([...table.get(digest)].sort()).to.deep.equal([...(oracle.get(digest) ?? [])].sort());
      }),
      { numRuns: 500 },
    );
  });

  it('finds every one of many, and nobody else', () => {
    const table = new DigestTable();
    for (let n = 0; n < 30_000; n++) table.add(digestOf(n), `user ${n}`);
    for (let n = 0; n < 30_000; n++) expect(table.get(digestOf(n))).to.deep.equal([`user ${n}`]);
    for (let n = 30_000; n < 60_000; n++) expect(table.get(digestOf(n))).to.deep.equal([]);
  });
});
