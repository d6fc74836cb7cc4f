import { lookAt, type Told } from './event.ts';

/** A series as far as a round told it. */
export interface ToldSeries {
  master: Told | undefined;
  /** Occurrences and exceptions by id. */
  readonly members: Map<string, Told>;
  /** Told more than once: which of its occurrences are left cannot be seen, because one deleted is not told at all. */
  repeated: boolean;
  /** A series is never split over pages: told on a second one, it is told anew. */
  page: number;
}

/**
 * What one round of a calendar's delta told, in whatever order and however often: the last word on each event counts.
 * It is held until the round ends, because only then is a series known to be whole.
 */
export class Round {
  readonly singles = new Map<string, Told>();
  readonly series = new Map<string, ToldSeries>();
  readonly removed = new Set<string>();
  /** Events without an id. */
  unreadable = 0;
  readonly #seriesOf = new Map<string, string>();
  #page = 0;

  beginPage(): void {
    this.#page++;
  }

  take(event: Readonly<Record<string, unknown>>): void {
    const told = lookAt(event);
    if (!told) {
      this.unreadable++;
      return;
    }
    const { id } = told;
    if ('@removed' in event) {
      this.#remove(id);
      return;
    }
    this.removed.delete(id);
    // Never by its own times: a master carries those of its first occurrence, which is told by itself as well.
    if (told.type === 'seriesMaster') {
      const series = this.#series(id);
      series.repeated ||= series.master !== undefined;
      series.master = told;
      this.singles.delete(id);
    } else if (told.seriesMasterId !== undefined) {
      const series = this.#series(told.seriesMasterId);
      series.repeated ||= series.members.has(id);
      series.members.set(id, told);
      this.#seriesOf.set(id, told.seriesMasterId);
    } else {
      this.singles.set(id, told);
      this.series.delete(id);
    }
  }

  #remove(id: string): void {
    this.removed.add(id);
    this.singles.delete(id);
    this.series.delete(id);
    const series = this.#seriesOf.get(id);
    if (series !== undefined) this.series.get(series)?.members.delete(id);
  }

  #series(id: string): ToldSeries {
    const known = this.series.get(id);
    if (known) {
      known.repeated ||= known.page !== this.#page;
      return known;
    }
    const made: ToldSeries = { master: undefined, members: new Map(), repeated: false, page: this.#page };
    this.series.set(id, made);
    return made;
  }
}
