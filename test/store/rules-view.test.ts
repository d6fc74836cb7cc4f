import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { AskedDigests } from '../../src/store/asked-digests.ts';
import { RulesView } from '../../src/store/rules-view.ts';

const digestOf = (n: number) => createHash('sha256').update(String(n)).digest('binary');

describe('the rules as one page sees them', () => {
  const view = (leave: () => void = () => {}) =>
    new RulesView(
      {
        digest: (_kind, value) => value,
        bound: () => undefined,
        hasBinding: () => false,
        matching: (_kind, digest) => (digest === digestOf(1) ? ['somebody'] : []),
      },
      new AskedDigests(),
      leave,
    );

  it('are no longer current once a digest that was asked for stands for somebody else', () => {
    for (const asked of [0, 511, 512, 9_999]) {
      const one = view();
      for (let n = 0; n < 10_000; n++) one.matching('email', digestOf(n));
      expect(one.current).to.equal(true);
      for (let n = 10_000; n < 20_000; n++) one.changed(digestOf(n));
      expect(one.current, 'nobody asked for those').to.equal(true);
      one.changed(digestOf(asked));
      expect(one.current).to.equal(false);
    }
  });

  it('answer what the rules answer', () => {
    expect(view().matching('email', digestOf(1))).to.deep.equal(['somebody']);
    expect(view().matching('email', digestOf(2))).to.deep.equal([]);
  });

  it('are outdated at a word, and leave when closed', () => {
    let left = 0;
    const one = view(() => {
      left++;
    });
    one.outdate();
    expect(one.current).to.equal(false);
    one.close();
    expect(left).to.equal(1);
  });
});
