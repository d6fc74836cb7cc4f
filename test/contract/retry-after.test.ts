import { expect } from 'chai';
import { retryAfter } from '../../src/contract/retry-after.ts';

describe('Retry-After', () => {
  const now = new Date('2026-11-22T12:00:00Z');
  const read: [string | undefined, string | undefined][] = [
    ['120', '2026-11-22T12:02:00.000Z'],
    [' 0 ', '2026-11-22T12:00:00.000Z'],
    ['259200', '2026-11-25T12:00:00.000Z'],
    ['31536000', '2027-11-22T12:00:00.000Z'],
    ['Mon, 23 Nov 2026 08:49:37 GMT', '2026-11-23T08:49:37.000Z'],
    ['Monday, 23-Nov-26 08:49:37 GMT', '2026-11-23T08:49:37.000Z'],
    ['Mon Nov 23 08:49:37 2026', '2026-11-23T08:49:37.000Z'],
    ['Tue Dec  1 08:49:37 2026', '2026-12-01T08:49:37.000Z'],
    ['99999999999999999999', undefined],
    ['soon', undefined],
    ['-5', undefined],
    ['', undefined],
    [undefined, undefined],
  ];
  for (const [header, instant] of read)
    it(`reads ${JSON.stringify(header)} as ${instant}`, () => {
      expect(retryAfter(header, now)?.toISOString()).to.equal(instant);
    });
});
