import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { withWait } from '../../src/sync/contact.ts';

const folder = join(import.meta.dirname, '../../src/sync');

describe('the way to a source', () => {
  it('is one: nothing else opens a network, so that nothing else can forget until when it asked to be left alone', () => {
    const opens = (file: string) => /\bnet\(\s*[{.\w]/.test(readFileSync(join(folder, file), 'utf8'));
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
    expect(files.filter((file) => !file.startsWith('net') && opens(file))).to.deep.equal(['contact.ts']);
  });

  it('is told of in one sentence, with an instant that is never too early by what is cut off', () => {
    const now = new Date('2026-12-01T09:30:00.000Z');
    const told = (asked: string) => withWait('It is busy; the next run tries again.', new Date(asked), now);
    expect(told('2026-12-01T09:35:00.001Z')).to.equal(
      'It is busy; the next run tries again; nothing is asked of the source before 2026-12-01 09:35:01 UTC.',
    );
    expect(told('2026-12-02T09:30:00.000Z')).to.match(/before 2026-12-02 09:30:00 UTC\.$/);
    expect(told('2999-12-31T00:00:00Z')).to.match(/before 2026-12-02 09:30:00 UTC \(it asked for longer, .* 24 h\)\.$/);
  });
});
