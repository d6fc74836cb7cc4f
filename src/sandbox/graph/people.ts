import { isDeepStrictEqual } from 'node:util';
import type { Change } from './change.ts';
import { Late } from './late.ts';
import type { GraphUser, Json } from './types.ts';

export type Removal = 'changed' | 'deleted';
export type State = { readonly user: GraphUser } | { readonly removed: Removal };

/** A user as the directory remembers it, with what changed when. It stays as a tombstone when removed. */
export interface Person {
  readonly number: number;
  readonly id: string;
  state: State;
  /** What it was before its last change. */
  former: State | undefined;
  /** The last change of each property since it came. */
  readonly changed: Map<string, number>;
  /** When it came, or came back. */
  born: number;
  removedAt: number;
  /** What it is found by, in lower case; a tombstone keeps them. */
  names: readonly string[];
}

/** The users of a directory in the order in which they came, each change numbered. */
export class People {
  readonly #inOrder: Person[] = [];
  readonly #byName = new Map<string, Person>();
  readonly #late = new Late<Person>();
  /** The number of the last change. From 1: `since` 0 means from the beginning. */
  now = 1;

  /** `undefined`: nothing changed. */
  put(told: GraphUser): Change | undefined {
    const known = this.#byName.get(key(told.id));
    if (!known) {
      this.#late.hold(told.id, this.now, undefined);
      this.now += 1;
      const person: Person = {
        number: this.#inOrder.length + 1,
        id: told.id,
        state: { user: told },
        former: undefined,
        changed: new Map(),
        born: this.now,
        removedAt: 0,
        names: [],
      };
      this.#inOrder.push(person);
      this.#name(person, told);
      return { id: told.id, type: 'created' };
    }
    if (!('removed' in known.state)) return this.#update(known, known.state.user, told);
    this.#hold(known);
    this.now += 1;
    known.born = this.now;
    this.#become(known, { user: told });
    return { id: told.id, type: 'created' };
  }

  remove(id: string, removed: Removal): Change {
    const person = this.#byName.get(key(id));
    if (!person) throw new RangeError('There is no user with that id.');
    this.#hold(person);
    this.now += 1;
    person.removedAt = this.now;
    this.#become(person, { removed });
    return { id: person.id, type: 'deleted' };
  }

  /** By id or any name of the mailbox; whoever was removed is not there. */
  find(name: string): GraphUser | undefined {
    const state = this.#byName.get(key(name))?.state;
    return state && 'user' in state ? state.user : undefined;
  }

  wasRemoved(name: string): boolean {
    return 'removed' in (this.#byName.get(key(name))?.state ?? {});
  }

  /** From the one with this number on, in order. */
  *from(number: number): Generator<Person> {
    for (let index = Math.max(0, number - 1); index < this.#inOrder.length; index += 1) yield this.#inOrder[index]!;
  }

  /** The same as delta tells them: whoever is late is as before, or not there. */
  *toldFrom(number: number): Generator<Person> {
    for (const person of this.from(number)) {
      const told = this.#late.toldOf(person.id, person);
      if (told) yield told;
    }
  }

  /** Whose changes delta tells late. What was held back till now has just happened, as far as delta is concerned. */
  late(ids: readonly string[] | undefined): void {
    const before = this.now;
    for (const [id, at] of this.#late.become(ids)) {
      const person = this.#byName.get(key(id))!;
      this.now = before + 1;
      const again = (changed: number) => (changed > at ? this.now : changed);
      for (const [name, changed] of person.changed) person.changed.set(name, again(changed));
      person.born = again(person.born);
      person.removedAt = again(person.removedAt);
    }
  }

  #hold(person: Person): void {
    this.#late.hold(person.id, this.now, { ...person, changed: new Map(person.changed) });
  }

  #update(person: Person, before: GraphUser, told: GraphUser): Change | undefined {
    // A property that was set and is no longer named was emptied, which is not the same as never set.
    const emptied = Object.fromEntries(Object.keys(before).map((name) => [name, null]));
    const after: GraphUser = { ...emptied, ...told };
    const changed = Object.keys(after).filter((name) => !isDeepStrictEqual(before[name], after[name]));
    if (changed.length === 0) return undefined;
    this.#hold(person);
    this.now += 1;
    for (const name of changed) person.changed.set(name, this.now);
    this.#become(person, { user: after });
    return { id: person.id, type: 'updated' };
  }

  #become(person: Person, state: State): void {
    person.former = person.state;
    person.state = state;
    if ('user' in state) this.#name(person, state.user);
  }

  /** A name that another user took over meanwhile stays that user's. */
  #name(person: Person, user: GraphUser): void {
    for (const name of person.names) if (this.#byName.get(name) === person) this.#byName.delete(name);
    person.names = [...mailboxNames(user), user.id].map(key);
    for (const name of person.names) this.#byName.set(name, person);
  }
}

const key = (name: string) => name.toLowerCase();

/** With what kind of address each is: `SMTP:` the primary one, `smtp:` an alias, `X500:` and others. */
export function aliasesOf({ proxyAddresses }: GraphUser): string[] {
  return Array.isArray(proxyAddresses) ? proxyAddresses.filter((one) => typeof one === 'string') : [];
}

/** Exchange finds a mailbox by each of these, where the directory finds its account by id and user principal name alone. */
export function mailboxNames(user: GraphUser): string[] {
  const aliases = aliasesOf(user).flatMap((one) => (/^smtp:/i.test(one) ? [one.slice(5)] : []));
  return [user.mail, user.userPrincipalName, ...aliases].flatMap((name) => (name ? [name] : []));
}

/** Whether this user's change after `since` touches one of these properties (`undefined`: any). */
export function touched(person: Person, since: number, tracked: ReadonlySet<string> | undefined): boolean {
  if ('removed' in person.state) return person.removedAt > since;
  return person.born > since || changedProperties(person, since).some((name) => tracked?.has(name) ?? true);
}

export function changedProperties(person: Person, since: number): string[] {
  if (person.born > since) return Object.keys('user' in person.state ? person.state.user : {});
  return [...person.changed].flatMap(([name, at]) => (at > since ? [name] : []));
}

/** Only these properties of an entity that it has, `id` always; `undefined`: all. */
export function project(entity: Readonly<Record<string, Json | undefined>>, properties: Iterable<string> | undefined) {
  if (!properties) return entity;
  const names = new Set(['id', ...properties]);
  return Object.fromEntries(Object.entries(entity).filter(([name]) => names.has(name)));
}
