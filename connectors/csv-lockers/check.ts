import { type CheckFinding, type CheckReport, NeedsAttention, type Net, TryLater } from '../../src/contract/index.ts';
import { type FileSettings, type Row, rowsOf } from './rows.ts';

const files = [
  { setting: 'lockers_url', must: ['LockerNo'], may: ['Bank', 'Place', 'Status', 'Size'] },
  { setting: 'assignments_url', must: ['LockerNo', 'Email'], may: ['AssignmentNo', 'Until', 'Shared'] },
] as const;

/** Opens both files and looks at the first row of each; what is in it is nobody's business here. */
export async function checkFiles({ settings, net }: { settings: FileSettings; net: Net }): Promise<CheckReport> {
  return { findings: await Promise.all(files.map((file) => look(file, settings, net))) };
}

async function look(
  { setting, must, may }: (typeof files)[number],
  settings: FileSettings,
  net: Net,
): Promise<CheckFinding> {
  try {
    const columns = Object.keys((await firstRow(rowsOf(setting, must, settings, net))) ?? {});
    if (columns.length === 0)
      return { step: 'records', outcome: 'note', sentence: `The file at ${setting} can be read; it has no rows yet.` };
    const known: readonly string[] = [...must, ...may];
    const beyond = columns.filter((column) => !known.includes(column)).length;
    // Counted, not named: in a file without a header row these names are somebody's data.
    if (beyond > 0)
      return {
        step: 'permission',
        outcome: 'too-much',
        sentence: `The file at ${setting} can be read; it has ${beyond} columns that Sluice does not need: have them left out of the export.`,
      };
    return {
      step: 'records',
      outcome: 'ok',
      sentence: `The file at ${setting} can be read and has the columns it needs.`,
    };
  } catch (error) {
    if (!(error instanceof NeedsAttention || error instanceof TryLater)) throw error;
    const notBefore = error instanceof TryLater ? error.notBefore : undefined;
    return { step: 'connection', outcome: 'failed', sentence: `The setting ${setting}: ${error.message}`, notBefore };
  }
}

async function firstRow(rows: AsyncIterable<Row>): Promise<Row | undefined> {
  for await (const row of rows) if (Object.keys(row).length > 0) return row;
  return undefined;
}
