import { expect } from 'chai';
import type { Health } from '../../src/store/types.ts';
import { noticeFor, noticeId, noticeOf } from '../../src/webhooks/index.ts';
import { plainLine } from '../../src/webhooks/words.ts';
import { NOW, RUN, receiptOf } from './support.ts';

const told = (path: readonly Health[]) => path.slice(1).map((now, at) => noticeOf(path[at]!, now) ?? '-');

describe('notices', () => {
  const paths: [string, Health[], string[]][] = [
    ['nothing of a connection that stays well', ['never', 'ok', 'ok'], ['-', '-']],
    ['a failure once, and its end', ['ok', 'failing', 'failing', 'ok'], ['failing', '-', 'recovered']],
    [
      'a failure, and the end of trying, but not the slowing down between',
      ['ok', 'failing', 'quarantined', 'quarantined', 'stopped', 'stopped'],
      ['failing', '-', '-', 'failing', '-'],
    ],
    ['a first run that fails', ['never', 'failing'], ['failing']],
    ['held removals once, however many runs find them', ['ok', 'held', 'held', 'ok'], ['held', '-', 'recovered']],
    ['removals held after a failure', ['failing', 'held'], ['held']],
    ['a stopped connection that is resumed and well', ['stopped', 'failing', 'ok'], ['-', 'recovered']],
  ];
  for (const [what, path, notices] of paths)
    it(`tell ${what}`, () => {
      expect(told(path)).eql(notices);
    });

  it('tell nothing when the state stays, whichever it is', () => {
    for (const state of ['never', 'ok', 'failing', 'held', 'quarantined', 'stopped'] as const)
      expect(noticeOf(state, state)).equal(undefined);
  });

  it('of held removals give the numbers by stream and the decision', () => {
    const notice = noticeFor({ kind: 'held', was: 'ok', now: 'held', receipt: receiptOf(), at: NOW });
    expect(notice).include({ kind: 'held', tenant: 'acme', connection: 'people', run: RUN, at: NOW.toISOString() });
    expect(notice.sentence).include('(users: 812)').and.include(`look at run ${RUN}, then approve or reject it`);
  });

  it("of a failure carry the run's own sentence, which says what to do", () => {
    const error = 'dc1.acme.example:636 refuses the sign-in; correct bind_dn and bind_password.';
    const receipt = receiptOf({ status: 'failed', error, streams: {} });
    const { sentence } = noticeFor({ kind: 'failing', was: 'ok', now: 'failing', receipt, at: NOW });
    expect(sentence).equal(`A run of acme/people failed and took nothing away: ${error}`);
    const stopped = noticeFor({ kind: 'failing', was: 'quarantined', now: 'stopped', receipt, at: NOW });
    expect(stopped.sentence).include('no longer tried').and.include('resume it').and.include(error);
  });

  it('of a failure say that removals wait besides', () => {
    const receipt = receiptOf({ status: 'failed', error: 'A calendar is closed; open it.' });
    const { sentence } = noticeFor({ kind: 'failing', was: 'ok', now: 'failing', receipt, at: NOW });
    expect(sentence).include('(users: 812)').and.include(`run ${RUN}, then approve or reject`).and.include('is closed');
  });

  it('of recovery say since when it had been failing', () => {
    const receipt = receiptOf({ status: 'succeeded', streams: {} });
    const since = new Date('2026-11-20T22:05:59Z');
    const { sentence } = noticeFor({ kind: 'recovered', was: 'failing', now: 'ok', receipt, at: NOW, since });
    expect(sentence).equal(
      'acme/people is well again after failing since 2026-11-20 22:05 UTC; nothing is left to do.',
    );
    const unheld = noticeFor({ kind: 'recovered', was: 'held', now: 'ok', receipt, at: NOW });
    expect(unheld.sentence).include('no removals wait any more');
  });

  it('have one id per event, without a full stop, other for another kind or run', () => {
    const notice = noticeFor({ kind: 'held', was: 'ok', now: 'held', receipt: receiptOf(), at: NOW });
    expect(noticeId(notice)).equal(`notice_${RUN}_held`);
    expect(noticeId({ ...notice, at: '2027-01-01T00:00:00.000Z' })).equal(noticeId(notice));
    expect(noticeId({ ...notice, kind: 'failing' })).not.equal(noticeId(notice));
  });

  it('are one bounded line, whatever a sentence holds', () => {
    expect(plainLine('a\r\nBcc: x@y.example\u0000\u2028b\u202ec')).equal('a Bcc: x@y.example b c');
    const long = plainLine('😀'.repeat(5000));
    expect([...long]).length(2000);
    expect(long.endsWith('😀…')).equal(true);
  });
});
