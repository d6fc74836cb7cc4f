import { NeedsAttention, StartOver } from '../../src/contract/index.ts';

/** What Graph answered, alone or inside a batch; the body as JSON, `undefined` if it is none. */
export interface Answer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export async function answerOf(response: Response): Promise<Answer> {
  const headers = Object.fromEntries(response.headers as unknown as Iterable<[string, string]>);
  let body: unknown;
  try {
    body = JSON.parse(await response.text());
  } catch {
    // A gateway's page of HTML has its status all the same.
  }
  return { status: response.status, headers, body };
}

export const isRecord = (told: unknown): told is Readonly<Record<string, unknown>> =>
  typeof told === 'object' && told !== null && !Array.isArray(told);

/** The error code of an answer, in lower case: Graph's services spell the same code in different ways. */
export function codeOf({ body }: Answer): string {
  const error = isRecord(body) ? body.error : undefined;
  return isRecord(error) && typeof error.code === 'string' ? error.code.toLowerCase() : '';
}

// syncStateNotFound (400 by one page, 410 by another, microsoft-graph-docs#2350), syncStateInvalid, resyncRequired,
// resyncChangesApplyDifferences, resyncChangesUploadDifferences.
const LOST = /^(syncstate(notfound|invalid)|resync(required|changes\w*))$/;

/** Whether a delta token is worth nothing any more. A Location that comes along is not followed: we know the way. */
export const isTokenLost = (answer: Answer): boolean =>
  answer.status === 410 || (answer.status >= 400 && answer.status < 500 && LOST.test(codeOf(answer)));

export const tokenLost = (): StartOver => new StartOver('The delta token has ended; the reading starts over.');

/** The sentence for an answer that nobody expected here. Only its status is told: its text quotes the request. */
export function refused(what: string, permission: string): (answer: Answer) => NeedsAttention {
  return ({ status }) =>
    status === 403
      ? new NeedsAttention(
          `Microsoft Graph may not tell us ${what} (403): grant the application permission ${permission} and consent to it, as "Permissions" in the README of microsoft-graph says.`,
        )
      : new NeedsAttention(
          `Microsoft Graph refuses to tell ${what} (${status}): run \`sluice check\`, and report this if it finds nothing.`,
        );
}
