import { Refusal } from './answer.ts';
import { Calendar } from './calendar.ts';
import { mailboxNames, type People } from './people.ts';
import type { Places } from './places.ts';

/** The calendars of a tenant, by any name of their mailbox. Names are kept in lower case. */
export class Mailboxes {
  readonly #people: People;
  readonly #places: Places;
  readonly #calendars = new Map<string, Calendar>();
  #late: readonly string[] | undefined;

  constructor(people: People, places: Places) {
    this.#people = people;
    this.#places = places;
  }

  /** The calendar to put something into; made if need be. */
  at(name: string): Calendar {
    const names = this.namesOf(name);
    for (const one of names) {
      const known = this.#calendars.get(one);
      if (known) return known;
    }
    const made = new Calendar();
    made.late(this.#late);
    this.#calendars.set(names[0]!, made);
    return made;
  }

  /** The calendar that a client asks for. Throws what Graph answers if there is none. */
  open(name: string): Calendar {
    const user = this.#people.find(name);
    const known = this.namesOf(name).some((one) => this.#calendars.has(one));
    if (user && !user.mail) {
      throw new Refusal(
        404,
        'MailboxNotEnabledForRESTAPI',
        'The mailbox is either inactive, soft-deleted, or is hosted on-premise.',
      );
    }
    if (this.#people.wasRemoved(name) || (!known && !user && !this.#isPlace(name))) {
      throw new Refusal(404, 'ErrorInvalidUser', `The requested user '${name}' is invalid.`);
    }
    return this.at(name);
  }

  /** @param ids of events whose changes delta tells late, in whatever calendar */
  late(ids: readonly string[] | undefined): void {
    this.#late = ids;
    for (const calendar of this.#calendars.values()) calendar.late(ids);
  }

  has(name: string): boolean {
    const user = this.#people.find(name);
    if (user) return Boolean(user.mail);
    if (this.#people.wasRemoved(name)) return false;
    return this.#isPlace(name) || this.#calendars.has(name.toLowerCase());
  }

  /** Every name of the same mailbox, the one asked for first. */
  namesOf(name: string): string[] {
    const user = this.#people.find(name);
    const names = user ? [name, ...mailboxNames(user), user.id] : [name];
    return [...new Set(names.map((one) => one.toLowerCase()))];
  }

  #isPlace(name: string): boolean {
    const type = this.#places.byEmail(name)?.['@odata.type'];
    return type === '#microsoft.graph.room' || type === '#microsoft.graph.workspace';
  }
}
