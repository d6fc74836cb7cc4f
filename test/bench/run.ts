/** `npm run bench [-- --entries N]`: repeats every number of the README that is a measurement. Needs slapd, ldapsearch, awk, psql. */
import { rm } from 'node:fs/promises';
import { measureDirectory } from './directory.ts';
import { measureGate } from './gate.ts';
import { prepare } from './prepare.ts';

const at = process.argv.indexOf('--entries');
const sizes = at > 0 ? [Number(process.argv[at + 1])] : [100_000, 500_000];

for (const entries of sizes) {
  const stage = await prepare(entries);
  try {
    await measureDirectory(stage);
    if (entries === sizes[0]) await measureGate();
  } finally {
    await stage.stop();
    await rm(stage.folder, { recursive: true, force: true });
  }
}
process.exit(0);
