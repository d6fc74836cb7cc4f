/** `npm run bench [-- --entries N]`: repeats every number of the README that is a measurement. Needs slapd, ldapsearch, awk, psql. */
import { rm } from 'node:fs/promises';
import { measureDirectory } from './directory.ts';
import { measureGate } from './gate.ts';
import { prepare } from './prepare.ts';

const at = process.argv.indexOf('--entries');
/**
 * Of each measurement the best is told: on a shared machine the others tell what else it was doing. Large directories
 * are measured once: their users log on for minutes.
 */
const roundsOf = (entries: number) => (entries <= 100_000 ? 3 : 1);
const sizes = at > 0 ? [Number(process.argv[at + 1])] : [100_000, 500_000];

for (const entries of sizes) {
  const stage = await prepare(entries, roundsOf(entries));
  try {
    await measureDirectory(stage);
    if (entries === sizes[0]) await measureGate();
  } finally {
    await stage.stop();
    await rm(stage.folder, { recursive: true, force: true });
  }
}
process.exit(0);
