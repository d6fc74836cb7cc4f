/**
 * Retry-After (RFC 9110 10.2.3) as an instant: seconds, or an HTTP date in any of its three forms. However long the
 * source asks for, that is the answer: cutting it short is how clients get blocked.
 * @param answered the Date of the same answer (RFC 9110 6.6.1). A date is one of the source's clock, which may be behind ours:
 * what counts is how long after its answer it lies.
 * @returns undefined if there is none or it cannot be read
 */
export function retryAfter(header: string | undefined, now: Date, answered?: string): Date | undefined {
  const text = header?.trim() ?? '';
  if (/^\d+$/.test(text)) return validDate(now.getTime() + Number(text) * 1000);
  const until = httpDate(text);
  const theirNow = httpDate(answered?.trim() ?? '');
  return until && theirNow ? validDate(now.getTime() + until.getTime() - theirNow.getTime()) : until;
}

/** In any of its three forms. */
function httpDate(text: string): Date | undefined {
  // asctime (`Sun Nov  6 08:49:37 1994`) is UTC without saying so; Date.parse would take it for local time.
  const zoned = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4}$/.test(text) ? `${text} GMT` : text;
  return /GMT$/.test(zoned) ? validDate(Date.parse(zoned)) : undefined;
}

function validDate(ms: number): Date | undefined {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
