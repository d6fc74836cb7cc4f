import { TryLater } from '../base/errors.ts';
import { faultPoint } from '../base/faults.ts';
import type { CheckContext, ConnectorStream } from '../contract/connector.ts';
import type { Item, SourceRecord, Window } from '../contract/record.ts';
import type { SettingsShape } from '../contract/settings.ts';
import { countUndeclared, gateAbout, type Kept } from '../gate/gate.ts';
import type { StreamPlan } from '../gate/plan.ts';
import type { Feature } from '../model/features.ts';
import type { DropReason } from '../model/model.ts';
import type { HubTenantStore, OptedIn, OptedInPage, ToldOfUser } from '../store/index.ts';

const AT_ONCE = 20;
/** Of one user within the window; more is no calendar. */
const MOST_OF_ONE = 2_000;

export interface Asking {
  readonly plan: StreamPlan;
  readonly stream: ConnectorStream;
  readonly context: CheckContext<SettingsShape>;
  /** Version of the configuration that it was planned from. */
  readonly configuration: number;
  now(): Date;
}

export const atOnceOf = ({ peopleAtOnce }: ConnectorStream): number => peopleAtOnce ?? AT_ONCE;
export const featureOf = ({ declaration }: StreamPlan): Feature => declaration.feature!;

/**
 * Asks about everybody whose opt-in stands, some at a time: each portion is listed just before it is asked about, so that
 * hardly anybody is asked about who has withdrawn meanwhile. The last page says so; it may be about nobody.
 * @param among of these users only; null: of all
 */
export async function* askAboutEverybody(
  tenant: Pick<HubTenantStore, 'optedIn'>,
  asking: Asking,
  among: readonly string[] | null = null,
): AsyncGenerator<{ readonly page: OptedInPage; readonly last: boolean }> {
  const limit = atOnceOf(asking.stream);
  const { plan } = asking;
  let after: string | null = null;
  let within: Window | undefined;
  for (;;) {
    const people: readonly OptedIn[] = await tenant.optedIn(featureOf(plan), plan.directory, {
      after,
      limit,
      users: among,
    });
    const last = people.length < limit;
    const page = await askAbout(asking, people);
    within = page.within ?? within;
    yield { page: { ...page, within }, last };
    if (last) return;
    after = people.at(-1)!.user;
  }
}

/** What the source tells of these users now, judged. @throws TryLater it broke off */
export async function askAbout(asking: Asking, people: readonly OptedIn[]): Promise<OptedInPage> {
  const { plan, stream, context, configuration } = asking;
  const readAt = asking.now();
  const judged = new JudgedAbout(plan, people, readAt);
  const about = { feature: featureOf(plan), asked: people, readAt, configuration };
  if (people.length === 0) return { ...about, ...judged.told(), within: undefined };
  await faultPoint('fetch.before');
  let within: Window | undefined;
  const reading = stream.read({
    ...context,
    people: people.map(({ user, email, directoryId }) => ({
      ref: user,
      ...(email ? { email } : {}),
      ...(directoryId ? { directoryId } : {}),
    })),
    partition: '',
    mode: 'full',
    state: null,
  });
  for await (const item of reading) {
    judged.take(item);
    if (item.item !== 'complete') continue;
    within = item.within;
    break;
  }
  await faultPoint('fetch.after');
  if (!within)
    throw new TryLater(
      `The reading of ${plan.stream} ended before the source had told everything; nothing was taken away, the next run reads again.`,
    );
  return { ...about, ...judged.told(), within };
}

/** What was told of users, user by user. */
class JudgedAbout {
  readonly #plan: StreamPlan;
  readonly #asked: ReadonlySet<string>;
  /** What ended before is over, and kept of nobody. */
  readonly #now: string;
  readonly #told = new Map<string, ToldOfUser>();
  readonly #dropped: Partial<Record<DropReason, number>> = {};
  readonly #fieldsDropped = new Map<string, number>();
  #read = 0;
  #repeated = 0;

  constructor(plan: StreamPlan, people: readonly OptedIn[], readAt: Date) {
    this.#plan = plan;
    this.#asked = new Set(people.map(({ user }) => user));
    this.#now = readAt.toISOString();
  }

  take(item: Item): void {
    if (item.item === 'skip') {
      this.#read++;
      this.#drop('invalid');
    } else if (item.item === 'whole') this.#whole(item.group, item.records);
    else if (item.item !== 'page' && item.item !== 'complete')
      // Of whom it is would have to be guessed.
      throw new Error(`A reading of ${this.#plan.stream} told something other than whole calendars.`);
  }

  #whole(user: string, records: readonly SourceRecord[]): void {
    if (!this.#asked.has(user))
      throw new Error(`A reading of ${this.#plan.stream} told of somebody it was not asked about.`);
    if (records.length > MOST_OF_ONE) {
      this.#read++;
      this.#drop('invalid');
      return;
    }
    const kept = new Map<string, Kept>();
    let whole = true;
    for (const record of records) {
      this.#read++;
      countUndeclared(this.#plan, record, this.#fieldsDropped);
      const decision = gateAbout(this.#plan, user, record);
      if (!decision.kept) {
        this.#drop(decision.reason);
        if (decision.reason === 'invalid') whole = false;
      } else if (String(decision.fields.ends_at) <= this.#now) this.#drop('out-of-scope');
      else {
        if (kept.has(decision.key)) this.#repeated++;
        kept.set(decision.key, decision);
      }
    }
    this.#repeated += this.#told.get(user)?.kept.length ?? 0;
    this.#told.set(user, { user, kept: [...kept.values()], whole });
  }

  #drop(reason: DropReason): void {
    this.#dropped[reason] = (this.#dropped[reason] ?? 0) + 1;
  }

  told(): Pick<OptedInPage, 'told' | 'read' | 'repeatedInPage' | 'dropped' | 'fieldsDropped'> {
    return {
      told: [...this.#told.values()],
      read: this.#read,
      repeatedInPage: this.#repeated,
      dropped: this.#dropped,
      fieldsDropped: this.#fieldsDropped,
    };
  }
}
