import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Receipt } from '../model/receipt.ts';
import type { Expiring } from '../webhooks/index.ts';

/** Numbers about runs, by tenant, connection and reason: names that tenant IT chose, never a person's. */
export interface Metrics {
  /** All that ends, as an upkeep found it: what is no longer among it is no longer shown. */
  expiring(all: readonly Expiring[]): void;
  runEnded(receipt: Receipt, tenant: string, trigger: string): void;
  text(): Promise<string>;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const where = ['tenant', 'connection'] as const;
  const runs = new Counter({
    name: 'sluice_runs_total',
    help: 'Runs that ended, by status.',
    labelNames: [...where, 'status'],
    registers,
  });
  const seconds = new Histogram({
    name: 'sluice_run_duration_seconds',
    help: 'How long runs took.',
    labelNames: where,
    buckets: [0.1, 0.5, 1, 5, 15, 60, 300, 1800, 7200],
    registers,
  });
  const records = new Counter({
    name: 'sluice_records_total',
    help: 'Records read, by what became of them.',
    labelNames: [...where, 'stream', 'outcome'],
    registers,
  });
  const last = new Gauge({
    name: 'sluice_last_success_timestamp_seconds',
    help: 'When a connection was last read to its end.',
    labelNames: where,
    registers,
  });
  const ends = new Gauge({
    name: 'sluice_credential_expires_timestamp_seconds',
    help: 'When the first certificate or secret in a setting of a connection ends.',
    labelNames: [...where, 'setting'],
    registers,
  });
  return {
    expiring(all) {
      ends.reset();
      // The last one set stands: the earliest end.
      const latestFirst = [...all].sort((a, b) => b.expires_at.getTime() - a.expires_at.getTime());
      for (const { tenant, connection, setting, expires_at } of latestFirst)
        ends.set({ tenant, connection, setting }, expires_at.getTime() / 1000);
    },
    runEnded(receipt, tenant, trigger) {
      const connection = receipt.connection.slice(receipt.connection.indexOf('/') + 1);
      const labels = { tenant, connection };
      runs.inc({ ...labels, status: receipt.status });
      const ended = receipt.finished_at ? Date.parse(receipt.finished_at) : Date.now();
      seconds.observe(labels, (ended - Date.parse(receipt.started_at)) / 1000);
      // A notification had a part read; a schedule that is dead must still be seen.
      const whole = trigger !== 'push' && (receipt.status === 'succeeded' || receipt.status === 'held');
      if (whole) last.set(labels, ended / 1000);
      for (const [stream, counts] of Object.entries(receipt.streams)) {
        const outcomes = {
          created: counts.created,
          updated: counts.updated,
          unchanged: counts.unchanged,
          removed: counts.removed,
          held: counts.held,
          ...counts.dropped,
        };
        for (const [outcome, count] of Object.entries(outcomes))
          if (count > 0) records.inc({ ...labels, stream, outcome }, count);
      }
    },
    text: () => registry.metrics(),
  };
}
