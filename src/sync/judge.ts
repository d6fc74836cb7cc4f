import type { Decode, Item, SourceRecord } from '../contract/record.ts';
import { countUndeclared, gate, groupDigest, type Kept, type Rules } from '../gate/gate.ts';
import { laidOver } from '../gate/laid-over.ts';
import type { StreamPlan } from '../gate/plan.ts';
import type { DropReason } from '../model/model.ts';
import { DigestTable } from '../store/digest-table.ts';
import type { JudgedPage } from '../store/index.ts';

/**
 * Gates a page. Pure: it is called again from the same items whenever the rules moved between here and the commit.
 * Bindings made earlier in the page are seen by later records, so two entries never take the same user.
 */
export function judgePage(plan: StreamPlan, rules: Rules, items: readonly Item[]): JudgedPage {
  const page = new PageUnderJudgement(plan, rules);
  for (const item of items) page.take(item);
  return page.judged();
}

/** Bindings that a page made: by digest of the key, and the users who have one now. */
class MadeBindings {
  readonly #bound = new DigestTable();
  readonly #taken = new Set<string>();

  make({ keyDigest, user }: { readonly keyDigest: string; readonly user: string }): void {
    this.#bound.set(keyDigest, user);
    this.#taken.add(user);
  }

  user(keyDigest: string): string | undefined {
    return this.#bound.get(keyDigest)[0];
  }

  has(user: string): boolean {
    return this.#taken.has(user);
  }
}

/** A page while its items come in. */
export class PageUnderJudgement<R extends Rules = Rules> {
  readonly through: R;
  readonly #plan: StreamPlan;
  readonly #rules: Rules;
  readonly #made = new MadeBindings();
  readonly #kept = new Map<string, Kept>();
  readonly #dropped: Partial<Record<DropReason, number>> = {};
  readonly #alsoSeen = new Set<string>();
  readonly #keysStillThere = new Set<string>();
  readonly #strangers = new Set<string>();
  readonly #gone = new Set<string>();
  readonly #goneKeys = new Set<string>();
  readonly #leftUsers = new Set<string>();
  readonly #leftKeys = new Set<string>();
  readonly #groups = new Map<string, string[]>();
  readonly #fieldsDropped = new Map<string, number>();
  #read = 0;
  #repeated = 0;
  #goneReported = 0;

  /** @param before the page before this one, whose bindings may not be committed yet: they are seen here already */
  constructor(plan: StreamPlan, rules: R, before?: PageUnderJudgement) {
    const earlier = before ? before.#made : undefined;
    this.through = rules;
    this.#plan = plan;
    this.#rules = {
      digest: (kind, value) => rules.digest(kind, value),
      bound: (digest) => {
        const user = this.#made.user(digest) ?? earlier?.user(digest);
        return user === undefined ? rules.bound(digest) : { user, left: false };
      },
      hasBinding: (user) => this.#made.has(user) || earlier?.has(user) || rules.hasBinding(user),
      matching: (kind, digest) => rules.matching(kind, digest),
    };
  }

  take(item: Item): void {
    switch (item.item) {
      case 'records':
        for (const record of item.records) this.#record(record, false);
        return;
      case 'whole': {
        const keys: string[] = [];
        for (const record of item.records) keys.push(...this.#record(record, false));
        this.#groups.set(groupDigest(this.#rules, item.group), keys);
        return;
      }
      case 'encoded':
        for (let number = 0; number < item.count; number++) this.#encoded(item.decode, number);
        return;
      case 'partial':
        this.#record(item.record, true);
        return;
      case 'skip':
        this.#unreadable(item.key);
        return;
      case 'gone':
        this.#goneReported++;
        this.#reportGone(item.key);
        return;
      case 'page':
      case 'complete':
        return;
    }
  }

  #encoded(decode: Decode, number: number): void {
    const { key, record } = decode(number, this.#plan.deciding);
    if (record) this.#record(record, false, () => decode(number).record);
    else this.#unreadable(key);
  }

  #unreadable(key: string | undefined): void {
    this.#read++;
    this.#drop('invalid');
    if (key !== undefined) this.#stillThere(key);
  }

  /** @returns the key of a thing that is there, whether it is kept or cannot be read */
  #record(record: SourceRecord, partial: boolean, whole?: () => SourceRecord | undefined): readonly string[] {
    this.#read++;
    countUndeclared(this.#plan, record, this.#fieldsDropped);
    const decision = gate(this.#plan, this.#rules, record, partial, whole);
    if (!decision.kept) {
      this.#drop(decision.reason);
      // Unreadable is not gone; a user's entry that is out of scope is, and the sweep finds it unseen.
      if (decision.reason === 'invalid' || decision.reason === 'ambiguous') {
        if (decision.boundUser) this.#userStillThere(decision.boundUser);
        if (decision.key) this.#stillThere(decision.key);
      }
      if (decision.reason === 'out-of-scope') {
        if (decision.boundUser) this.#leftUsers.add(decision.boundUser);
        if (decision.key) this.#leftKeys.add(decision.key);
      }
      if (decision.locker !== undefined) this.#strangers.add(decision.locker);
      return decision.reason === 'invalid' && decision.key ? [decision.key] : [];
    }
    const { person } = decision;
    if (person?.newBinding) this.#made.make(person);
    const identity = this.#plan.stream === 'users' ? person!.user : decision.key;
    this.#isBack(identity);
    if (this.#kept.has(identity)) this.#repeated++;
    const earlier = this.#kept.get(identity);
    const newBinding = earlier?.person?.newBinding || person?.newBinding || false;
    const kept = earlier ? laidOver(earlier, decision) : decision;
    this.#kept.set(identity, person ? { ...kept, person: { ...person, newBinding } } : kept);
    return [decision.key];
  }

  #drop(reason: DropReason): void {
    this.#dropped[reason] = (this.#dropped[reason] ?? 0) + 1;
  }

  /** Told gone, or out of scope, earlier in the page: the last word counts. */
  #isBack(identity: string): void {
    const isUser = this.#plan.stream === 'users';
    for (const earlier of isUser ? [this.#gone, this.#leftUsers] : [this.#goneKeys, this.#leftKeys])
      earlier.delete(identity);
  }

  #boundUser(key: string): string | undefined {
    return this.#rules.bound(this.#rules.digest('directory-id', `${this.#plan.directory}:${key.toLowerCase()}`))?.user;
  }

  #stillThere(key: string): void {
    const user = this.#plan.stream === 'users' ? this.#boundUser(key) : undefined;
    if (user) this.#userStillThere(user);
    if (this.#plan.stream === 'users') return;
    this.#isBack(key);
    this.#keysStillThere.add(key);
  }

  #userStillThere(user: string): void {
    if (this.#plan.stream === 'users') this.#isBack(user);
    this.#alsoSeen.add(user);
  }

  #reportGone(key: string): void {
    if (this.#plan.stream !== 'users') this.#goneKeys.add(key);
    else {
      const user = this.#boundUser(key);
      if (user) this.#gone.add(user);
    }
  }

  judged(): JudgedPage {
    return {
      read: this.#read,
      kept: [...this.#kept.values()],
      repeatedInPage: this.#repeated,
      dropped: this.#dropped,
      alsoSeen: [...this.#alsoSeen],
      keysStillThere: [...this.#keysStillThere],
      strangers: [...this.#strangers],
      gone: [...this.#gone],
      goneKeys: [...this.#goneKeys],
      goneReported: this.#goneReported,
      leftScope: { users: [...this.#leftUsers], keys: [...this.#leftKeys] },
      groups: this.#groups,
      fieldsDropped: this.#fieldsDropped,
    };
  }
}
