import { NeedsAttention, TryLater } from '../../src/contract/index.ts';
import { type Message, Reader, tags } from './ber.ts';

/** How an operation ended (RFC 4511 4.1.9), with what of its answer we use. */
export interface Result {
  readonly code: number;
  /** Active Directory's reason inside a refusal, such as `52e`; never the rest of its message. */
  readonly reason: string | undefined;
  /** The paging control of the answer, if there is one (RFC 2696). */
  readonly paged: { readonly estimate: number; readonly cookie: Buffer } | undefined;
  readonly responseName: string | undefined;
  readonly responseValue: string | undefined;
}

export const codes = {
  success: 0,
  timeLimitExceeded: 3,
  sizeLimitExceeded: 4,
  strongAuthRequired: 8,
  referral: 10,
  noSuchObject: 32,
  invalidCredentials: 49,
  insufficientAccess: 50,
  busy: 51,
  unavailable: 52,
} as const;

const pagedResults = '1.2.840.113556.1.4.319';

/** @throws Unreadable */
export function readResult(message: Message): Result {
  const reader = new Reader(message.bytes, message.start, message.stop);
  const code = reader.expect(tags.enumerated).number();
  reader.expect(tags.octets); // matchedDN: part of somebody's place in the tree, not ours to know
  const reason = /\bdata ([0-9a-f]{3,8})\b/i.exec(reader.expect(tags.octets).text())?.[1]?.toLowerCase();
  let responseName: string | undefined;
  let responseValue: string | undefined;
  while (reader.more) {
    const tag = reader.next();
    if (tag === tags.responseName) responseName = reader.text();
    if (tag === tags.responseValue) responseValue = reader.text();
  }
  return { code, reason, paged: readPaged(message), responseName, responseValue };
}

function readPaged(message: Message): Result['paged'] {
  const rest = new Reader(message.bytes, message.stop, message.end);
  if (!rest.more || rest.next() !== tags.controls) return undefined;
  const controls = rest.inside();
  while (controls.more) {
    const control = controls.expect(tags.sequence).inside();
    if (control.expect(tags.octets).text() !== pagedResults) continue;
    while (control.more) {
      if (control.next() !== tags.octets) continue; // criticality
      const value = control.inside().expect(tags.sequence).inside();
      const estimate = value.expect(tags.integer).number();
      value.expect(tags.octets);
      // A copy: the cookie outlives the page's bytes.
      return { estimate, cookie: Buffer.from(value.bytes.subarray(value.start, value.stop)) };
    }
  }
  return undefined;
}

/** Where and as whom, for sentences. */
export interface Place {
  /** `host:port` */
  readonly at: string;
  readonly baseDn: string;
}

/** What a search that did not succeed means; it has told us nothing complete, so nothing may be taken away. */
export function searchFailure(result: Result, place: Place, fixes: { sizeLimit: string; read: string }): Error {
  const { at, baseDn } = place;
  switch (result.code) {
    case codes.sizeLimitExceeded:
      return new NeedsAttention(
        `${at} stopped at its size limit before telling everything under \`base_dn\`: ${fixes.sizeLimit}.`,
      );
    case codes.timeLimitExceeded:
      return new TryLater(
        `${at} stopped at its time limit before telling everything; if it happens again, raise the server's time limit for the account or narrow \`filter\`.`,
      );
    case 11:
      return new NeedsAttention(
        `${at} stopped at an administrative limit before telling everything: index the attributes of \`filter\` or raise the account's limits there.`,
      );
    case codes.noSuchObject:
      return new NeedsAttention(
        `${at} has no entry ${baseDn}, or hides it from this account: correct \`base_dn\` or ${fixes.read}.`,
      );
    case 34:
      return new NeedsAttention(`${at} does not take \`base_dn\` for a distinguished name: correct its spelling.`);
    case codes.referral:
      return new NeedsAttention(
        `${at} says that another server holds \`base_dn\`; referrals are never followed, so set \`url\` to that server.`,
      );
    case codes.insufficientAccess:
      return new NeedsAttention(`${at} does not let this account read under \`base_dn\`: ${fixes.read}.`);
    default:
      return failure(result, at, 'the search');
  }
}

/** What a refused sign-in means. */
export function bindFailure(result: Result, at: string): Error {
  switch (result.code) {
    case codes.invalidCredentials:
    case 48:
      return new NeedsAttention(`${at} refused the sign-in: ${credentialReason(result.reason)}.`);
    case codes.noSuchObject:
    case 34:
      return new NeedsAttention(`${at} knows no account by this \`bind_dn\`: correct its spelling.`);
    default:
      return failure(result, at, 'the sign-in');
  }
}

/** Active Directory's sub-codes of invalidCredentials (Win32 error codes in hexadecimal). */
const reasons: Readonly<Record<string, string>> = {
  '525': 'it knows no account by this `bind_dn`, so correct it',
  '52e': 'wrong `bind_dn` or `bind_password`, so correct them (code 52e)',
  '530': 'the account may not sign in at this time of day, so lift that restriction (code 530)',
  '531': 'the account may not sign in from this machine, so lift that restriction (code 531)',
  '532': 'the password has expired, so set a new one and put it into `bind_password` (code 532)',
  '533': 'the account is disabled, so enable it (code 533)',
  '701': 'the account has expired, so extend it (code 701)',
  '773': 'the password must be changed first, so set one that need not be (code 773)',
  '775': 'the account is locked, so unlock it (code 775)',
};
const credentialReason = (code: string | undefined): string =>
  (code !== undefined && reasons[code]) || 'wrong `bind_dn` or `bind_password`, so correct them';

/** Any other result, by what to do next (RFC 4511 appendix A). */
export function failure(result: Result, at: string, what: string): Error {
  switch (result.code) {
    case codes.busy:
      return new TryLater(`${at} is busy and refused ${what}; it will be tried again.`);
    case codes.unavailable:
    case 1:
    case 80:
      return new TryLater(
        `${at} is shutting down or failed at ${what} (result ${result.code}); it will be tried again.`,
      );
    case codes.strongAuthRequired:
    case 13:
      return new NeedsAttention(
        `${at} wants TLS before ${what}: use \`ldaps://\` in \`url\`, or \`ldap://\` with \`start_tls\` on.`,
      );
    case 53:
      return new NeedsAttention(`${at} is unwilling to do ${what}: see its log for the reason (result 53).`);
    default:
      return new NeedsAttention(
        `${at} refused ${what} with LDAP result ${result.code}: look it up in the server's log, and correct the settings.`,
      );
  }
}
