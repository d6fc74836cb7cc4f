import { expect } from 'chai';
import { digestTag, matches, versionTag } from '../../src/api/etag.ts';

describe('ETag', () => {
  it('matches itself, alone, in a list, weak or as a star', () => {
    const tag = versionTag(42);
    for (const header of ['"42"', 'W/"42"', '"1", "42"', '"1",W/"42" ,"3"', '*', ' * '])
      expect(matches(header, tag), header).to.equal(true);
  });

  it('matches nothing else', () => {
    for (const header of [undefined, '', '42', '"4"', '"421"', '"42', '"1", "2"'])
      expect(matches(header, versionTag(42))).to.equal(false);
  });

  it('of a digest changes with what it digests', () => {
    expect(digestTag({ a: 1 })).to.equal(digestTag({ a: 1 }));
    expect(digestTag({ a: 1 })).to.not.equal(digestTag({ a: 2 }));
  });
});
