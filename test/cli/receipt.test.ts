import { expect } from 'chai';
import { effortSentence, fieldsDroppedSentence, receiptSentences, streamSentence } from '../../src/cli/receipt.ts';
import type { StreamName } from '../../src/model/model.ts';
import { dropReasons } from '../../src/model/model.ts';
import { emptyStreamReceipt, type Receipt, type RunStatus, type StreamReceipt } from '../../src/model/receipt.ts';

const stream = (given: Partial<StreamReceipt>): StreamReceipt => ({ ...emptyStreamReceipt('full'), ...given });

const receipt = (status: RunStatus, given: Partial<Receipt> = {}): Receipt => ({
  run: '0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b',
  connection: 'acme/people',
  status,
  started_at: '2026-11-22T09:15:00.000Z',
  finished_at: '2026-11-22T09:15:04.200Z',
  requests: 101,
  bytes: 18_233_411,
  streams: { users: stream({ read: 1, dropped: { 'not-a-user': 1 } }) },
  ...given,
});

describe('the receipt in words', () => {
  const told: readonly [string, StreamName, Partial<StreamReceipt>, string][] = [
    [
      'a first run',
      'users',
      {
        read: 312,
        kept: 38,
        created: 38,
        dropped: { 'not-a-user': 242, 'out-of-scope': 30, ambiguous: 1, invalid: 1 },
      },
      'Read 312 entries of acme/people; let in 38 of 40 users (38 new); turned away 274: 242 not users, 30 out of scope, 1 ambiguous, 1 unreadable.',
    ],
    [
      'thousands',
      'users',
      { read: 100_000, kept: 5000, updated: 12, unchanged: 4988, dropped: { 'not-a-user': 95_000 } },
      'Read 100,000 entries of acme/people; let in 5,000 of 40 users (12 changed, 4,988 as before); turned away 95,000: not users.',
    ],
    [
      'one of each',
      'users',
      { read: 3, kept: 1, updated: 1, repeated: 1, dropped: { 'not-a-user': 1 } },
      'Read 3 entries of acme/people; let in 1 of 40 users (1 changed); turned away 1: not a user; saw 1 of them more than once.',
    ],
    ['nothing', 'users', {}, 'Read 0 entries of acme/people; let in 0 of 40 users.'],
    [
      'a stream that names nobody',
      'lockers',
      { read: 120, kept: 120, unchanged: 120 },
      'Read 120 lockers of acme/people; let in 120 (120 as before); turned away none.',
    ],
    [
      'only what changed',
      'locker_assignments',
      { mode: 'incremental', read: 1, kept: 1, created: 1 },
      'Read 1 changed locker assignment of acme/people; let in 1 (1 new); turned away none.',
    ],
  ];
  for (const [name, which, given, sentence] of told) {
    it(`tells ${name}`, () => {
      expect(streamSentence('acme/people', which, stream(given), { users: 40 })).to.equal(sentence);
    });
  }

  it('has words for every reason', () => {
    const dropped = Object.fromEntries(dropReasons.map((reason) => [reason, 2]));
    const sentence = streamSentence('acme/people', 'users', stream({ read: 12, dropped }));
    expect(sentence).to.match(/turned away 12: 2 not users,/);
    expect(sentence).not.to.include('undefined');
  });

  it('counts what arrived unasked by name, the rest without one', () => {
    expect(fieldsDroppedSentence({ other: 2, mobile: 1, homePhone: 100_000 })).to.equal(
      'Sent without being asked for, and thrown away unread: homePhone (100,000 times), mobile (1 time) and 2 values under other names.',
    );
    expect(fieldsDroppedSentence({})).to.equal(undefined);
  });

  it('tells people before rooms and meetings, in whatever order they were kept', () => {
    const one = stream({ read: 1, kept: 1, created: 1 });
    const words = receiptSentences(receipt('succeeded', { streams: { events: one, spaces: one, users: one } }));
    expect(words.map((sentence) => /^Read 1 (\w+)/.exec(sentence)?.[1])).to.deep.equal(['entry', 'space', 'event']);
  });

  it('says what to do about held removals, with the run to name', () => {
    const held = receipt('held', { streams: { users: stream({ read: 5, kept: 5, unchanged: 5, held: 1200 }) } });
    const words = receiptSentences(held).join('\n');
    expect(words).to.include('Did not remove 1,200 that the source no longer has');
    expect(words).to.include('`sluice approve 0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b` removes');
    expect(words).to.include('`sluice reject 0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b` keeps');
  });

  it('tells a failure with its sentence, unless that is told elsewhere', () => {
    const failed = receipt('failed', { streams: {}, error: 'The password is wrong; correct `bind_password`.' });
    expect(receiptSentences(failed)).to.deep.equal([
      'Read nothing of acme/people.',
      'It failed: The password is wrong; correct `bind_password`.',
      'Nothing was removed; what had been let in stays, and the next run starts where this one can.',
    ]);
    expect(receiptSentences(failed, { withoutFailure: true }).join()).not.to.include('password');
  });

  it('says that a failed run holds removals, what to do about them, and who did', () => {
    const held = { users: stream({ read: 5, kept: 5, unchanged: 5, held: 7 }) };
    const words = receiptSentences(receipt('failed', { streams: held, error: 'A calendar is closed; open it.' }));
    expect(words.at(-1)).to.match(
      /^What it held stays until somebody decides: `sluice approve 0199.* `sluice reject 0199/,
    );
    const decided_at = '2026-11-22T10:00:00.000Z';
    const streams = { users: stream({ read: 5, kept: 5, unchanged: 5, removed: 7 }) };
    const after = receiptSentences(receipt('failed', { streams, decided_by: 'root', decided_at }));
    expect(after.at(-1)).to.equal('What it held was decided on by root at 2026-11-22 10:00:00 UTC.');
    expect(after.join()).to.not.include('Nothing was removed');
  });

  it('says who decided, and when', () => {
    const decided = { decided_by: 'root at the command line', decided_at: '2026-11-22T10:00:00.000Z' };
    expect(receiptSentences(receipt('succeeded', decided)).at(-1)).to.equal(
      'What it held was removed: approved by root at the command line at 2026-11-22 10:00:00 UTC.',
    );
    expect(receiptSentences(receipt('rejected', decided)).at(-1)).to.match(/was kept: rejected by root/);
  });

  it('ends with a sentence for every status but a plain success', () => {
    const statuses: RunStatus[] = ['running', 'failed', 'held', 'rejected', 'superseded', 'cancelled'];
    const plain = receiptSentences(receipt('succeeded')).length;
    for (const status of statuses) expect(receiptSentences(receipt(status)).length, status).to.be.greaterThan(plain);
  });

  it('tells the effort in units', () => {
    expect(effortSentence(receipt('succeeded'))).to.equal('Took 4.2 s, 101 requests, 17.4 MiB read.');
    expect(effortSentence(receipt('running', { finished_at: null }))).to.equal(undefined);
  });
});
