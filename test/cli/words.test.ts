import { expect } from 'chai';
import { progressLine } from '../../src/cli/progress.ts';
import { table, width, wrap } from '../../src/cli/table.ts';
import { printable, wantsColour } from '../../src/cli/terminal.ts';
import { bytes, count, duration, listed } from '../../src/cli/words.ts';

describe('words of the command line', () => {
  it('tells one from several and groups thousands', () => {
    expect([0, 1, 2, 1234567].map((many) => count(many, 'entry', 'entries'))).to.deep.equal([
      '0 entries',
      '1 entry',
      '2 entries',
      '1,234,567 entries',
    ]);
    expect([[], ['a'], ['a', 'b'], ['a', 'b', 'c']].map((words) => listed(words))).to.deep.equal([
      'none',
      'a',
      'a and b',
      'a, b and c',
    ]);
  });

  it('never rounds a time or a size to a whole unit of the next one', () => {
    expect([0, 999, 1000, 59_949, 59_950, 61_000, 3_599_600, 7_800_000].map(duration)).to.deep.equal([
      '0 ms',
      '999 ms',
      '1.0 s',
      '59.9 s',
      '1 min 00 s',
      '1 min 01 s',
      '1 h 00 min',
      '2 h 10 min',
    ]);
    expect([0, 1, 1023, 1024, 1024 * 1024 - 1, 18_233_411].map(bytes)).to.deep.equal([
      '0 bytes',
      '1 byte',
      '1,023 bytes',
      '1.0 KiB',
      '1.0 MiB',
      '17.4 MiB',
    ]);
  });

  it('disarms what a name could do to a terminal', () => {
    expect(printable('Eve\u001b[2J\u202Emoc.elpmaxe\nroot\ud800')).to.equal('Eve\ufffd[2J\ufffdmoc.elpmaxe root\ufffd');
  });

  it('colours only a terminal that wants it', () => {
    expect(wantsColour(true, {})).to.equal(true);
    expect(wantsColour(false, {})).to.equal(false);
    expect(wantsColour(true, { NO_COLOR: '1' })).to.equal(false);
    expect(wantsColour(true, { NO_COLOR: '' })).to.equal(true);
    expect(wantsColour(true, { TERM: 'dumb' })).to.equal(false);
  });
});

describe('the table', () => {
  it('lines up names of every script, and leaves out what is empty everywhere', () => {
    const shown = table(
      [{ title: 'name' }, { title: 'never' }, { title: 'n', align: 'right' }],
      [
        ['张 雅婷', '', '1'],
        ['Zsófia', '', '1,000'],
      ],
    );
    expect(shown).to.equal('name         n\n张 雅婷      1\nZsófia   1,000\n');
    expect(width('\u001b[1m张\u001b[22m')).to.equal(2);
  });

  it('wraps the last column and nothing else', () => {
    expect(wrap('one two three', 7)).to.deep.equal(['one two', 'three']);
    const shown = table([{ title: 'a' }, { title: 'b' }], [['x', 'one two three four five six']], { columns: 29 });
    expect(shown).to.equal('a  b\nx  one two three four five\n   six\n');
  });
});

describe('the progress line', () => {
  const progress = { run: '', stream: 'users', read: 5000, kept: 250, total: undefined } as const;

  it('tells rate and time left once there is something to tell', () => {
    expect(progressLine({ ...progress, total: 20_000 }, 1000)).to.equal(
      '5,000 of 20,000 read, 250 let in, 5,000/s, 3.0 s left',
    );
    expect(progressLine(progress, 1000)).to.equal('5,000 read, 250 let in, 5,000/s');
    expect(progressLine({ ...progress, total: 20_000 }, 3)).to.equal('5,000 of 20,000 read, 250 let in');
  });

  it('never reads more than there is', () => {
    expect(progressLine({ ...progress, total: 4999 }, 1000)).to.equal('5,000 of 5,000 read, 250 let in, 5,000/s');
  });
});
