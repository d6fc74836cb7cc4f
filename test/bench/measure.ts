import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Receipt } from '../../src/model/receipt.ts';

export interface Measured {
  readonly wall_s: number;
  readonly peak_mb: number;
  /** Spent computing: on a busy machine the rest of the wall time may be other people's. */
  readonly cpu_s: number;
  readonly output: string;
}

export interface MeasuredPass extends Measured {
  /** From the lease to the end of the run, as its receipt tells. */
  readonly pass_s: number;
  readonly receipt: Receipt;
}

/** One run of a connection, as a command of its own. @throws it did not succeed */
export async function sync(
  connection: string,
  env: NodeJS.ProcessEnv,
  options: readonly string[] = [],
): Promise<MeasuredPass> {
  const command = join(import.meta.dirname, '../../bin/sluice.js');
  const measured = await measure('node', [command, 'sync', connection, ...options, '--json'], env);
  const receipt = JSON.parse(measured.output) as Receipt;
  if (receipt.status !== 'succeeded') throw new Error(`The pass did not do its work: ${measured.output}`);
  const pass_s = (Date.parse(receipt.finished_at!) - Date.parse(receipt.started_at)) / 1000;
  return { ...measured, receipt, pass_s };
}

export function measure(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Measured> {
  return new Promise((resolve, reject) => {
    const from = performance.now();
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    let [peak_kb, cpu_s] = [0, 0];
    // VmHWM only rises, so the last reading before the end is the peak to within one interval.
    const look = setInterval(() => {
      try {
        // bin/sluice.js only starts the Node that does the work: that one is measured.
        const [worker] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').split(' ');
        const status = readFileSync(`/proc/${worker || child.pid}/status`, 'utf8');
        cpu_s = Math.max(cpu_s, cpuOf(worker || String(child.pid)));
        peak_kb = Math.max(peak_kb, Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0));
      } catch {
        // It has just ended.
      }
    }, 10);
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      clearInterval(look);
      const wall_s = (performance.now() - from) / 1000;
      if (code === 0) resolve({ wall_s, peak_mb: peak_kb / 1024, cpu_s, output });
      else reject(new Error(`${command} ended with ${code}.`));
    });
  });
}

/** User and system time of a process, of which /proc tells hundredths of a second. */
function cpuOf(pid: string): number {
  const [user, system] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ').slice(11, 13);
  return (Number(user) + Number(system)) / 100;
}
