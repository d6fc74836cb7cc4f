import { expect } from 'chai';
import fc from 'fast-check';
import { Arena, type Held } from '../../../connectors/ldap/arena.ts';

describe('the arena of entries', () => {
  it('never writes over what is held, whatever is let go when, and uses what was let go again', () => {
    const step = fc.record({ length: fc.nat(400_000), letGo: fc.nat(5) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const arena = new Arena();
        const held: { bytes: Held; length: number; mark: number }[] = [];
        const memory = new Set<ArrayBufferLike>();
        let most = 0;
        for (const [turn, { length, letGo }] of steps.entries()) {
          const mark = turn % 251;
          const from = Buffer.alloc(length + 10, mark);
          const bytes = arena.hold(from, 5, 5 + length);
          from.fill(252);
          memory.add(bytes.bytes.buffer);
          held.push({ bytes, length, mark });
          most = Math.max(
            most,
            held.reduce((sum, one) => sum + one.length, 0),
          );
          for (const one of held)
            expect(
              one.bytes.bytes
                .subarray(one.bytes.start, one.bytes.start + one.length)
                .equals(Buffer.alloc(one.length, one.mark)),
            ).to.equal(true);
          // The oldest first, as pages are applied; twice, which must not count twice.
          for (const one of held.splice(0, letGo)) {
            one.bytes.release();
            one.bytes.release();
          }
        }
        // A block is never less than 600 kB full before the next is begun, and one more is being filled.
        expect(memory.size).to.be.at.most(Math.ceil(most / 600_000) + 2);
      }),
      { numRuns: 40 },
    );
  });

  it('takes an entry larger than a block apart from the others', () => {
    const arena = new Arena();
    const huge = Buffer.alloc(3_000_000, 7);
    const held = arena.hold(huge, 0, huge.length);
    expect(held.bytes.equals(huge)).to.equal(true);
    held.release();
    expect(arena.hold(Buffer.from('abc'), 0, 3).bytes).not.to.equal(held.bytes);
  });
});
