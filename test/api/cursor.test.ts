import { expect } from 'chai';
import fc from 'fast-check';
import { pageOf, readCursor, readIdCursor, writeCursor } from '../../src/api/cursor.ts';
import { Problem } from '../../src/api/problems.ts';
import { newId } from '../../src/base/uuid.ts';

describe('list cursor', () => {
  it('gives back the place it was made of', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (after) => {
        fc.pre(after.isWellFormed());
        expect(readCursor('users', writeCursor('users', after))).to.equal(after);
      }),
    );
  });

  it('is refused by another list', () => {
    expect(() => readCursor('runs', writeCursor('users', newId()))).to.throw(Problem, 'not one that this list gave');
  });

  it('is refused when it is garbage, empty, of another version or decorated', () => {
    const good = writeCursor('users', 'x');
    const other = Buffer.from('2 users x').toString('base64url');
    for (const cursor of ['', '%', 'AAAA', other, `${good}=`, `${good} `, ` ${good}`, `${good}\n`, '🙂']) {
      expect(() => readCursor('users', cursor), JSON.stringify(cursor)).to.throw(Problem);
    }
  });

  it('of a list by UUID holds a UUID', () => {
    const id = newId();
    expect(readIdCursor('users', writeCursor('users', id))).to.equal(id);
    expect(() => readIdCursor('users', writeCursor('users', "' or 1=1"))).to.throw(Problem);
  });
});

describe('page of a short list', () => {
  const all = ['d', 'a', 'c', 'b', 'e'];

  it('gives every item once, in order, whatever the limit', () => {
    for (const limit of [1, 2, 3, 4, 5, 100]) {
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = pageOf('x', all, (item) => item, { limit, cursor });
        expect(page.items.length).to.be.at.most(limit);
        seen.push(...page.items);
        cursor = page.next ?? undefined;
      } while (cursor !== undefined);
      expect(seen).to.deep.equal(['a', 'b', 'c', 'd', 'e']);
    }
  });

  it('goes on at the right place when its last item has gone', () => {
    const first = pageOf('x', all, (item) => item, { limit: 2 });
    const second = pageOf('x', ['a', 'c', 'd'], (item) => item, { limit: 2, cursor: first.next! });
    expect(second.items).to.deep.equal(['c', 'd']);
    expect(second.next).to.equal(null);
  });
});
