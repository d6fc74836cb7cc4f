import { type DirectoryEntry, type Employee, generalizedTime } from './employee.ts';
import { branches, junkEntries } from './junk.ts';
import { Personnel } from './people.ts';
import { type Random, seededRandom } from './random.ts';

export interface CompanyOptions {
  readonly seed: number;
  /** Employees, contractors and leavers included; default 300. */
  readonly people?: number;
  /** How many of them log on to the booking platform; default 40. */
  readonly logOns?: number;
}

/** The body of `POST /v1/logons`. */
export interface LogOn {
  readonly email: string;
  readonly given_name: string;
  readonly family_name: string;
}

export interface Company {
  /** In the order in which the directory holds them. */
  readonly employees: readonly Employee[];
  /** The UUIDs of those who log on. */
  readonly users: ReadonlySet<string>;
  /** The branches of the tree, which must exist before what stands in them. */
  readonly branches: readonly DirectoryEntry[];
  /** Groups, rooms, mailboxes, service accounts, left-overs: what a directory holds beside people. */
  readonly junk: readonly DirectoryEntry[];
  readonly personnel: Personnel;
}

/** The same company for the same seed, on every machine. */
export function foundCompany({ seed, people = 300, logOns = 40 }: CompanyOptions): Company {
  const random = seededRandom(seed);
  const personnel = new Personnel(random);
  const employees = Array.from({ length: people }, () => settle(personnel, random));
  const users = chooseUsers(employees, logOns, random);
  spoil(employees, users);
  const junk = junkEntries(random, employees, users);
  return { employees, users, branches: branches(random), junk, personnel };
}

/**
 * Those employees who log on to the booking platform, as their identity provider names them. Most of the company does
 * not: the gate must turn the others away.
 */
export function employeesWhoLogOn(options: CompanyOptions): LogOn[] {
  const { employees, users } = foundCompany(options);
  return employees.flatMap((employee) => {
    if (!users.has(employee.uuid) || !employee.email) return [];
    const { given, family } = employee.name;
    return [{ email: employee.email.toLowerCase(), given_name: given, family_name: family }];
  });
}

function settle(personnel: Personnel, random: Random): Employee {
  const employee = personnel.employ({ acquired: random.chance(0.08) });
  const lot = random.next();
  if (lot < 0.06) return { ...employee, kind: 'contractor' };
  if (lot < 0.1) {
    const disabledAt = generalizedTime(new Date(Date.UTC(2026, random.below(6), 1 + random.below(28), 17)));
    return { ...employee, disabledAt, changedAt: disabledAt };
  }
  if (lot < 0.12) return { ...employee, email: undefined };
  return employee;
}

function chooseUsers(employees: readonly Employee[], count: number, random: Random): Set<string> {
  const candidates = employees.filter((one) => one.kind === 'employee' && one.email && !one.disabledAt);
  const users = new Set<string>();
  while (users.size < Math.min(count, candidates.length)) users.add(random.pick(candidates).uuid);
  return users;
}

/** What a directory looks like after years of hands: one user's address in capitals, a vacancy's text in another's title. */
function spoil(employees: Employee[], users: ReadonlySet<string>): void {
  const [shouting, verbose] = employees.filter((one) => users.has(one.uuid));
  const replace = (one: Employee | undefined, by: (one: Employee) => Employee) => {
    if (one) employees[employees.indexOf(one)] = by(one);
  };
  replace(shouting, (one) => ({ ...one, email: one.email?.toUpperCase() }));
  replace(verbose, (one) => ({
    ...one,
    title: `${one.title}: ${'responsible for everything that needs doing, '.repeat(10)}and more`,
  }));
}
