/**
 * `npm run bench`: repeats every number of the README that is a measurement. The directory needs slapd, ldapsearch, awk and
 * psql; the calendars need nothing. `-- --help` lists what can be left out or made smaller.
 */
import { rm } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { measureCalendars } from './calendars.ts';
import { measureDirectory } from './directory.ts';
import { measureGate } from './gate.ts';
import { prepare } from './prepare.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    entries: { type: 'string' },
    rooms: { type: 'string', default: '1000' },
    latency: { type: 'string', default: '0' },
    help: { type: 'boolean' },
  },
});
const parts = ['directory', 'gate', 'calendars'];
const numbers = [values.entries ?? '1', values.rooms, values.latency].map(Number);
if (values.help || !parts.includes(values.only ?? 'gate') || numbers.some((one) => !Number.isSafeInteger(one))) {
  console.log(`npm run bench -- [--only ${parts.join('|')}] [--entries N] [--rooms N] [--latency MS]`);
  process.exit(values.help ? 0 : 2);
}
const wanted = (part: string) => values.only === undefined || values.only === part;

/**
 * Of each measurement the best is told: on a shared machine the others tell what else it was doing. Large directories
 * are measured once: their users log on for minutes.
 */
const roundsOf = (entries: number) => (entries <= 100_000 ? 3 : 1);
const sizes = values.entries === undefined ? [100_000, 500_000] : [Number(values.entries)];

const peaks_mb: number[] = [];
for (const entries of wanted('directory') ? sizes : []) {
  const stage = await prepare(entries, roundsOf(entries));
  try {
    peaks_mb.push(await measureDirectory(stage));
  } finally {
    await stage.stop();
    await rm(stage.folder, { recursive: true, force: true });
  }
}
const [smaller, larger] = peaks_mb;
if (smaller && larger)
  console.log(`\npeak of a first pass, larger against smaller: ${(larger / smaller).toFixed(2)} ×`);
if (wanted('gate')) await measureGate();
if (wanted('calendars')) await measureCalendars(Number(values.rooms), Number(values.latency));
process.exit(0);
