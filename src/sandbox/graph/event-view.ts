import { overlaps, type Series, type Span, spanOf } from './calendar.ts';
import type { GraphEvent, GraphOccurrence, Json } from './types.ts';
import { midnight, wallClock } from './zones.ts';

/** How events are to be written: in which zone, and whether with what ReadBasic leaves out. */
export interface Manner {
  readonly zone: string;
  readonly bodies: boolean;
  readonly etag: string;
}

type Shown = Readonly<Record<string, Json | undefined>>;

/** Present with Calendars.Read alone. */
const bodily = ['body', 'bodyPreview', 'uniqueBody', 'attachments', 'extensions'];

/** A single event, an exception or a master, with all that it has. */
export function whole(event: GraphEvent, manner: Manner): Shown {
  const { start, end, occurrences: _, ...rest } = event;
  const kept = manner.bodies
    ? rest
    : Object.fromEntries(Object.entries(rest).filter(([name]) => !bodily.includes(name)));
  return {
    '@odata.etag': manner.etag,
    seriesMasterId: null,
    ...kept,
    start: time(start, event, manner),
    end: time(end, event, manner),
  };
}

/** An occurrence as calendarView has it: its own times, all else its master's. */
export function occurrence(one: GraphOccurrence, series: Series, manner: Manner): Shown {
  const { iCalUId, recurrence: _, ...master } = series.master;
  return whole(
    {
      ...master,
      ...one,
      // Of an occurrence it is not the master's.
      ...(typeof iCalUId === 'string' ? { iCalUId: `${iCalUId}-${one.id}` } : {}),
      type: 'occurrence',
      seriesMasterId: series.master.id,
      recurrence: null,
    },
    manner,
  );
}

export function exception(one: GraphEvent, series: Series, manner: Manner): Shown {
  const { recurrence: _, ...master } = series.master;
  return whole({ ...master, ...one, type: 'exception', seriesMasterId: series.master.id, recurrence: null }, manner);
}

/** An occurrence as calendarView/delta has it: nothing but when (microsoft-graph-docs#7632). */
export function bare(one: GraphOccurrence, series: Series, manner: Manner): Shown {
  return {
    '@odata.type': '#microsoft.graph.event',
    '@odata.etag': manner.etag,
    id: one.id,
    type: 'occurrence',
    seriesMasterId: series.master.id,
    start: time(one.start, { ...series.master, ...one }, manner),
    end: time(one.end, { ...series.master, ...one }, manner),
  };
}

/** What of a series takes place in a window. */
export function within(series: Series, window: Span) {
  const takesPlace = (one: GraphOccurrence | GraphEvent) => overlaps(spanOf({ ...series.master, ...one }), window);
  return {
    occurrences: [...series.occurrences.values()].filter(takesPlace),
    exceptions: [...series.exceptions.values()].filter(takesPlace),
    /** By the times of its first occurrence: absent if the series began before the window. */
    master: takesPlace(series.master),
  };
}

function time(at: GraphEvent['start'], event: GraphEvent, { zone }: Manner): Json {
  return event.isAllDay ? midnight(at, zone) : wallClock(spanOf({ ...event, start: at, end: at }).from, zone);
}
