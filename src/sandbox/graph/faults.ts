import { type Answer, Refusal } from './answer.ts';
import type { GraphFault } from './types.ts';

/** What Graph says at these statuses unless told otherwise. */
const usual: Readonly<Record<number, readonly [code: string, text: string]>> = {
  429: ['TooManyRequests', 'Too many requests. Please retry after the interval specified in the Retry-After header.'],
  500: ['InternalServerError', 'An internal server error occurred.'],
  501: ['NotImplemented', 'This operation target is not yet supported.'],
  502: ['BadGateway', 'The upstream service did not answer.'],
  503: ['serviceNotAvailable', 'The service is temporarily unavailable.'],
  504: ['gatewayTimeout', 'The upstream service did not answer in time.'],
};

/** The faults that are still to happen. */
export class Faults {
  #waiting: { fault: GraphFault; toPass: number; left: number }[] = [];

  add(fault: GraphFault): void {
    this.#waiting.push({ fault, toPass: fault.after ?? 0, left: fault.times ?? 1 });
  }

  /** The fault that is to answer this request, if any: the first that fits and has waited long enough. */
  take(method: string, url: string, where: 'outer' | 'inner'): GraphFault | undefined {
    for (const one of this.#waiting) {
      if (!fits(one.fault, method, url, where)) continue;
      if (one.toPass > 0) {
        one.toPass -= 1;
        continue;
      }
      one.left -= 1;
      this.#waiting = this.#waiting.filter(({ left }) => left > 0);
      return one.fault;
    }
    return undefined;
  }
}

function fits(fault: GraphFault, method: string, url: string, where: 'outer' | 'inner'): boolean {
  if ((fault.where ?? 'outer') !== where || (fault.method ?? method) !== method) return false;
  if (fault.path === undefined) return true;
  // Not `test`: a sticky or global expression remembers where it was.
  return typeof fault.path === 'string' ? url.includes(fault.path) : url.search(fault.path) >= 0;
}

export function faultAnswer(fault: GraphFault, now: Date, throttleScope: string): Answer {
  const [code, text] = usual[fault.status] ?? ['UnknownError', ''];
  const { retryAfter } = fault;
  const headers = {
    ...(retryAfter === undefined
      ? {}
      : { 'retry-after': typeof retryAfter === 'number' ? String(retryAfter) : retryAfter.toUTCString() }),
    ...(fault.status === 429 ? throttleHeaders(throttleScope) : {}),
  };
  if (fault.body === 'html') {
    const body = `<html><head><title>${fault.status}</title></head><body><h1>${text}</h1></body></html>`;
    return { status: fault.status, headers: { ...headers, 'content-type': 'text/html' }, body };
  }
  return new Refusal(fault.status, fault.code ?? code, text, headers).answer(now);
}

/** What a throttled answer says about the limit (concepts/throttling-limits). */
function throttleHeaders(scope: string): Record<string, string> {
  return {
    'x-ms-throttle-limit-percentage': '1.2',
    'x-ms-throttle-scope': scope,
    'x-ms-throttle-information': 'ResourceUnitLimitExceeded',
  };
}
