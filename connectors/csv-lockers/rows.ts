import { NeedsAttention, type Net } from '../../src/contract/index.ts';

export interface FileSettings {
  readonly lockers_url: string;
  readonly assignments_url: string;
  readonly token: string;
  readonly ca: string | undefined;
}

export type Row = Record<string, string>;

/**
 * The rows of one file. A row whose cells are shifted arrives empty, and the gate counts it.
 * @throws NeedsAttention if a column that every row must have is missing: read on, and the whole file would count as
 *   rows that cannot be read, in place of the lockers that are still there
 */
export async function* rowsOf(
  setting: 'lockers_url' | 'assignments_url',
  columns: readonly string[],
  settings: FileSettings,
  net: Net,
): AsyncGenerator<Row> {
  let rows = 0;
  let readable = 0;
  for await (const row of net.csv(settings[setting], { bearer: settings.token, ca: settings.ca })) {
    rows++;
    if (Object.keys(row).length > 0 && readable++ === 0) {
      const missing = columns.filter((column) => !Object.hasOwn(row, column));
      if (missing.length > 0)
        throw new NeedsAttention(
          `The file at ${setting} has no column ${missing.join(' and no column ')}: name its columns as the README of csv-lockers does, in the first row.`,
        );
    }
    yield row;
  }
  if (rows > 0 && readable === 0)
    throw new NeedsAttention(
      `No row of the file at ${setting} has as many cells as its header row: have it exported as CSV with quotes around cells.`,
    );
}
