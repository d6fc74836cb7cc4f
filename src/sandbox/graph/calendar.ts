import { isDeepStrictEqual } from 'node:util';
import type { Change } from './change.ts';
import { Late } from './late.ts';
import type { GraphEvent, GraphOccurrence } from './types.ts';
import { instantOf } from './zones.ts';

export interface Single {
  readonly kind: 'single';
  readonly event: GraphEvent;
}

/** A series as a whole: it changes, is told and is removed as one. */
export interface Series {
  readonly kind: 'series';
  readonly master: GraphEvent;
  readonly occurrences: ReadonlyMap<string, GraphOccurrence>;
  readonly exceptions: ReadonlyMap<string, GraphEvent>;
}

export type Content = Single | Series | { readonly kind: 'removed' };

export interface Entry {
  readonly number: number;
  /** Of the single event or the master. */
  readonly id: string;
  content: Content;
  former: Content | undefined;
  changedAt: number;
}

/** A stretch of time, from inclusive, to exclusive, in milliseconds of Unix time. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** One mailbox's calendar: single events and series in the order in which they came, each change numbered. */
export class Calendar {
  readonly #inOrder: Entry[] = [];
  readonly #byId = new Map<string, Entry>();
  readonly #late = new Late<Entry>();
  /** The number of the last change. From 1, so that a round after that of an empty calendar is not taken for a first one. */
  now = 1;

  /** `undefined`: nothing changed. */
  put(event: GraphEvent): Change | undefined {
    // A time that cannot be read is the caller's mistake, told now and not in some later answer.
    spanOf(event);
    if (event.type === 'singleInstance') return this.#become(event.id, { kind: 'single', event });
    return event.type === 'seriesMaster' ? this.#putMaster(event) : this.#putInstance(event);
  }

  remove(id: string): Change | undefined {
    const entry = this.#byId.get(id);
    if (entry && entry.content.kind !== 'removed') return this.#become(id, { kind: 'removed' });
    return this.#removeInstance(id);
  }

  /** From the one with this number on, in order. */
  *from(number: number): Generator<Entry> {
    for (let index = Math.max(0, number - 1); index < this.#inOrder.length; index += 1) yield this.#inOrder[index]!;
  }

  /** The same as delta tells them: what is late is as before, or not there. */
  *toldFrom(number: number): Generator<Entry> {
    for (const entry of this.from(number)) {
      const told = this.#late.toldOf(entry.id, entry);
      if (told) yield told;
    }
  }

  /** @param ids of single events and masters whose changes delta tells late */
  late(ids: readonly string[] | undefined): void {
    for (const id of this.#late.become(ids).keys()) {
      this.now += 1;
      this.#byId.get(id)!.changedAt = this.now;
    }
  }

  entries(): Generator<Entry> {
    return this.from(1);
  }

  #putMaster(event: GraphEvent): Change | undefined {
    const { occurrences: told, ...master } = event;
    const known = this.#byId.get(event.id)?.content;
    const before = known?.kind === 'series' ? known : undefined;
    const exceptions = before?.exceptions ?? new Map<string, GraphEvent>();
    const occurrences = told
      ? new Map(told.filter(({ id }) => !exceptions.has(id)).map((one) => [one.id, one]))
      : (before?.occurrences ?? new Map<string, GraphOccurrence>());
    return this.#become(event.id, { kind: 'series', master, occurrences, exceptions });
  }

  #putInstance(event: GraphEvent): Change | undefined {
    const series = this.#byId.get(event.seriesMasterId ?? '')?.content;
    if (series?.kind !== 'series') throw new RangeError('Put the series master before its occurrences.');
    const occurrences = new Map(series.occurrences);
    const exceptions = new Map(series.exceptions);
    occurrences.delete(event.id);
    exceptions.delete(event.id);
    if (event.type === 'exception') exceptions.set(event.id, event);
    else occurrences.set(event.id, { id: event.id, start: event.start, end: event.end });
    return this.#become(series.master.id, { ...series, occurrences, exceptions });
  }

  #removeInstance(id: string): Change | undefined {
    for (const { content } of this.#inOrder) {
      if (content.kind !== 'series') continue;
      const occurrences = new Map(content.occurrences);
      const exceptions = new Map(content.exceptions);
      if (!occurrences.delete(id) && !exceptions.delete(id)) continue;
      return this.#become(content.master.id, { ...content, occurrences, exceptions });
    }
    throw new RangeError('There is no event with that id in that mailbox.');
  }

  #become(id: string, content: Content): Change | undefined {
    const entry = this.#byId.get(id);
    if (entry && isDeepStrictEqual(entry.content, content)) return undefined;
    this.#late.hold(id, this.now, entry && { ...entry });
    this.now += 1;
    if (!entry) {
      const number = this.#inOrder.length + 1;
      const made: Entry = { number, id, content, former: undefined, changedAt: this.now };
      this.#inOrder.push(made);
      this.#byId.set(id, made);
      return { id, type: 'created' };
    }
    entry.former = entry.content;
    entry.content = content;
    entry.changedAt = this.now;
    if (content.kind === 'removed') return { id, type: 'deleted' };
    return { id, type: entry.former.kind === 'removed' ? 'created' : 'updated' };
  }
}

type Timed = Pick<GraphEvent, 'start' | 'end' | 'isAllDay' | 'originalStartTimeZone'>;

/**
 * When it takes place. An all-day event belongs to the dates of the zone it was made in, though Graph writes those dates
 * into every zone. Throws RangeError for a time or zone that cannot be read.
 */
export function spanOf({ start, end, isAllDay, originalStartTimeZone }: Timed): Span {
  const zone = isAllDay ? originalZone(originalStartTimeZone) : undefined;
  const at = (time: typeof start) => instantOf(zone ? { ...time, timeZone: zone } : time);
  return { from: at(start), to: at(end) };
}

/** A custom zone (`tzone://Microsoft/Custom`) has rules of its own that nobody tells: the times' own zone stands. */
function originalZone(zone: string | null | undefined): string | undefined {
  return zone && !zone.startsWith('tzone://') ? zone : undefined;
}

/** An event without length is in the window in which it stands. */
export function overlaps({ from, to }: Span, window: Span): boolean {
  return from < window.to && (to > window.from || from === window.from);
}
