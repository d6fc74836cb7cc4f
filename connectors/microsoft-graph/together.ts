import { TooLarge, TryLater } from '../../src/contract/index.ts';
import type { Answer } from './answer.ts';
import { type Inner, isUnanswered, MOST_AT_ONCE, sendBatch } from './batch.ts';
import { inBatch } from './links.ts';
import type { Session } from './session.ts';
import { cancelled } from './throttling.ts';

/**
 * So long a request waits for company after the last one came: between two readings lies a transaction of the hub's. Only
 * the last ones of a run, and those of a few calendars, wait so long; a full batch leaves at once.
 */
const FOR_COMPANY_MS = 100;

/**
 * The answer to a request whose answer is small, most of the time: it travels in one batch with those that other readings
 * ask at the same time, and is as if it had been asked for alone. A wait that it is asked for is its own.
 * @param target path and query from `/v1.0/` on
 */
export function askTogether(
  session: Session,
  target: string,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  return session.patiently(() => companyOf(session).ask(target, headers));
}

interface Waiting extends Inner {
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly resolve: (answer: Answer | Promise<Answer>) => void;
  readonly reject: (error: unknown) => void;
}

/** Requests of one run that wait to leave together; never as many as fill a batch. */
class Company {
  readonly #session: Session;
  #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(session: Session) {
    this.#session = session;
    session.signal.addEventListener('abort', () => this.#disband(), { once: true });
  }

  async ask(target: string, headers: Readonly<Record<string, string>>): Promise<Answer> {
    if (this.#session.signal.aborted) throw cancelled();
    const url = inBatch(target);
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.#waiting.push({ target, url, headers, resolve, reject });
    clearTimeout(this.#timer);
    if (this.#waiting.length === MOST_AT_ONCE) this.#leave();
    else this.#timer = setTimeout(() => this.#leave(), FOR_COMPANY_MS);
    return promise;
  }

  #leave(): void {
    const company = this.#waiting;
    this.#waiting = [];
    this.#travel(company).catch((error) => {
      for (const { reject } of company) reject(error);
    });
  }

  async #travel(company: readonly Waiting[]): Promise<void> {
    const answers = company.length > 1 ? await this.#inOne(company) : undefined;
    for (const [at, { target, headers, resolve, reject }] of company.entries()) {
      const answer = answers?.get(at);
      if (!answers) resolve(this.#session.getOnce(target, headers));
      else if (answer && !isUnanswered(answer)) resolve(answer);
      else reject(new TryLater('Microsoft Graph left part of a batch unanswered; the next run tries again.'));
    }
  }

  /** @returns undefined if they are to be asked one by one: together they are too large, or batches are refused here */
  async #inOne(company: readonly Waiting[]): Promise<ReadonlyMap<number, Answer> | undefined> {
    const requests = company.map(({ url, headers }) => ({ url, headers }));
    return sendBatch(this.#session, requests).catch((error) => {
      if (error instanceof TooLarge) return undefined;
      throw error;
    });
  }

  #disband(): void {
    clearTimeout(this.#timer);
    for (const { reject } of this.#waiting) reject(cancelled());
    this.#waiting = [];
  }
}

const companies = new WeakMap<Session, Company>();

function companyOf(session: Session): Company {
  const known = companies.get(session);
  if (known) return known;
  const company = new Company(session);
  companies.set(session, company);
  return company;
}
