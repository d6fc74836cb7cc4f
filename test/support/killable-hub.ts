/**
 * A hub in a process of its own, made to be killed: attaches to the embedded server of a data folder, opens the store,
 * and runs a connection each time it is told to, by one line of JSON on its standard input. With `kill` or `stop` it
 * does that to itself at a fault point. What it says it writes synchronously, so that no kill swallows it.
 * `node killable-hub.ts DATADIR`, with the key in SLUICE_KEY
 */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import graph from '../../connectors/microsoft-graph/index.ts';
import { describeUnexpected, Refused, SluiceError } from '../../src/base/errors.ts';
import { onFaultPoint } from '../../src/base/faults.ts';
import { parseMasterKey } from '../../src/crypto/keys.ts';
import type { Receipt } from '../../src/model/receipt.ts';
import { attachEmbedded } from '../../src/store/embedded/index.ts';
import { openStore } from '../../src/store/index.ts';
import { runConnection } from '../../src/sync/run.ts';
import { pagedConnectors } from './siege/paged-source.ts';
import { siegeDeps } from './siege/run-deps.ts';

export interface HubOrder {
  readonly tenantId: string;
  readonly connection: string;
  /** Days the business clock is ahead of the machine's. */
  readonly ahead_ms: number;
  /** Dies (SIGKILL) or sleeps (SIGSTOP) at the n-th hit of this point, or of any. */
  readonly at?: {
    readonly what: 'SIGKILL' | 'SIGSTOP';
    readonly point?: string;
    readonly hit: number;
    /** Hits count only after the n-th of this point: the commit after the second page was gated. */
    readonly from?: { readonly point: string; readonly hit: number } | undefined;
  };
}

export type HubSaid =
  | { readonly is: 'ready' }
  | { readonly is: 'at'; readonly point: string; readonly hit: number }
  | { readonly is: 'ended'; readonly receipt: Receipt; readonly hits: number }
  | { readonly is: 'refused'; readonly kind: string }
  | { readonly is: 'failed'; readonly fault: string };

const say = (what: HubSaid) => writeSync(1, `${JSON.stringify(what)}\n`);

function watchPoints(at: HubOrder['at']): () => number {
  let hits = 0;
  let before = at?.from?.hit ?? 0;
  onFaultPoint((point) => {
    if (before > 0) {
      if (point === at?.from?.point) before--;
      return;
    }
    if (at?.point !== undefined && at.point !== point) return;
    hits++;
    if (hits !== at?.hit) return;
    say({ is: 'at', point, hit: hits });
    process.kill(process.pid, at.what);
  });
  return () => hits;
}

async function main(dataDir: string): Promise<void> {
  const attached = await attachEmbedded({ dataDir, purpose: 'killable hub' });
  let ahead_ms = 0;
  const clock = { now: () => new Date(Date.now() + ahead_ms) };
  const store = openStore({
    url: attached.url,
    master: parseMasterKey(process.env.SLUICE_KEY ?? ''),
    applicationName: `killable hub ${process.pid}`,
    clock,
    poolSize: 4,
  });
  const deps = siegeDeps(clock, new Map([...pagedConnectors, [graph.name, graph]]));
  say({ is: 'ready' });
  for await (const line of createInterface({ input: process.stdin })) {
    const order = JSON.parse(line) as HubOrder;
    ahead_ms = order.ahead_ms;
    const hits = watchPoints(order.at);
    try {
      const tenant = await store.tenant(order.tenantId);
      const receipt = await runConnection(deps, tenant, { connection: order.connection, trigger: 'siege' });
      say({ is: 'ended', receipt, hits: hits() });
    } catch (error) {
      if (error instanceof Refused) say({ is: 'refused', kind: error.kind });
      else say({ is: 'failed', fault: error instanceof SluiceError ? error.message : describeUnexpected(error) });
    }
    onFaultPoint(undefined);
  }
  // No goodbye to the server: the folder belongs to the test, which stops it.
  process.exit(0);
}

if (process.argv[1] === import.meta.filename) {
  try {
    await main(process.argv[2] ?? '');
  } catch (error) {
    say({ is: 'failed', fault: error instanceof SluiceError ? error.message : describeUnexpected(error) });
    process.exit(1);
  }
}
