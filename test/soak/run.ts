/**
 * `npm run soak`: the long forms of tests whose short forms are in `npm test`. `-- --seed N` repeats what a seed did,
 * as far as time allows it; `-- NAME …` runs some of them.
 */
import { parseArgs } from 'node:util';
import { SiegeClock } from '../support/siege/siege.ts';
import { Site } from '../support/siege/site.ts';
import { soaks } from './soaks.ts';

const { values, positionals } = parseArgs({
  options: { seed: { type: 'string' }, help: { type: 'boolean' } },
  allowPositionals: true,
});
const names = soaks.map(({ name }) => name);
const unknown = positionals.filter((name) => !names.includes(name));
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(values.seed);
if (unknown.length > 0 || values.help || !Number.isSafeInteger(seed)) {
  for (const { name, about } of soaks) console.log(`${name.padEnd(16)}${about}`);
  console.log('npm run soak -- [--seed INTEGER] [NAME …]');
  process.exit(values.help ? 0 : 2);
}

console.log(`seed ${seed}`);
let failed = 0;
const chosen = soaks.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
for (const soak of chosen) {
  const began = performance.now();
  const clock = new SiegeClock();
  const site = await Site.open(clock.now);
  const took = () => `${((performance.now() - began) / 1000).toFixed(0)} s`;
  try {
    console.log(`${soak.name}: passed, ${await soak.run({ site, clock, seed })} (${took()})`);
  } catch (error) {
    failed++;
    console.error(`${soak.name}: failed after ${took()} with seed ${seed}:`, error);
  } finally {
    await site.close();
  }
}
console.log(`\n${chosen.length - failed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
