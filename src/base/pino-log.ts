import { pino } from 'pino';
import type { Level, Log, LogEvent } from './log.ts';

/**
 * Typed events as JSON lines on standard error: standard output belongs to the answers of commands. No serialiser
 * for errors and requests is installed, because nothing of the kind is ever logged.
 */
export function createLog(level: string): Log {
  const logger = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination(2));
  return {
    event: (at: Level, event: LogEvent) => logger[at](event),
  };
}
