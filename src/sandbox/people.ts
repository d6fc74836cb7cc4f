import { formatUuid } from '../base/uuid.ts';
import { type Employee, generalizedTime } from './employee.ts';
import type { Attributes } from './ldap/entry.ts';
import { accountPart, inventName, type PersonName } from './names.ts';
import type { Random } from './random.ts';

export const mailDomain = 'acme.example';

/** Job titles by department, each from the first rung to the last. */
export const ladders: Readonly<Record<string, readonly string[]>> = {
  Finance: ['Accountant', 'Senior Accountant', 'Financial Controller', 'Finance Director'],
  'People & Culture': ['HR Officer', 'HR Business Partner', 'Head of People'],
  Facilities: ['Facility Assistant', 'Facility Coordinator', 'Facility Manager'],
  'Information Technology': ['Systems Engineer', 'Senior Systems Engineer', 'IT Architect', 'IT Manager'],
  'Research & Development': ['Engineer', 'Senior Engineer', 'Principal Engineer', 'R&D Director'],
  Legal: ['Legal Counsel', 'Senior Legal Counsel', 'General Counsel'],
  Marketing: ['Marketeer', 'Brand Manager', 'Head of Marketing'],
  Sales: ['Account Executive', 'Key Account Manager', 'Sales Director'],
  'Supply Chain': ['Planner', 'Senior Planner', 'Supply Chain Manager'],
  'Customer Care': ['Support Agent', 'Support Specialist', 'Team Lead Customer Care'],
};
export const departments = Object.keys(ladders);

/**
 * Numbers nobody has: Ofcom, the Bundesnetzagentur, ARCEP and NANPA set ranges aside for fiction (London 020 7946 0xxx,
 * Berlin 030 23125 xxx, 01 99 00 xx xx, 555-01xx); for the Netherlands, 555 as in the films.
 */
const ranges: readonly ((random: Random) => string)[] = [
  (random) => `+31 20 555 01${digits(random, 2)}`,
  (random) => `+31 20 555 01${digits(random, 2)}`,
  (random) => `+31 10 555 01${digits(random, 2)}`,
  (random) => `+44 20 7946 0${digits(random, 3)}`,
  (random) => `+49 30 23125-${digits(random, 3)}`,
  (random) => `+33 1 99 00 ${digits(random, 2)} ${digits(random, 2)}`,
  (random) => `+1 (202) 555-01${digits(random, 2)}`,
];

function digits(random: Random, count: number): string {
  return String(random.below(10 ** count)).padStart(count, '0');
}

export function inventPhone(random: Random): string {
  return random.pick(ranges)(random);
}

/** A version 4 UUID, drawn like everything else. */
export function inventUuid(random: Random): string {
  const bytes = random.bytes(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return formatUuid(bytes);
}

/** Makes employees whose account names, and so addresses, differ from all it made before. */
export class Personnel {
  readonly #random: Random;
  readonly #accounts = new Set<string>();
  #hired = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  employ(given: Partial<Pick<Employee, 'kind' | 'acquired' | 'hiredAt'>> = {}): Employee {
    const random = this.#random;
    const name = inventName(random);
    const account = this.account(name);
    const department = random.pick(departments);
    const ladder = ladders[department] ?? [];
    this.#hired += 1;
    const hiredAt =
      given.hiredAt ??
      generalizedTime(new Date(Date.UTC(2012 + random.below(13), random.below(12), 1 + random.below(28), 8)));
    return {
      uuid: inventUuid(random),
      name,
      account,
      email: `${account}@${mailDomain}`,
      department,
      title: ladder[Math.min(random.below(ladder.length), random.below(ladder.length))] ?? 'Employee',
      phone: random.chance(0.9) ? inventPhone(random) : undefined,
      kind: given.kind ?? 'employee',
      acquired: given.acquired ?? false,
      hiredAt,
      changedAt: hiredAt,
      privateFields: privateFields(random, name, this.#hired),
    };
  }

  /** An account name nobody has: `eleni.xenos`, `eleni.xenos2`. */
  account(name: PersonName): string {
    const plain = `${accountPart(name.givenRoman)}.${accountPart(name.familyRoman)}`;
    let account = plain;
    for (let number = 2; this.#accounts.has(account); number += 1) account = `${plain}${number}`;
    this.#accounts.add(account);
    return account;
  }
}

const remarks = [
  'Prefers to be reached by chat in the morning.',
  'On parental leave until further notice, see personnel file.',
  'Allergic to peanuts (lunch orders).',
  'Works from home on Wednesdays because of physiotherapy.',
  'Member of the works council.',
  'Applied for an internal transfer, not announced yet.',
];
const streets = ['Kerkstraat', 'Lindenlaan', 'Molenweg', 'Stationsplein', 'Dorpsstraat', 'Parkweg'];

/** A directory as it has grown: home addresses, pictures, notes. None of it is for a booking service. */
function privateFields(random: Random, name: PersonName, number: number): Attributes {
  return {
    employeeNumber: [String(100_000 + number)],
    homePhone: [`+31 6 555 01${digits(random, 2)}`],
    homePostalAddress: [
      `${random.pick(streets)} ${1 + random.below(180)}$${1000 + random.below(8999)} ZZ Voorbeeld$Netherlands`,
    ],
    mobile: [`+31 6 555 01${digits(random, 2)}`],
    initials: [`${name.givenRoman.charAt(0)}.`],
    roomNumber: [`${random.below(9)}.${digits(random, 2)}`],
    jpegPhoto: [
      Buffer.concat([Buffer.from('ffd8ffe000104a46494600', 'hex'), random.bytes(64), Buffer.from('ffd9', 'hex')]),
    ],
    userPassword: [`{SSHA}${random.bytes(28).toString('base64')}`],
    ...(random.chance(0.4) ? { description: [random.pick(remarks)] } : {}),
    ...(random.chance(0.5) ? { carLicense: [`XX-${digits(random, 3)}-X`] } : {}),
  };
}
