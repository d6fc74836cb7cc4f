import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { complete, encoded, type Item, page, record, records } from '../../src/contract/index.ts';
import { type Cutting, readPages } from '../../src/sync/reading.ts';

interface Seen {
  taken: Item[];
  take(item: Item): void;
}

const seen = (): Seen => {
  const taken: Item[] = [];
  return { taken, take: (item) => void taken.push(item) };
};

const cutting = (given: Partial<Cutting<Seen>> = {}): Cutting<Seen> => ({
  now: () => new Date(),
  join: false,
  asksAhead: false,
  begin: seen,
  ...given,
});

describe('cutting a reading into pages', () => {
  it('reads one page ahead of whoever applies them, and no further', async () => {
    let told = 0;
    async function* source(): AsyncGenerator<Item> {
      for (let n = 1; n <= 5; n++) {
        yield record({ id: n });
        told = n;
        yield page({ n });
      }
      yield complete();
    }
    const applied: unknown[] = [];
    for await (const one of readPages(source(), cutting())) {
      await sleep(5);
      if (one.end) expect(one.items).to.deep.equal([]);
      else {
        applied.push(one.state);
        expect(told).to.equal(Math.min(applied.length + 1, 5));
      }
    }
    expect(applied).to.deep.equal([1, 2, 3, 4, 5].map((n) => ({ n })));
  });

  it('judges one page ahead where pages are joined, reads one more, and cuts them there', async () => {
    let told = 0;
    async function* source(): AsyncGenerator<Item> {
      for (; told < 60_000; told += 500) {
        yield records(Array.from({ length: 500 }, (_, n) => ({ id: told + n })));
        yield page();
      }
      yield complete();
    }
    const sizes: number[] = [];
    let most = 0;
    for await (const one of readPages(source(), cutting({ join: true }))) {
      await sleep(5);
      const size = one.items.reduce((sum, item) => sum + (item.item === 'records' ? item.records.length : 0), 0);
      sizes.push(size);
      most = Math.max(most, told - sizes.reduce((sum, n) => sum + n, 0));
    }
    expect(sizes.slice(0, -1)).to.deep.equal(Array(6).fill(10_000));
    expect(most).to.be.within(10_000, 20_500);
  });

  it('has each item judged once as it comes, by a judgement begun after the page before was applied', async () => {
    const events: string[] = [];
    async function* source(): AsyncGenerator<Item> {
      for (const id of [1, 2]) {
        yield encoded(1, () => ({ key: String(id), record: { id } }));
        yield page();
      }
      yield complete();
    }
    const begin = () => {
      events.push('begin');
      return { taken: [], take: () => void events.push('take') };
    };
    for await (const one of readPages(source(), cutting({ begin }))) {
      await sleep(5);
      events.push(one.end ? 'end' : 'applied');
    }
    expect(events).to.deep.equal(['begin', 'take', 'applied', 'begin', 'take', 'applied', 'begin', 'end']);
  });

  it('stamps no record later than it was asked for, though its connector asks one page ahead', async () => {
    let clock = 0;
    const now = () => new Date(++clock);
    const askedAt: number[] = [];
    async function* source(): AsyncGenerator<Item> {
      askedAt.push(now().getTime());
      for (let n = 0; n < 6; n++) {
        // The next page is asked for before the last record of this one is told.
        if (n < 5) askedAt.push(now().getTime());
        yield record({ id: n });
        yield page({ n });
      }
      yield complete();
    }
    let n = 0;
    for await (const one of readPages(source(), cutting({ now, asksAhead: true }))) {
      if (one.items.length === 0) continue;
      expect(one.readAt.getTime()).to.be.below(askedAt[n]!);
      // And not as if all had been asked for at the very beginning.
      if (n >= 2) expect(one.readAt.getTime()).to.be.above(askedAt[n - 2]!);
      n++;
    }
    expect(n).to.equal(6);
  });

  it('stamps a record as asked for when it was, where its connector asks for one page after the other', async () => {
    let clock = 0;
    const now = () => new Date(++clock);
    const before: number[] = [];
    async function* source(): AsyncGenerator<Item> {
      for (let n = 0; n < 4; n++) {
        before.push(clock);
        yield record({ id: n });
        yield page({ n });
      }
      yield complete();
    }
    const stamps: number[] = [];
    for await (const one of readPages(source(), cutting({ now }))) if (!one.end) stamps.push(one.readAt.getTime());
    expect(stamps).to.deep.equal(before);
  });

  it('ends with what the connector threw, after the pages before it and without the one under way', async () => {
    let closed = false;
    async function* source(): AsyncGenerator<Item> {
      try {
        yield record({ id: 1 });
        yield page();
        yield record({ id: 2 });
        throw new Error('gone');
      } finally {
        closed = true;
      }
    }
    const ids: unknown[] = [];
    const reading = (async () => {
      for await (const one of readPages(source(), cutting()))
        ids.push(...one.items.flatMap((item) => (item.item === 'records' ? item.records.map(({ id }) => id) : [])));
    })();
    expect(await reading.catch((error: Error) => error.message)).to.equal('gone');
    expect(ids).to.deep.equal([1]);
    expect(closed).to.equal(true);
  });

  it('closes its connector when its reader leaves', async () => {
    let closed = false;
    async function* source(): AsyncGenerator<Item> {
      try {
        for (let n = 0; ; n++) {
          yield record({ id: n });
          yield page();
        }
      } finally {
        closed = true;
      }
    }
    for await (const _ of readPages(source(), cutting())) break;
    expect(closed).to.equal(true);
  });

  for (const join of [false, true])
    it(`closes its connector once the last page is applied, and not before${join ? ', where pages are joined' : ''}`, async () => {
      let closed = false;
      async function* source(): AsyncGenerator<Item> {
        try {
          yield record({ id: 1 });
          yield complete();
        } finally {
          closed = true;
        }
      }
      const closedWhileApplied: boolean[] = [];
      for await (const _ of readPages(source(), cutting({ join }))) {
        await setImmediate();
        closedWhileApplied.push(closed);
      }
      expect([closedWhileApplied, closed]).to.deep.equal([[false], true]);
    });
});
