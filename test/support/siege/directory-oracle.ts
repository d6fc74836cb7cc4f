import type { GraphUser, SandboxGraph } from '../../../src/sandbox/graph/index.ts';
import type { Random } from '../../../src/sandbox/random.ts';
import type { User } from '../../../src/store/index.ts';
import { DIRECTORY, guid } from './graph-siege.ts';
import { essence } from './oracle.ts';

/** How the directory has somebody; undefined: not, or no more. */
type Entry = GraphUser | undefined;

interface LoggedOn {
  readonly id: string;
  readonly n: number;
  readonly fields: User['fields'];
  /** Whether the log-on told by which key the directory knows them. */
  readonly byKey: boolean;
  /** The directory was seen to vouch for them, so that its key names them from then on. */
  known: boolean;
  /** What it was seen to call them last. */
  names: readonly User['fields'][];
}

/** What may be true of a user: more than one thing only where it depends on the instant of a kill. */
export interface Expected {
  readonly user: string;
  readonly essences: readonly string[];
  /** Whether the directory vouches for them. */
  readonly here: boolean;
  readonly matches: readonly (readonly string[])[];
}

const inScope = (entry: Entry): boolean =>
  entry !== undefined && entry.accountEnabled !== false && entry.userType !== 'Guest';

/**
 * People in the sandbox's Graph, who among them has logged on, and what must be true of those by rules of its own. What the
 * directory holds is what the emulator was given; `confirm` asks it whether that is so.
 */
export class DirectoryOracle {
  readonly #source: SandboxGraph;
  readonly #random: Random;
  readonly #entries = new Map<number, Entry>();
  /** Removed for good: their ids never come back, their addresses may be somebody else's. */
  readonly #gone = new Map<number, string>();
  readonly #users = new Map<string, LoggedOn>();
  /** How the directory had somebody since everything was verified, and since the last kill. */
  readonly #sinceVerified = new Map<number, Entry[]>();
  readonly #sinceKilled = new Map<number, Entry[]>();
  /** Also of who is gone: as they were when they went. */
  readonly #last = new Map<number, GraphUser>();
  #version = 0;

  constructor(source: SandboxGraph, random: Random) {
    this.#source = source;
    this.#random = random;
  }

  fill(people: number): void {
    for (let n = 0; n < people; n++) this.#newcomer();
  }

  /**
   * People in the directory who have not logged on and may: whoever has another one's address would be taken for them
   * until the hub has read that they are gone.
   */
  strangers(): number[] {
    const users = new Set([...this.#users.values()].map(({ n }) => n));
    const may = (n: number, entry: Entry) =>
      inScope(entry) && !users.has(n) && entry?.mail?.endsWith(`p${n}@acme.example`);
    return [...this.#entries].flatMap(([n, entry]) => (may(n, entry) ? [n] : []));
  }

  logOnOf(n: number) {
    const { mail } = this.#entries.get(n)!;
    const byKey = this.#random.chance(0.5);
    return {
      email: mail!,
      given_name: 'Log',
      family_name: `On ${n}`,
      ...(byKey ? { directory_id: `${DIRECTORY}:${guid(n)}` } : {}),
    };
  }

  loggedOn(n: number, id: string, { directory_id, ...fields }: ReturnType<DirectoryOracle['logOnOf']>): void {
    this.#users.set(id, { id, n, fields, byKey: directory_id !== undefined, known: false, names: [] });
  }

  /** Joiners, leavers, who comes back, who is renamed, disabled or a guest, and what else is told of people. */
  change(times: number): void {
    for (let left = times; left > 0; left--) this.#changeOne();
  }

  #changeOne(): void {
    const random = this.#random;
    const version = ++this.#version;
    const here = [...this.#entries].flatMap(([n, entry]) => (entry ? [n] : []));
    const away = [...this.#entries].flatMap(([n, entry]) => (entry || this.#gone.has(n) ? [] : [n]));
    const n = random.pick(here);
    const entry = this.#entries.get(n)!;
    const what = random.next();
    if (what < 0.1) this.#newcomer();
    else if (what < 0.3 && away.length > 0) this.#restore(random.pick(away), version);
    // A company of which half is away says little about the rest.
    else if (what < 0.45 && here.length > away.length && this.#mayFall(n)) this.#remove(n);
    else if (what < 0.58 && this.#mayBeRenamed(n)) this.#put(n, { ...entry, mail: `v${version}.p${n}@acme.example` });
    else if (!inScope(entry)) this.#put(n, { ...entry, accountEnabled: true, userType: 'Member' });
    else if (what < 0.68 && this.#mayFall(n)) this.#put(n, { ...entry, accountEnabled: false });
    else if (what < 0.73 && this.#mayFall(n)) this.#put(n, { ...entry, userType: 'Guest' });
    else if (what < 0.85) this.#put(n, { ...entry, jobTitle: entry.jobTitle ? null : `Title ${version}` });
    else this.#put(n, { ...entry, department: `Department ${version}`, businessPhones: [`+31201234${100 + version}`] });
  }

  /** Before the directory's key names them, the address alone may: whether it came in time would depend on the kill. */
  #mayBeRenamed(n: number): boolean {
    return [...this.#users.values()].every((user) => user.n !== n || user.known || user.byKey);
  }

  /**
   * Of the users a quarter at most between two verifications: if more than half fell in a day a person would be asked, and
   * who is told twice may fall twice.
   */
  #mayFall(n: number): boolean {
    const users = [...this.#users.values()];
    if (users.every((user) => user.n !== n)) return true;
    return this.falls + 1 <= users.filter((user) => inScope(this.#entries.get(user.n))).length / 4;
  }

  #newcomer(): void {
    const n = this.#entries.size;
    // The address of somebody who is gone for good may be a stranger's by now, and they are nobody's user for that.
    const [former, mail] = this.#random.chance(0.5) ? ([...this.#gone].find(([, one]) => one !== '') ?? []) : [];
    if (former !== undefined) this.#gone.set(former, '');
    this.#put(n, {
      id: guid(n),
      mail: mail ?? `p${n}@acme.example`,
      givenName: `Given${n}`,
      surname: `Family${n}`,
      department: 'Tests',
      accountEnabled: true,
      userType: 'Member',
      ...(this.#random.chance(0.5) ? { jobTitle: `Title of ${n}` } : {}),
    });
  }

  #remove(n: number): void {
    const forGood = this.#random.chance(0.3);
    if (forGood) this.#gone.set(n, this.#entries.get(n)!.mail!);
    this.#source.removeUser(guid(n), forGood ? 'deleted' : 'changed');
    this.#note(n, undefined);
  }

  #restore(n: number, version: number): void {
    const before = this.#last.get(n)!;
    const mail = this.#random.chance(0.5) && this.#mayBeRenamed(n) ? `v${version}.p${n}@acme.example` : before.mail;
    this.#put(n, { ...before, mail: mail!, accountEnabled: true, userType: 'Member' });
  }

  #put(n: number, entry: GraphUser): void {
    this.#source.putUser(entry);
    this.#last.set(n, entry);
    this.#note(n, entry);
  }

  #note(n: number, entry: Entry): void {
    for (const since of [this.#sinceVerified, this.#sinceKilled])
      since.set(n, [...(since.get(n) ?? [this.#entries.get(n)]), entry]);
    this.#entries.set(n, entry);
  }

  /** From now on what happens comes between a kill and the next hub. */
  killed(): void {
    this.#sinceKilled.clear();
  }

  verified(): void {
    for (const user of this.#users.values()) {
      const here = inScope(this.#entries.get(user.n));
      user.names = here ? this.#namesOf(user).slice(-1) : this.#namesOf(user);
      user.known ||= here;
    }
    this.#sinceVerified.clear();
    this.#sinceKilled.clear();
  }

  /** @throws the emulator holds other people than were put into it */
  confirm(told: readonly GraphUser[]): void {
    const held = [...this.#entries.values()].filter((entry) => entry !== undefined);
    const text = (entries: readonly GraphUser[]) =>
      entries.map((one) => JSON.stringify([one.id, one.accountEnabled, one.userType, fieldsOf(one)])).sort();
    if (text(held).join() !== text(told).join()) throw new Error('The oracle and the emulator do not agree.');
  }

  /** How often users fell out of the directory since everything was verified: no more of them may have been removed. */
  get falls(): number {
    const users = [...this.#users.values()];
    return users.reduce((sum, { n }) => {
      const had = this.#sinceVerified.get(n) ?? [];
      return sum + had.filter((entry, at) => at > 0 && !inScope(entry) && inScope(had[at - 1])).length;
    }, 0);
  }

  /** What must be true of each user now, or at some instant since the last kill. */
  expected(between: boolean): Expected[] {
    return [...this.#users.values()].map((user) => {
      const entry = this.#entries.get(user.n);
      const possible = (between && this.#sinceKilled.get(user.n)) || [entry];
      return {
        user: user.id,
        essences: [...new Set(possible.flatMap((one) => this.#essences(user, one)))],
        here: inScope(entry),
        matches: this.#matches(user, entry),
      };
    });
  }

  #essences(user: LoggedOn, entry: Entry): string[] {
    if (entry && inScope(entry)) return [essence({ status: 'active', confirmed: true, fields: fieldsOf(entry) })];
    // What is left of a leaver is what was told last, which depends on the instant of the kill.
    const left = this.#namesOf(user).map((fields) => essence({ status: 'left', confirmed: false, fields }));
    // Gone before the hub had ever been told of them they are known by their log-on alone.
    return user.known ? left : [...left, essence({ status: 'active', confirmed: false, fields: user.fields })];
  }

  /** Under which names the user may be known: of somebody who is not to be read nothing is taken over. */
  #namesOf({ n, names }: LoggedOn): readonly User['fields'][] {
    const had = this.#sinceVerified.get(n) ?? [this.#entries.get(n)];
    return [...names, ...had.flatMap((entry) => (entry && inScope(entry) ? [namesOf(entry)] : []))];
  }

  #matches({ n, byKey, known, fields }: LoggedOn, entry: Entry): (readonly string[])[] {
    const key = `directory-id ${DIRECTORY}:${guid(n)}`;
    if (entry && inScope(entry)) return [[key, `email ${entry.mail}`]];
    return [[], ...(known ? [] : [[...(byKey ? [key] : []), `email ${fields.email}`]])];
  }
}

const namesOf = ({ givenName, surname, mail }: GraphUser): User['fields'] => ({
  given_name: String(givenName),
  family_name: String(surname),
  email: String(mail),
});

const fieldsOf = (entry: GraphUser): User['fields'] => {
  const { jobTitle, department, businessPhones } = entry;
  const [phone] = Array.isArray(businessPhones) ? businessPhones : [];
  return {
    ...namesOf(entry),
    ...(jobTitle ? { job_title: String(jobTitle) } : {}),
    ...(department ? { department: String(department) } : {}),
    ...(phone ? { phone: String(phone) } : {}),
  };
};
