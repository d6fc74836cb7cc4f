import { expect } from 'chai';
import { Problem, problemBody, problemNames, problems, toProblem } from '../../src/api/problems.ts';
import { BadInput, NeedsAttention, type RefusalKind, Refused, TryLater } from '../../src/base/errors.ts';

const now = new Date('2026-11-22T09:00:00Z');

describe('problems', () => {
  it('name each refusal by its kind', () => {
    const kinds: RefusalKind[] = [
      'conflict',
      'not-admitted',
      'identity-conflict',
      'cursor-too-old',
      'feature-off',
      'no-opt-in',
      'already-running',
      'not-held',
      'locked',
    ];
    for (const kind of kinds) {
      const { problem, expected } = toProblem(new Refused(kind, 'Because.'), now);
      expect([problem.problem, problem.message, expected]).to.deep.equal([kind, 'Because.', true]);
    }
  });

  it('say the same of whatever is not there', () => {
    const a = toProblem(new Refused('not-found', 'There is no run 1 of connection people.'), now).problem;
    const b = toProblem(new Refused('not-found', 'No such user.'), now).problem;
    expect(problemBody(a, 'r1')).to.deep.equal(problemBody(b, 'r2'));
  });

  it('carry when to come back, in whole seconds and never in the past', () => {
    const wait = (notBefore?: string) =>
      Number(
        toProblem(new TryLater('Busy.', notBefore ? new Date(notBefore) : undefined), now).problem.headers[
          'Retry-After'
        ],
      );
    expect(wait()).to.be.above(0);
    expect(wait('2026-11-22T09:05:00.001Z')).to.equal(301);
    expect(wait('2026-11-22T08:00:00Z')).to.equal(1);
  });

  it('have every status that names a wait marked as retry later', () => {
    for (const error of [
      new TryLater('Busy.'),
      new Refused('already-running', 'Wait.'),
      new Refused('locked', 'Wait.'),
    ]) {
      const { problem } = toProblem(error, now);
      expect(problems[problem.problem].retry).to.equal('later');
      expect(problem.headers).to.have.property('Retry-After');
    }
  });

  it('answer bad input with 400 and a source that needs somebody with 502', () => {
    expect(problemBody(toProblem(new BadInput('The cursor is none of ours.'), now).problem, 'r')).to.include({
      status: 400,
      retry: 'never',
    });
    expect(problemBody(toProblem(new NeedsAttention('Change the password.'), now).problem, 'r')).to.include({
      status: 502,
      retry: 'after-change',
      detail: 'Change the password.',
    });
  });

  it('tell nothing of an unexpected error but where to find it in the log', () => {
    for (const thrown of [
      new Error('duplicate key (email)=(zoe@acme.example)'),
      'zoe@acme.example',
      undefined,
      new TypeError('zoe'),
    ]) {
      const { problem, expected } = toProblem(thrown, now);
      expect(expected).to.equal(false);
      const body = problemBody(problem, '11111111-2222-4333-8444-555555555555');
      expect(body).to.include({ status: 500, instance: 'urn:uuid:11111111-2222-4333-8444-555555555555' });
      expect(JSON.stringify(body)).to.not.include('zoe');
    }
  });

  it('are published with a status of their class, a retry and a sentence', () => {
    for (const name of problemNames) {
      const { status, meaning, title } = problems[name];
      expect(status, name).to.be.within(400, 599);
      expect(meaning, name).to.match(/\S\.$/);
      expect(title, name).to.match(/^[A-Z]/);
    }
  });

  it('carry the wrong places of a request', () => {
    const errors = [{ in: 'body', path: '/email', problem: 'is missing' }] as const;
    expect(problemBody(new Problem('bad-request', 'No.', { errors }), 'r').errors).to.deep.equal(errors);
  });
});
