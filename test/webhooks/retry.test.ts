import { expect } from 'chai';
import { ATTEMPT_DELAYS_S, nextAttempt } from '../../src/webhooks/index.ts';
import { retryAfter } from '../../src/webhooks/retry.ts';
import { NOW } from './support.ts';

const waitMs = (attempt: number, random: number, notBefore?: Date) =>
  nextAttempt(attempt, NOW, { random: () => random, notBefore })!.getTime() - NOW.getTime();

describe('attempts at telling', () => {
  it('are ten, spread over three days as the standard recommends', () => {
    expect(ATTEMPT_DELAYS_S).eql([0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]);
    expect(ATTEMPT_DELAYS_S.map((_, attempt) => waitMs(attempt, 0) / 1000)).eql([...ATTEMPT_DELAYS_S]);
    expect(nextAttempt(10, NOW)).equal(undefined);
  });

  it('begin at once', () => {
    expect(nextAttempt(0, NOW)).eql(NOW);
  });

  it('are late by up to a fifth, never early', () => {
    expect(waitMs(2, 0.5)).equal(330_000);
    for (let round = 0; round < 200; round++) {
      const wait = nextAttempt(3, NOW)!.getTime() - NOW.getTime();
      expect(wait).within(1_800_000, 2_160_000);
    }
  });

  it('wait for as long as the receiver asked, and not less than the schedule', () => {
    const inAWeek = new Date(NOW.getTime() + 7 * 86_400_000);
    expect(nextAttempt(1, NOW, { notBefore: inAWeek })).eql(inAWeek);
    expect(waitMs(2, 0, new Date(NOW.getTime() + 1000))).equal(300_000);
    expect(nextAttempt(10, NOW, { notBefore: inAWeek })).equal(undefined);
  });

  it('read Retry-After in seconds and as a date, and nothing else', () => {
    expect(retryAfter('120', NOW)?.toISOString()).equal('2026-11-22T09:17:04.250Z');
    expect(retryAfter('Mon, 23 Nov 2026 08:49:37 GMT', NOW)?.toISOString()).equal('2026-11-23T08:49:37.000Z');
    for (const header of [undefined, '', 'soon', '-5', '1.5', '99999999999999999999', 'Mon, GMT'])
      expect(retryAfter(header, NOW), String(header)).equal(undefined);
  });
});
