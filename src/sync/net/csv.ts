import { parse } from 'csv-parse';
import { NeedsAttention, SluiceError, TryLater } from '../../base/errors.ts';
import type { HttpOptions } from '../../contract/net.ts';
import { endedEarly, readBody } from './body.ts';
import { type Answer, DEFAULT_TIMEOUT_MS, exchange, type HttpDoor } from './http.ts';

export const CSV_LIMITS = { recordBytes: 64 * 1024, columns: 200, bytes: 200 * 1024 * 1024 };

type Row = Record<string, string>;

/**
 * The rows of a CSV file (RFC 4180, UTF-8 with or without BOM, separated by comma, semicolon or tab) as its header
 * row names them. A row whose number of cells is not the header's is handed out empty: a stray separator has shifted
 * its cells, so none can be trusted, and without its key the gate counts it `invalid`.
 * @throws TryLater the body ended early, within a quote too; NeedsAttention it is not such a file
 */
export async function* csv(door: HttpDoor, url: string, options: HttpOptions): AsyncGenerator<Row> {
  const answer = await exchange(door, { ...options, url });
  const { at } = answer;
  try {
    refuseOtherThanCsv(answer);
    const limits = { maxBytes: CSV_LIMITS.bytes, idleMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS, at };
    yield* rows(readBody(answer.message, door.allowance, limits), at);
  } finally {
    answer.message.destroy();
  }
}

function refuseOtherThanCsv({ status, headers, at }: Answer): void {
  if (status === 204 || status < 200 || status >= 300)
    throw new NeedsAttention(`${at} does not serve the file (${status}); correct its path in the settings.`);
  // A sign-in or maintenance page with status 200 would read as a file with one odd column and no rows.
  if (/^(text\/html|application\/(json|xhtml\+xml|xml)|text\/xml)\b/i.test(headers['content-type'] ?? ''))
    throw new NeedsAttention(`${at} answers with a web page or a document instead of a CSV file; check the address.`);
  // Without any of these the end of the connection is the only end there is, and a cut file looks whole.
  const framed =
    headers['content-length'] !== undefined ||
    /\bchunked\b/i.test(headers['transfer-encoding'] ?? '') ||
    !/^(identity)?$/.test(headers['content-encoding'] ?? '');
  if (!framed)
    throw new NeedsAttention(
      `${at} does not say how long the file is (no Content-Length, not chunked), so a cut file would look whole; have the server send its length.`,
    );
}

async function* rows(body: AsyncIterable<Buffer>, at: string): AsyncGenerator<Row> {
  const { head, all } = await untilFirstLine(body, at);
  const parser = parse({
    bom: true,
    delimiter: separatorOf(head),
    max_record_size: CSV_LIMITS.recordBytes,
    relax_column_count: true,
    skip_empty_lines: true,
  });
  // The parser is fed by hand, so that an error of the body reaches us as it is and not as the parser's.
  const feeding = feed(parser, all);
  feeding.catch(() => {});
  let names: string[] | undefined;
  try {
    for await (const cells of parser as AsyncIterable<string[]>) {
      if (!names) names = headerOf(cells, at);
      else yield rowOf(names, cells);
    }
    await feeding;
  } catch (error) {
    throw parserFailure(error, at, parser.info.lines);
  } finally {
    parser.destroy();
  }
  if (!names) throw new TryLater(`The file at ${at} is empty, without even a header row; the next run tries again.`);
}

/** Holds back the bytes up to the first line break, from which the separator is told. */
async function untilFirstLine(body: AsyncIterable<Buffer>, at: string) {
  const chunks = body[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (!/[\r\n]/.test(head.toString('latin1'))) {
    if (head.length > CSV_LIMITS.recordBytes) {
      await chunks.return?.();
      throw notCsv(at, 1);
    }
    const next = await chunks.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  async function* all() {
    yield head;
    yield* { [Symbol.asyncIterator]: () => chunks };
  }
  return { head: head.toString('latin1').split(/[\r\n]/, 1)[0] ?? '', all: all() };
}

function separatorOf(header: string): string {
  const bare = header.replace(/"[^"]*"/g, '');
  const counts = [',', ';', '\t'].map((mark) => [mark, bare.split(mark).length] as const);
  return counts.reduce((best, next) => (next[1] > best[1] ? next : best))[0];
}

async function feed(parser: ReturnType<typeof parse>, body: AsyncIterable<Buffer>): Promise<void> {
  try {
    for await (const chunk of body) {
      if (parser.destroyed) return;
      if (!parser.write(chunk)) await drained(parser);
    }
    parser.end();
  } catch (error) {
    parser.destroy(error as Error);
  }
}

function drained(parser: ReturnType<typeof parse>): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      parser.off('drain', done).off('close', done);
      resolve();
    };
    parser.on('drain', done).on('close', done);
  });
}

function headerOf(cells: readonly string[], at: string): string[] {
  const names = cells.map((cell) => cell.trim());
  if (names.length > CSV_LIMITS.columns)
    throw new NeedsAttention(
      `The file at ${at} has more than ${CSV_LIMITS.columns} columns; export only those that are needed.`,
    );
  if (names.some((name) => /^[<{[]/.test(name)))
    throw new NeedsAttention(`${at} answers with a web page or a document instead of a CSV file; check the address.`);
  // Not named in the sentence: without a header row these cells are somebody's data.
  const twice = names.findIndex((name, position) => name !== '' && names.indexOf(name) !== position);
  if (twice >= 0)
    throw new NeedsAttention(
      `Columns ${names.indexOf(names[twice]!) + 1} and ${twice + 1} of the file at ${at} have the same name; give each its own.`,
    );
  return names;
}

/** No prototype: a column may be called `__proto__`. */
function rowOf(names: readonly string[], cells: readonly string[]): Row {
  const row: Row = Object.create(null);
  if (cells.length !== names.length) return row;
  for (const [position, name] of names.entries()) if (name !== '') row[name] = cells[position]!;
  return row;
}

function parserFailure(error: unknown, at: string, line: number): SluiceError {
  if (error instanceof SluiceError) return error;
  const { code } = error as { code?: unknown };
  if (code === 'CSV_QUOTE_NOT_CLOSED') return endedEarly(at);
  return notCsv(at, line);
}

const notCsv = (at: string, line: number) =>
  new NeedsAttention(
    `Line ${line} of the file at ${at} is not CSV or longer than ${CSV_LIMITS.recordBytes / 1024} KiB; have it exported as CSV in UTF-8 with quotes doubled.`,
  );
