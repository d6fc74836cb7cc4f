import pg from 'pg';
import type { Receipt } from '../../src/model/receipt.ts';
import { type Measured, type MeasuredPass, measure, sync } from './measure.ts';
import type { Stage } from './prepare.ts';

/**
 * A full first pass, an unchanged pass, and the shell doing the same without a gate: one run, one machine.
 * @returns the peak of the first pass, in MB
 */
export async function measureDirectory(stage: Stage): Promise<number> {
  const { entries, users } = stage;
  const shells: Measured[] = [];
  const firsts: MeasuredPass[] = [];
  const unchanged: MeasuredPass[] = [];
  for (const tenant of stage.tenants) {
    shells.push(await shell(stage));
    firsts.push(await pass(stage, tenant, ({ read, created }) => read === entries && created === users));
    shells.push(await shell(stage));
    unchanged.push(await pass(stage, tenant, (counts) => counts.read === entries && counts.unchanged === users));
  }
  const pipeline = Math.min(...shells.map(({ wall_s }) => wall_s));
  const line = (name: string, wall_s: number, peak_mb?: number) =>
    console.log(
      `${name.padEnd(40)} ${wall_s.toFixed(2).padStart(7)} s  ${(wall_s / pipeline).toFixed(2).padStart(5)} ×${peak_mb === undefined ? '' : `  ${peak_mb.toFixed(0).padStart(4)} MB peak`}`,
    );
  const peakOf = (passes: readonly MeasuredPass[]) => Math.max(...passes.map(({ peak_mb }) => peak_mb));
  const lines = (name: string, passes: readonly MeasuredPass[]) => {
    line(name, Math.min(...passes.map(({ pass_s }) => pass_s)), peakOf(passes));
    line('  with the start and end of its command', Math.min(...passes.map(({ wall_s }) => wall_s)));
  };
  console.log(`\n${entries.toLocaleString('en')} entries, ${users.toLocaleString('en')} users`);
  line('ldapsearch | awk | psql \\copy', pipeline);
  lines('first full pass', firsts);
  lines('unchanged full pass', unchanged);
  return peakOf(firsts);
}

async function pass(
  stage: Stage,
  tenant: string,
  holds: (counts: NonNullable<Receipt['streams']['users']>) => boolean,
): Promise<MeasuredPass> {
  const measured = await sync(`${tenant}/people`, stage.env, ['--full']);
  const { users } = measured.receipt.streams;
  if (!users || !holds(users)) throw new Error(`The pass did not do its work: ${measured.output}`);
  console.log(
    `  pass: ${measured.pass_s.toFixed(2)} s, with its command ${measured.wall_s.toFixed(2)} s; ${measured.peak_mb.toFixed(0)} MB`,
  );
  return measured;
}

/** The same attributes of the same entries into one bare table: what a competent administrator would type. */
async function shell({ slapd, database, entries }: Stage): Promise<Measured> {
  const client = new pg.Client({ connectionString: database.migrateUrl });
  await client.connect();
  await client.query(
    'DROP TABLE IF EXISTS public.bench; CREATE TABLE public.bench (id text, given text, family text, mail text, phone text, title text, department text)',
  );
  const attributes = ['entryUUID', 'givenName', 'sn', 'mail', 'telephoneNumber', 'title', 'departmentNumber'];
  const awk = `BEGIN { FS = ": "; OFS = "\\t" } /^$/ { if (v["entryUUID"] != "") print v["entryUUID"], v["givenName"], v["sn"] v["sn:"], v["mail"], v["telephoneNumber"], v["title"], v["departmentNumber"]; delete v; next } { v[$1] = $2 } END { if (v["entryUUID"] != "") print v["entryUUID"], v["givenName"], v["sn"] v["sn:"], v["mail"], v["telephoneNumber"], v["title"], v["departmentNumber"] }`;
  const measured = await measure(
    'bash',
    [
      '-c',
      `set -o pipefail; ldapsearch -x -LLL -o ldif-wrap=no -E pr=1000/noprompt -H "$URL" -D "$DN" -w "$PASSWORD" -b "$BASE" '(objectClass=inetOrgPerson)' ${attributes.join(' ')} | awk "$AWK" | psql -q "$DATABASE" -c '\\copy public.bench from stdin'`,
    ],
    {
      ...process.env,
      URL: slapd.url,
      DN: slapd.readerDn,
      PASSWORD: slapd.password,
      BASE: slapd.baseDn,
      AWK: awk,
      DATABASE: database.migrateUrl,
    },
  );
  const { rows } = await client.query('SELECT count(*)::int AS n FROM public.bench');
  // What it leaves behind would be swept and written out while the next pass is measured.
  await client.query('DROP TABLE public.bench');
  await client.query('CHECKPOINT');
  await client.end();
  if (rows[0].n !== entries) throw new Error(`The pipeline copied ${rows[0].n} of ${entries} entries.`);
  console.log(`  pipeline: ${measured.wall_s.toFixed(2)} s`);
  return measured;
}
