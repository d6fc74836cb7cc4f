import type { Company } from '../company.ts';
import type { Employee } from '../employee.ts';
import { accountPart, inventName } from '../names.ts';
import { type Random, seededRandom } from '../random.ts';

export interface Attendee {
  readonly name: string;
  readonly address: string;
}

/** Who may be at a meeting: those who log on, their colleagues, and people whom nobody here knows. */
export class Attendance {
  /** Of other companies. Neither the directory nor, but for a few guests, Entra has heard of them. */
  readonly strangers: readonly Attendee[];
  readonly #users: readonly Attendee[];
  readonly #colleagues: readonly Attendee[];
  readonly #known: ReadonlySet<string>;

  constructor({ employees, users }: Company, seed: number) {
    const withMail = employees.filter((one) => one.email && !one.disabledAt);
    this.#users = withMail.filter((one) => users.has(one.uuid)).map(attendee);
    this.#colleagues = withMail.filter((one) => !users.has(one.uuid)).map(attendee);
    this.strangers = inventStrangers(seededRandom(seed ^ 0x57a6));
    this.#known = new Set(this.#users.map(({ address }) => address.toLowerCase()));
  }

  /** Whose own calendars hold something: those who log on, and as many of their colleagues, about whom nobody may ask. */
  get diaries(): readonly Attendee[] {
    return [...this.#users, ...this.#colleagues.slice(0, this.#users.length)];
  }

  organizer(random: Random): Attendee {
    const lot = random.next();
    return random.pick(lot < 0.5 ? this.#users : lot < 0.85 ? this.#colleagues : this.strangers);
  }

  attendee(random: Random): Attendee {
    return random.pick(random.chance(0.8) ? this.#colleagues : this.strangers);
  }

  /** Whether the person with this address is among those who log on. */
  isUser(address: string): boolean {
    return this.#known.has(address.toLowerCase());
  }
}

const attendee = ({ name, email }: Employee): Attendee => ({ name: `${name.given} ${name.family}`, address: email! });

const hosts = ['northbank-audit.example', 'lumen-legal.example', 'kitchen-and-co.example', 'heron-partners.example'];

function inventStrangers(random: Random): Attendee[] {
  return Array.from({ length: 40 }, () => {
    const name = inventName(random);
    const account = `${accountPart(name.givenRoman)}.${accountPart(name.familyRoman)}`;
    return { name: `${name.given} ${name.family}`, address: `${account}@${random.pick(hosts)}` };
  });
}
