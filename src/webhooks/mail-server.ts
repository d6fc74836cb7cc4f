import { isIP } from 'node:net';
import { BadInput } from '../base/errors.ts';

/** SLUICE_SMTP_URL taken apart: `smtps://user:password@mail.example:465?from=sluice@acme.example`. */
export interface MailServer {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte (`smtps:`); otherwise STARTTLS where offered, and always when there is a password. */
  readonly secure: boolean;
  readonly auth: { readonly user: string; readonly pass: string } | undefined;
  /** Who the mail comes from. */
  readonly from: string;
}

/** One address and nothing that could end a header, add a recipient or open a comment. */
const ADDRESS = /^[^\s\p{Cc}<>,;:"()[\]\\@]{1,64}@[^\s\p{Cc}<>,;:"()[\]\\@]{1,253}$/u;

export const isMailAddress = (text: string) => ADDRESS.test(text);

/**
 * @param from wins over the address's own `?from=`, that over its user if that is an e-mail address, and that over
 * `sluice@` the mail server
 * @throws BadInput naming SLUICE_SMTP_URL, never quoting it: it holds a password
 */
export function mailServerOf(smtpUrl: string, from: string | undefined): MailServer {
  const wrong = new BadInput(
    'SLUICE_SMTP_URL cannot be read; write it as smtps://user:password@mail.example:465, with any @ : / % of the password percent-encoded.',
  );
  const url = URL.parse(smtpUrl.trim());
  if (!url || !['smtp:', 'smtps:'].includes(url.protocol) || url.hostname === '') throw wrong;
  let user: string;
  let pass: string;
  try {
    user = decodeURIComponent(url.username);
    pass = decodeURIComponent(url.password);
  } catch {
    throw wrong;
  }
  const secure = url.protocol === 'smtps:';
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const named = from ?? url.searchParams.get('from') ?? undefined;
  if (named !== undefined && !isMailAddress(named))
    throw new BadInput(
      'The sender of notices is not an e-mail address; end SLUICE_SMTP_URL with for example ?from=sluice@acme.example',
    );
  return {
    host,
    // RFC 8314 3.3 and RFC 6409 3.1: the two ports for submission.
    port: Number(url.port) || (secure ? 465 : 587),
    secure,
    auth: user === '' ? undefined : { user, pass },
    from: named ?? (isMailAddress(user) ? user : `sluice@${isIP(host) ? 'localhost' : host}`),
  };
}
