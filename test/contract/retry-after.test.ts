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

  it('that is a date counts from the Date of the answer: the clock of a source may be behind ours, or ahead', () => {
    const asked = 'Sun, 22 Nov 2026 12:05:00 GMT';
    const waits = (date: string | undefined) => (retryAfter(asked, now, date)?.getTime() ?? 0) - now.getTime();
    expect(waits('Sun, 22 Nov 2026 11:59:00 GMT'), 'behind').to.equal(6 * 60_000);
    expect(waits('Sun, 22 Nov 2026 12:04:00 GMT'), 'ahead').to.equal(60_000);
    for (const none of [undefined, '', 'noon']) expect(waits(none), String(none)).to.equal(5 * 60_000);
    expect(retryAfter('60', now, 'Sun, 22 Nov 2026 11:59:00 GMT')?.toISOString()).to.equal('2026-11-22T12:01:00.000Z');
  });
});
