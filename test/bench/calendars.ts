import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { certificates } from '../support/certificates.ts';
import { application, type SourceOrder, type SourceSaid } from './graph-source.ts';
import { type Ground, openGround } from './ground.ts';
import { type MeasuredPass, sync } from './measure.ts';
import { addressOf, EVENTS_OF_A_ROOM, KEPT_OF_A_ROOM } from './rooms.ts';

/** One event in so many moves between two passes. */
const MOVED_SHARE = 100;

/** How calendars may be read, and with which of the two permissions that the connector's README offers. */
const WAYS = [
  { name: 'changes', reading: 'changes', grant: 'Calendars.ReadBasic.All' },
  { name: 'changes-with-bodies', reading: 'changes', grant: 'Calendars.Read' },
  { name: 'window', reading: 'window', grant: 'Calendars.Read' },
] as const;

/**
 * The calendars of many rooms from the sandbox's Graph: a first pass, one when nothing has changed, and one when an event in
 * a hundred has moved; as changes (delta) and as windows (`$select`), side by side.
 */
export async function measureCalendars(rooms: number, latency_ms: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
  const say = (count: number) => count.toLocaleString('en');
  console.log(`\nPreparing ${say(rooms)} rooms with ${EVENTS_OF_A_ROOM} events each …`);
  const ground = await openGround(folder);
  const source = new GraphSource(rooms);
  try {
    const { url } = await source.said();
    const columns = ['', 'requests', 'a room', 'pass', 'hub cpu', 'source cpu', 'peak', 'received'];
    const rows: string[][] = [columns];
    const totals = new Map<string, MeasuredPass[]>();
    for (const way of WAYS) {
      await source.do({ grant: way.grant, latency_ms });
      const passes = await threePasses({ ground, source, url, rooms, way });
      totals.set(
        way.name,
        passes.map(({ pass }) => pass),
      );
      for (const { name, pass, source_s } of passes)
        rows.push([
          `${way.name}: ${name}`,
          say(pass.receipt.requests),
          (pass.receipt.requests / rooms).toFixed(2),
          `${pass.pass_s.toFixed(1)} s`,
          `${pass.cpu_s.toFixed(1)} s`,
          `${source_s.toFixed(1)} s`,
          `${pass.peak_mb.toFixed(0)} MB`,
          `${(pass.receipt.bytes / 1e6).toFixed(1)} MB`,
        ]);
    }
    console.log(`\n${say(rooms)} rooms, ${say(rooms * EVENTS_OF_A_ROOM)} events; answers after ${latency_ms} ms`);
    for (const row of rows) console.log(row.map((cell, n) => (n === 0 ? cell.padEnd(36) : cell.padStart(11))).join(''));
    for (const base of ['changes', 'changes-with-bodies']) tellRatios(base, totals);
  } finally {
    source.stop();
    await ground.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The plain view against the delta: of each pass requests, time and bytes. */
function tellRatios(base: string, totals: ReadonlyMap<string, readonly MeasuredPass[]>): void {
  const ratios = totals.get('window')!.map((window, n) => {
    const other = totals.get(base)![n]!;
    const times = (of: (pass: MeasuredPass) => number) => `${(of(window) / of(other)).toFixed(2)} ×`;
    return `${times(({ receipt }) => receipt.requests)} requests, ${times(({ pass_s }) => pass_s)} time, ${times(({ receipt }) => receipt.bytes)} bytes`;
  });
  console.log(`window against ${base}: first ${ratios[0]}; unchanged ${ratios[1]}; moved ${ratios[2]}`);
}

interface Setting {
  readonly ground: Ground;
  readonly source: GraphSource;
  readonly url: string;
  readonly rooms: number;
  readonly way: (typeof WAYS)[number];
}

async function threePasses({ ground, source, url, rooms, way }: Setting) {
  const settings = {
    tenant_id: application.tenantId,
    client_id: application.clientId,
    client_secret: application.clientSecret,
    graph_url: url,
    login_url: url,
    ca: certificates.authority,
    reading: way.reading,
    mailboxes: Array.from({ length: rooms }, (_, room) => addressOf(room)),
  };
  const connection = { name: 'm365', connector: 'microsoft-graph', settings };
  await ground.tenant(`bench-${way.name}`, connection, { features: ['room-booking'] });
  const env = ground.env(Number(new URL(url).port));
  const passes: { readonly name: string; readonly pass: MeasuredPass; readonly source_s: number }[] = [];
  const measured = async (name: string, holds: (events: Counts) => boolean) => {
    const before = await source.do({});
    const pass = await sync(`bench-${way.name}/m365`, env);
    const after = await source.do({});
    const events = pass.receipt.streams.events as Counts | undefined;
    if (!events || !holds(events)) throw new Error(`The pass did not do its work: ${pass.output}`);
    passes.push({ name, pass, source_s: after.cpu_s - before.cpu_s });
    console.log(`  ${way.name}, ${name}: ${pass.pass_s.toFixed(1)} s, with its command ${pass.wall_s.toFixed(1)} s`);
  };
  const [all, kept] = [rooms * EVENTS_OF_A_ROOM, rooms * KEPT_OF_A_ROOM];
  await measured('first', ({ read, created }) => read === all && created === kept);
  await measured('nothing changed', ({ created, updated, removed }) => created + updated + removed === 0);
  const moving = Math.ceil(all / MOVED_SHARE);
  await source.do({ move: moving });
  // Some are picked twice.
  await measured(
    '1 in 100 moved',
    ({ updated, removed }) => updated > moving * 0.9 && updated <= moving && removed === 0,
  );
  return passes;
}

type Counts = Record<'read' | 'created' | 'updated' | 'removed', number>;

/** The process that plays Graph. */
class GraphSource {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(rooms: number) {
    const script = join(import.meta.dirname, 'graph-source.ts');
    this.#process = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, String(rooms)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#lines = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]();
  }

  async said(): Promise<SourceSaid> {
    const { done, value } = await this.#lines.next();
    if (done) throw new Error('The process that plays Microsoft Graph ended.');
    return JSON.parse(value) as SourceSaid;
  }

  async do(order: SourceOrder): Promise<SourceSaid> {
    if (!this.#process.stdin!.write(`${JSON.stringify(order)}\n`)) await once(this.#process.stdin!, 'drain');
    return this.said();
  }

  stop(): void {
    this.#process.kill();
  }
}
