/** `npm test` and `npm run test:systems`: mocha, then what was skipped and why, then one line of numbers. */
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import Mocha from 'mocha';
import { mochaHooks } from './hub.ts';
import { lastReason } from './requires.ts';

const root = join(import.meta.dirname, '..');
const systems = process.argv.includes('--systems');
const named = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));

/** Real servers are for `test:systems`; long runs and measurements have commands of their own. */
const APART = new Set(['systems', 'soak', 'bench', 'support']);

function testFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => {
      const top = relative(root, file).split('/')[0]!;
      return systems ? top === 'systems' : !APART.has(top);
    })
    .sort();
}

const mocha = new Mocha({
  timeout: 30_000,
  forbidOnly: process.env.CI === 'true',
  reporter: process.env.CI ? 'dot' : 'spec',
});
for (const file of named.length > 0 ? named : testFiles(root)) mocha.addFile(file);
mocha.rootHooks(mochaHooks);
await mocha.loadFilesAsync();

const skipped: string[] = [];
let passed = 0;
const runner = mocha.run((failures) => {
  for (const line of skipped) console.log(`skipped: ${line}`);
  console.log(`\n${passed} passed, ${failures} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`);
  // A test that leaves something open is a leak; it must not hold the build, but it is told.
  const open = process
    .getActiveResourcesInfo()
    .filter((kind) => !/TTY|Pipe|FSReq|Timeout|Immediate|CloseReq/.test(kind));
  if (open.length > 0) console.log(`left open: ${[...new Set(open)].join(', ')}`);
  process.exit(failures > 0 ? 1 : 0);
});
runner.on('pass', () => {
  passed++;
});
runner.on('pending', (test) => {
  skipped.push(`${test.fullTitle()} (${lastReason()})`);
});
