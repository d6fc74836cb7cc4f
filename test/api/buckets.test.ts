import { expect } from 'chai';
import { Buckets, OpenCounts } from '../../src/api/buckets.ts';

describe('token buckets', () => {
  it('let a burst through, then the steady rate', () => {
    let now = 0;
    const buckets = new Buckets({ perSecond: 10, burst: 5 }, () => now);
    const taken = () => Array.from({ length: 20 }, () => buckets.take('key')).filter((wait) => wait === 0).length;
    expect(taken()).to.equal(5);
    expect(buckets.take('key')).to.equal(1);
    now += 200;
    expect(taken()).to.equal(2);
    now += 3_600_000;
    expect(taken()).to.equal(5);
  });

  it('tell the whole seconds until the next token', () => {
    const buckets = new Buckets({ perSecond: 0.1, burst: 1 }, () => 0);
    buckets.take('key');
    expect(buckets.take('key')).to.equal(10);
  });

  it('of different names are independent', () => {
    const buckets = new Buckets({ perSecond: 1, burst: 1 }, () => 0);
    expect([buckets.take('a'), buckets.take('b'), buckets.take('a')]).to.deep.equal([0, 0, 1]);
  });

  it('forget the oldest names instead of growing for ever', () => {
    const buckets = new Buckets({ perSecond: 1, burst: 1 }, () => 0);
    for (let name = 0; name < 12_000; name++) buckets.take(String(name));
    expect(buckets.take('0'), 'forgotten, so full again').to.equal(0);
    expect(buckets.take('11999'), 'still remembered as empty').to.equal(1);
  });
});

describe('open counts', () => {
  it('refuse beyond the most, and free a place only once', () => {
    const open = new OpenCounts();
    const leave = open.enter('key', 2)!;
    open.enter('key', 2);
    expect(open.enter('key', 2)).to.equal(undefined);
    leave();
    leave();
    expect(open.enter('key', 2)).to.be.a('function');
    expect(open.enter('key', 2)).to.equal(undefined);
  });
});
