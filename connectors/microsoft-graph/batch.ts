import { TryLater } from '../../src/contract/index.ts';
import { type Answer, isRecord } from './answer.ts';
import { notGraph, type Session } from './session.ts';
import { isThrottled } from './throttling.ts';

/** Requests in one batch at most (concepts/json-batching.md). */
const MOST_AT_ONCE = 20;

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
    const waits: (string | undefined)[] = [];
    for (const [at, answer] of await send(session, open, targets)) {
      if (isThrottled(answer.status)) waits.push(answer.headers['retry-after']);
      else if (answer.status < 500) answers[at] = answer;
    }
    if (waits.length === 0 && open.some((at) => answers[at] === undefined))
      throw new TryLater('Microsoft Graph left part of a batch unanswered; the next run tries again.');
    if (waits.length === 0) return answers as Answer[];
    await session.wait(waits, attempt);
  }
}

/** Answers come in any order, each with the id of its request: here its place among the targets. */
async function send(
  session: Session,
  open: readonly number[],
  targets: readonly string[],
): Promise<[number, Answer][]> {
  const requests = open.map((at) => ({ id: String(at), method: 'GET', url: targets[at]! }));
  const { status, body } = await session.post('/$batch', { requests });
  if (status !== 200 || !isRecord(body) || !Array.isArray(body.responses)) throw notGraph();
  return body.responses.filter(isRecord).flatMap((one): [number, Answer][] => {
    const at = Number(one.id);
    if (!open.includes(at) || typeof one.status !== 'number') return [];
    return [[at, { status: one.status, headers: headersOf(one.headers), body: one.body }]];
  });
}

function headersOf(told: unknown): Record<string, string> {
  if (!isRecord(told)) return {};
  return Object.fromEntries(Object.entries(told).map(([name, value]) => [name.toLowerCase(), String(value)]));
}
