import { TryLater } from '../../src/contract/index.ts';
import { type Answer, isRecord } from './answer.ts';
import { notGraph, type Session } from './session.ts';
import { isThrottled } from './throttling.ts';

/** Requests in one batch at most (concepts/json-batching.md). */
export const MOST_AT_ONCE = 20;

/**
 * Several requests in few: their answers in the order asked. Those that are throttled are sent again, without the others:
 * that a batch is answered says nothing of what is in it.
 * @param targets path and query after the version
 * @param atOnce in one batch; of one mailbox no more than 4, because Outlook works on so many at a time
 */
export async function batch(session: Session, targets: readonly string[], atOnce = MOST_AT_ONCE): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let from = 0; from < targets.length; from += atOnce)
    answers.push(...(await oneBatch(session, targets.slice(from, from + atOnce))));
  return answers;
}

async function oneBatch(session: Session, targets: readonly string[]): Promise<Answer[]> {
  const answers: (Answer | undefined)[] = targets.map(() => undefined);
  for (let attempt = 1; ; attempt++) {
    const open = [...answers.keys()].filter((at) => answers[at] === undefined);
    const waits: Answer[] = [];
    const told = await sendBatch(
      session,
      open.map((at) => ({ url: targets[at]! })),
    );
    if (!told) throw notGraph();
    for (const [number, answer] of told) {
      const at = open[number]!;
      if (isThrottled(answer.status)) waits.push(answer);
      else if (!isUnanswered(answer)) answers[at] = answer;
    }
    if (waits.length === 0 && open.some((at) => answers[at] === undefined))
      throw new TryLater('Microsoft Graph left part of a batch unanswered; the next run tries again.');
    if (waits.length === 0) return answers as Answer[];
    await session.wait(waits, attempt);
  }
}

/**
 * Whether an answer within a batch says nothing of what was asked for: what the guarded network makes a TryLater of, were it
 * the answer to a request alone; and 424, by which it was not even tried because another failed (concepts/json-batching.md).
 */
export const isUnanswered = ({ status }: Answer): boolean =>
  !isThrottled(status) && ((status >= 500 && status !== 501) || status === 408 || status === 424 || status === 425);

/** One request inside a batch. */
export interface Inner {
  /** Path and query after the version. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/**
 * Sends them as one. Answers come in any order, each with the id of its request: here its place among them.
 * @returns answers by that place; who got none is absent. undefined if what answered does not know batches
 */
export async function sendBatch(
  session: Session,
  asked: readonly Inner[],
): Promise<ReadonlyMap<number, Answer> | undefined> {
  const requests = asked.map((one, at) => ({ id: String(at), method: 'GET', ...one }));
  const { status, headers, body } = await session.post('/$batch', { requests });
  if (status !== 200 || !isRecord(body) || !Array.isArray(body.responses)) return undefined;
  const answers = new Map<number, Answer>();
  for (const one of body.responses.filter(isRecord)) {
    const at = asked.findIndex((_, place) => String(place) === one.id);
    if (at >= 0 && typeof one.status === 'number')
      answers.set(at, {
        status: one.status,
        headers: { ...dateOf(headers), ...headersOf(one.headers) },
        body: one.body,
      });
  }
  return answers;
}

/** What is answered inside a batch has no time of its own: by the batch's a Retry-After in it is understood. */
const dateOf = ({ date }: Answer['headers']): { date?: string } => (date === undefined ? {} : { date });

function headersOf(told: unknown): Record<string, string> {
  if (!isRecord(told)) return {};
  return Object.fromEntries(Object.entries(told).map(([name, value]) => [name.toLowerCase(), String(value)]));
}
