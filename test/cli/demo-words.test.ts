import { expect } from 'chai';
import { callsToTry } from '../../src/cli/demo-calls.ts';
import { changeSentence } from '../../src/cli/demo-changes.ts';
import { runLine } from '../../src/cli/demo-watch.ts';
import type { Receipt, StreamReceipt } from '../../src/model/receipt.ts';
import type { ChangeKind } from '../../src/sandbox/changes.ts';
import type { CalendarChangeKind } from '../../src/sandbox/microsoft365/index.ts';

// Whoever adds a kind to the sandbox is told by the compiler that it wants a sentence.
const kinds: Readonly<Record<ChangeKind | CalendarChangeKind, RegExp>> = {
  hire: /directory somebody was hired \(not a user\)/,
  leave: /directory somebody left/,
  promotion: /directory somebody was promoted/,
  rename: /directory somebody has a new name/,
  move: /directory somebody moved/,
  phone: /directory somebody got another phone/,
  booking: /calendar a meeting was booked \(not by a user\)/,
  rescheduling: /calendar a meeting was moved/,
  cancellation: /calendar a meeting was called off/,
  series: /calendar a series of meetings was changed/,
  capacity: /A room got another number of seats/,
};

describe('what the demo says while it runs', () => {
  for (const [kind, sentence] of Object.entries(kinds)) {
    it(`has words for ${kind}`, () => expect(changeSentence({ kind, ofUser: false })).to.match(sentence));
  }

  it('tells whether it happened to a user', () => {
    expect(changeSentence({ kind: 'phone', ofUser: true })).to.include('(a user)');
    expect(changeSentence({ kind: 'booking', ofUser: true })).to.include('(by a user)');
  });

  const nothing: StreamReceipt = {
    ...{ mode: 'incremental', read: 3, kept: 3, created: 0, updated: 0, unchanged: 3 },
    ...{ repeated: 0, gone: 0, removed: 0, held: 0, dropped: {} },
  };
  const run = (streams: Receipt['streams'], more: Partial<Receipt> = {}): Receipt => ({
    ...{ run: '01a2', connection: 'acme/m365', status: 'succeeded', requests: 1, bytes: 1, streams },
    ...{ started_at: '2026-11-25T09:00:00Z', finished_at: '2026-11-25T09:00:01Z' },
    ...more,
  });

  it('tells of a run what it brought, people first', () => {
    const streams = {
      events: { ...nothing, created: 2, removed: 1 },
      spaces: { ...nothing, updated: 1 },
      users: { ...nothing, updated: 1_234 },
    };
    expect(runLine(run(streams))).to.equal(
      'The hub read acme/m365. People: 1,234 changed. Rooms and desks: 1 changed. Meetings: 2 new, 1 removed.',
    );
  });

  it('tells nothing of a run that brought nothing, and always of one that failed or waits', () => {
    expect(runLine(run({ users: nothing, events: nothing }))).to.equal(undefined);
    expect(runLine(run({}, { status: 'failed', error: 'It was away.' }))).to.equal('A run failed: It was away.');
    expect(runLine(run({}, { status: 'held' }))).to.include('npx sluice run 01a2');
  });
});

describe('the calls that the demo shows', () => {
  const dayOf = (now: string) =>
    /"from":"(\d{4}-\d\d-\d\d)T/.exec(
      callsToTry('http://127.0.0.1:1', 'key', new Date(now), undefined).join('\n'),
    )?.[1];

  it('ask about today, and at the weekend about Monday', () => {
    expect(
      ['2026-11-27', '2026-11-28', '2026-11-29', '2026-11-30'].map((day) => dayOf(`${day}T12:00:00Z`)),
    ).to.deep.equal(['2026-11-27', '2026-11-30', '2026-11-30', '2026-11-30']);
  });

  it('fit on a line of 100 columns', () => {
    const key = `sl_acme_${'k'.repeat(52)}`;
    for (const line of callsToTry('http://127.0.0.1:65535', key, new Date(), '019ab3f2-7c1e-7d3a-9f10-2b6f6f0c9a11'))
      expect(line.length + 2, line).to.be.at.most(100);
  });
});
