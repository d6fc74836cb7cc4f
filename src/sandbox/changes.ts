import type { Company } from './company.ts';
import { type Employee, generalizedTime } from './employee.ts';
import { rename } from './names.ts';
import { departments, inventPhone, ladders, mailDomain } from './people.ts';
import { type Random, seededRandom } from './random.ts';

/**
 * What happens in a company: someone is hired, leaves (the account is disabled), is promoted, marries (new name,
 * account and address; the same UUID), moves to another department, gets another phone.
 */
export type ChangeKind = 'hire' | 'leave' | 'promotion' | 'rename' | 'move' | 'phone';

export interface Turn {
  readonly kind: ChangeKind;
  /** Absent for a hire. */
  readonly before: Employee | undefined;
  readonly after: Employee;
}

/** Drawn from this list, so that small things happen often and a leaver is news. */
const usual: readonly ChangeKind[] = [
  ...Array.from({ length: 6 }, () => 'phone' as const),
  ...Array.from({ length: 5 }, () => 'promotion' as const),
  ...Array.from({ length: 4 }, () => 'move' as const),
  ...Array.from({ length: 2 }, () => 'rename' as const),
  ...Array.from({ length: 2 }, () => 'hire' as const),
  'leave',
];

/** The company from its first day on: decides what happens next, and keeps who works there. */
export class Life {
  readonly #company: Company;
  readonly #random: Random;
  readonly #staff: Map<string, Employee>;
  readonly #founders: number;
  #usersLeft = 0;
  #othersLeft = 0;

  constructor(company: Company, seed: number) {
    this.#company = company;
    // Another stream than the company's own: what happens must not depend on how the company was made.
    this.#random = seededRandom(seed ^ 0x5eed);
    this.#staff = new Map(company.employees.map((one) => [one.uuid, one]));
    this.#founders = company.employees.length;
  }

  /**
   * The next thing that happens; three times in four to someone who logs on, so that a scheduled run has something to
   * show. No more than one in ten of the users ever leaves, and as many of the others: a demo that goes on for days
   * should not look like a mass deletion, nor grow without end.
   */
  next(at: Date, wanted: ChangeKind = this.#random.pick(usual)): Turn {
    const changedAt = generalizedTime(at);
    if (wanted === 'hire' && this.#staff.size < this.#founders * 1.1 + 1) {
      return this.#keep({
        kind: 'hire',
        before: undefined,
        after: this.#company.personnel.employ({ hiredAt: changedAt }),
      });
    }
    const someone = this.#someone(this.#random.chance(0.75));
    if (!someone) throw new RangeError('Nobody works at this company any more.');
    return this.#keep(this.#happen(wanted === 'hire' ? 'phone' : wanted, someone, changedAt));
  }

  #happen(kind: ChangeKind, before: Employee, changedAt: string): Turn {
    const to = (done: ChangeKind, change: Partial<Employee>): Turn => ({
      kind: done,
      before,
      after: { ...before, ...change, changedAt },
    });
    const phone = () => to('phone', { phone: another(before.phone, () => inventPhone(this.#random)) });
    switch (kind) {
      case 'leave':
        return this.#mayLeave(before) ? to('leave', { disabledAt: changedAt }) : phone();
      case 'promotion': {
        const ladder = ladders[before.department] ?? [];
        const next = ladder[Math.min(ladder.indexOf(before.title) + 1, ladder.length - 1)];
        return next && next !== before.title
          ? to('promotion', { title: next })
          : this.#happen('move', before, changedAt);
      }
      case 'move': {
        const department = another(before.department, () => this.#random.pick(departments));
        return to('move', { department, title: ladders[department]?.[0] ?? before.title });
      }
      case 'rename': {
        const name = rename(before.name, this.#random);
        const account = this.#company.personnel.account(name);
        return to('rename', { name, account, email: before.email && `${account}@${mailDomain}` });
      }
      default:
        return phone();
    }
  }

  #mayLeave(employee: Employee): boolean {
    if (this.#company.users.has(employee.uuid)) {
      if (this.#usersLeft + 1 > this.#company.users.size / 10) return false;
      this.#usersLeft += 1;
    } else {
      if (this.#othersLeft + 1 > this.#founders / 10) return false;
      this.#othersLeft += 1;
    }
    return true;
  }

  #someone(preferUsers: boolean): Employee | undefined {
    const working = [...this.#staff.values()].filter((one) => !one.disabledAt);
    const users = working.filter((one) => this.#company.users.has(one.uuid));
    const from = preferUsers && users.length > 0 ? users : working;
    return from.length > 0 ? this.#random.pick(from) : undefined;
  }

  #keep(turn: Turn): Turn {
    this.#staff.set(turn.after.uuid, turn.after);
    return turn;
  }
}

function another<T>(than: T, draw: () => T): T {
  let drawn = draw();
  while (drawn === than) drawn = draw();
  return drawn;
}
