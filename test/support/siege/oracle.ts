import type { SourceRecord } from '../../../src/contract/index.ts';
import type { Random } from '../../../src/sandbox/random.ts';
import type { User } from '../../../src/store/index.ts';

/**
 * What must be true of a company's users, told by rules of its own and not by the hub's code: who has logged on, what
 * the directory says of them, and which of it a complete pass must have made of it.
 */

const DAY_MS = 24 * 3_600_000;
export const GRACE_MS = 7 * DAY_MS;
const FLOOR = 5;
const PERCENT = 10;

export interface ExpectedUser {
  readonly id: string;
  status: User['status'];
  confirmed: boolean;
  fields: User['fields'];
  /** The directory once knew them: from then on its key decides, before that only the address they logged on with. */
  bound: boolean;
  /** What the directory says; undefined if it does not know the user (any more). */
  told: User['fields'] | undefined;
  left_at: number | undefined;
}

/** What the runs of one pass must add up to, however often they were killed. */
export interface ExpectedPass {
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly removed: number;
  readonly held: number;
  readonly strangers: number;
  readonly outOfScope: number;
  /** Feed numbers the pass takes. */
  readonly changes: number;
}

interface Entry {
  readonly n: number;
  mail: string;
  title: string;
  department: string;
  here: boolean;
  disabled: boolean;
}

const idOf = (n: number) => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
const numberOf = (email: string) => Number(/p(\d+)@/.exec(email)![1]);

export class Company {
  readonly #random: Random;
  readonly #entries: Entry[];
  /** By the person's number: at most one user each. */
  readonly #users = new Map<number, ExpectedUser>();
  /** Who vanished together in the pass before and comes back in this one. */
  #vanished: Entry[] = [];
  #version = 0;

  constructor(random: Random, size: number) {
    this.#random = random;
    this.#entries = Array.from({ length: size }, (_, n) => ({
      n,
      mail: `p${n}@acme.example`,
      title: `Title ${n}`,
      department: 'Tests',
      here: true,
      disabled: false,
    }));
  }

  /** The directory as it stands now, in its own order. */
  get records(): SourceRecord[] {
    return this.#entries
      .filter(({ here }) => here)
      .map(({ n, mail, title, department, disabled }) => ({
        id: idOf(n),
        mail,
        given: `Given${n}`,
        family: `Family${n}`,
        ...(title ? { title } : {}),
        department,
        ...(disabled ? { disabled: 'yes' } : {}),
      }));
  }

  get users(): readonly ExpectedUser[] {
    return [...this.#users.values()];
  }

  /** People in the directory who have not logged on. */
  strangers(): number[] {
    return this.#entries.filter(({ n, here, disabled }) => here && !disabled && !this.#users.has(n)).map(({ n }) => n);
  }

  logOnOf(n: number) {
    return { email: this.#entries[n]!.mail, given_name: `Given${n}`, family_name: `Family${n}` };
  }

  loggedOn(n: number, id: string): void {
    const { email, ...names } = this.logOnOf(n);
    const fields = { ...names, email };
    this.#users.set(n, {
      id,
      status: 'active',
      confirmed: false,
      fields,
      bound: false,
      told: undefined,
      left_at: undefined,
    });
  }

  erased(id: string): void {
    for (const [n, user] of this.#users) if (user.id === id) this.#users.delete(n);
  }

  /** Leavers whose grace is over at this moment go for good. @returns how many */
  graceOver(now: number): number {
    const over = this.users.filter(({ left_at }) => left_at !== undefined && left_at <= now - GRACE_MS);
    for (const { id } of over) this.erased(id);
    return over.length;
  }

  /** The directory lives on: some leave, return, change, are renamed, disabled; every seventh time most vanish. */
  change(): void {
    const random = this.#random;
    this.#version++;
    for (const entry of this.#vanished) entry.here = true;
    this.#vanished = [];
    const entries = this.#entries;
    const some = (most: number, among: (entry: Entry) => boolean, act: (entry: Entry) => void) => {
      for (let left = 1 + random.below(most); left > 0; left--) {
        const candidates = entries.filter(among);
        if (candidates.length > 0) act(random.pick(candidates));
      }
    };
    const there = ({ here }: Entry) => here;
    some(2, there, (entry) => (entry.department = `Department ${this.#version}`));
    some(2, there, (entry) => (entry.title = entry.title && random.chance(0.5) ? '' : `Title ${this.#version}`));
    some(1, there, (entry) => (entry.mail = `v${this.#version}.p${entry.n}@acme.example`));
    some(
      2,
      ({ here }) => !here,
      (entry) => (entry.here = true),
    );
    some(
      1,
      ({ disabled }) => disabled,
      (entry) => (entry.disabled = false),
    );
    if (this.#version % 7 === 0) {
      this.#vanished = entries.filter((entry) => entry.here && random.chance(0.8));
      for (const entry of this.#vanished) entry.here = false;
    } else {
      some(2, there, (entry) => (entry.here = false));
      if (random.chance(0.5)) some(1, there, (entry) => (entry.disabled = true));
    }
  }

  /** What a complete pass over the directory as it stands now makes of the users, at this moment. */
  pass(now: number): ExpectedPass {
    const before = new Map(this.users.map((user) => [user.id, essence(user)]));
    const count = { created: 0, updated: 0, unchanged: 0, removed: 0, held: 0, strangers: 0, outOfScope: 0 };
    const vouched = this.users.filter(({ told }) => told !== undefined).length;
    const seen = new Set<number>();
    for (const record of this.records) {
      const n = Number.parseInt(String(record.id).slice(-12), 16);
      const user = this.#users.get(n);
      if (record.disabled === 'yes') count.outOfScope++;
      else if (!user || !(user.bound || user.fields.email === record.mail)) count.strangers++;
      else {
        seen.add(n);
        const told = fieldsOf(record);
        const outcome = !user.told ? 'created' : same(user.told, told) ? 'unchanged' : 'updated';
        count[outcome]++;
        Object.assign(user, { told, fields: told, status: 'active', confirmed: true, bound: true, left_at: undefined });
      }
    }
    // The number of rows at the start of the day counts those that this pass itself brought.
    const atStart = vouched + count.created;
    const leavers = [...this.#users].filter(([n, { told }]) => told && !seen.has(n)).map(([, user]) => user);
    const many = leavers.length > FLOOR && leavers.length * 100 > atStart * PERCENT;
    if (many || leavers.length * 2 > atStart) count.held = leavers.length;
    else {
      count.removed = leavers.length;
      for (const user of leavers) {
        const { given_name, family_name, email } = user.fields;
        const fields = { given_name: given_name!, family_name: family_name!, email: email! };
        Object.assign(user, { told: undefined, fields, status: 'left', confirmed: false, left_at: now });
      }
    }
    const changes = this.users.filter((user) => before.get(user.id) !== essence(user)).length;
    return { ...count, changes };
  }
}

const fieldsOf = ({ given, family, mail, title, department }: SourceRecord): User['fields'] => ({
  given_name: String(given),
  family_name: String(family),
  email: String(mail),
  ...(title ? { job_title: String(title) } : {}),
  department: String(department),
});

const sorted = (fields: object) => Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1));
const same = (a: object, b: object) => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));

/** The part of a user that the feed announces. */
export const essence = ({ status, confirmed, fields }: Pick<User, 'status' | 'confirmed' | 'fields'>): string =>
  JSON.stringify([status, confirmed, sorted(fields)]);

/** The values by which the user must be recognised, as `kind value`. */
export function matchValuesOf({ status, told, fields }: ExpectedUser): string[] {
  if (status === 'left') return [];
  const email = `email ${fields.email}`;
  return told ? [`directory-id paged:${idOf(numberOf(fields.email!))}`, email] : [email];
}
