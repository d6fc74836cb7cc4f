import type { SingleBar } from 'cli-progress';
import type { RunProgress } from '../sync/types.ts';
import type { Terminal } from './terminal.ts';
import { duration, number } from './words.ts';

export interface ProgressView {
  show(progress: RunProgress): void;
  done(): void;
}

const BAR_COLUMNS = 24;
/** Before this a rate says nothing yet. */
const SETTLED_MS = 500;

/** What stands behind the bar: entries read, kept, rate, and time left when the source told how many there are. */
export function progressLine(progress: RunProgress, elapsedMs: number): string {
  const { read, kept, total } = progress;
  const perSecond = elapsedMs > 0 ? (read * 1000) / elapsedMs : 0;
  const of = total === undefined ? '' : ` of ${number(Math.max(total, read))}`;
  const parts = [`${number(read)}${of} read`, `${number(kept)} let in`];
  if (perSecond >= 1 && elapsedMs >= SETTLED_MS) parts.push(`${number(Math.round(perSecond))}/s`);
  if (total !== undefined && perSecond >= 1 && total > read && elapsedMs >= SETTLED_MS)
    parts.push(`${duration(Math.max(1000, ((total - read) / perSecond) * 1000))} left`);
  return parts.join(', ');
}

/** A bar on the terminal's stderr, one per stream; nothing at all where nobody watches. */
export async function progressView(terminal: Terminal, quiet: boolean): Promise<ProgressView> {
  if (quiet || !terminal.errIsTerminal || terminal.env.TERM === 'dumb') return { show() {}, done() {} };
  const { default: cliProgress } = await import('cli-progress');
  let bar: SingleBar | undefined;
  let shape: string | undefined;
  let stream: string | undefined;
  let total: number | undefined;
  let startedAt = performance.now();
  const finish = () => {
    bar?.stop();
    bar = undefined;
  };
  return {
    show(told) {
      if (told.stream !== stream) {
        if (stream !== undefined) startedAt = performance.now();
        [stream, total] = [told.stream, undefined];
      }
      // A page that does not say how many there are takes nothing back.
      total = told.total ?? total;
      const progress = { ...told, total };
      const known = total !== undefined;
      if (`${stream} ${known}` !== shape) {
        finish();
        shape = `${stream} ${known}`;
        const label = told.stream.replace('_', ' ');
        bar = new cliProgress.SingleBar({
          format: known ? `${label} {bar} {line}` : `${label}: {line}`,
          barCompleteChar: '█',
          barIncompleteChar: '░',
          barsize: BAR_COLUMNS,
          stream: process.stderr,
          clearOnComplete: true,
          hideCursor: true,
          fps: 8,
          // Signals are this command's own to answer: it cancels the run first.
          gracefulExit: false,
        });
        bar.start(total ?? 0, 0, { line: '' });
      }
      if (total !== undefined && total !== bar?.getTotal()) bar?.setTotal(Math.max(total, told.read));
      bar?.update(told.read, { line: progressLine(progress, performance.now() - startedAt) });
    },
    done: finish,
  };
}
