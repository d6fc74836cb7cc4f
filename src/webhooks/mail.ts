import { getCACertificates } from 'node:tls';
import type { Transporter } from 'nodemailer';
import type { Clock } from '../base/clock.ts';
import { isMailAddress, type MailServer } from './mail-server.ts';
import { mailTextOf } from './mail-text.ts';
import { type Notice, noticeId } from './notice.ts';
import { type Attempt, STOPPING } from './outcome.ts';

export interface Mailer {
  mail(notice: Notice, to: string): Promise<Attempt>;
  close(): void;
}

export interface MailerOptions {
  readonly server: MailServer;
  /** PEM text of further certificate authorities. */
  readonly ca: string | undefined;
  readonly clock: Clock;
  /** For one mail, from the first packet to the server's word that it has it. */
  readonly timeoutMs: number;
  readonly closing: AbortSignal;
}

/** Plain-text mail, one per receiver: nobody sees who else is told. */
export function createMailer({ server, ca, clock, timeoutMs, closing }: MailerOptions): Mailer {
  const { host, port, secure, auth, from } = server;
  const at = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  let transport: Transporter | undefined;
  const transportOf = ({ createTransport }: typeof import('nodemailer')): Transporter => {
    const made = createTransport({
      host,
      port,
      secure,
      ...(auth ? { auth } : {}),
      // Whoever sits between could take STARTTLS out of the server's greeting and read the password.
      requireTLS: auth !== undefined,
      connectionTimeout: timeoutMs,
      greetingTimeout: timeoutMs,
      socketTimeout: timeoutMs,
      dnsTimeout: timeoutMs,
      disableFileAccess: true,
      disableUrlAccess: true,
      tls: { ca: roots(ca), minVersion: 'TLSv1.2' },
    });
    made.on('error', () => {});
    return made;
  };

  return {
    async mail(notice, to) {
      if (!isMailAddress(to))
        return {
          outcome: 'refused',
          sentence: 'An entry under notify is not one e-mail address; correct it, for example it@acme.example.',
        };
      if (closing.aborted) return STOPPING;
      const { subject, text } = mailTextOf(notice);
      try {
        // Loaded for the first mail: most hubs and nearly all commands send none.
        const nodemailer = await import('nodemailer');
        transport ??= transportOf(nodemailer);
        await transport.sendMail({
          from: { name: 'Sluice', address: from },
          to: { name: '', address: to },
          envelope: { from, to: [to] },
          subject,
          text,
          date: clock.now(),
          // The same in every attempt: a mailbox that already has it can tell.
          messageId: `<${noticeId(notice)}@${from.slice(from.lastIndexOf('@') + 1)}>`,
          // RFC 3834 5: keeps out-of-office answers away.
          headers: { 'Auto-Submitted': 'auto-generated' },
          signal: AbortSignal.any([closing, AbortSignal.timeout(timeoutMs)]),
        });
        return { outcome: 'sent' };
      } catch (error) {
        return closing.aborted ? STOPPING : failure(error, at);
      }
    },
    close: () => transport?.close(),
  };
}

/** As for connections: the roots that come with Node, the host system's, and the operator's own. */
function roots(ca: string | undefined): string[] {
  const found = [...getCACertificates('default'), ...(ca ? [ca] : [])];
  try {
    return [...new Set([...found, ...getCACertificates('system')])];
  } catch {
    return found; // an unreadable store of the host
  }
}

/** Only codes are told: a server's words quote addresses. */
function failure(error: unknown, at: string): Attempt {
  const { code, originalCode, responseCode } = error as Readonly<Record<string, unknown>>;
  const reply = typeof responseCode === 'number' ? ` (${responseCode})` : '';
  if (code === 'EAUTH' || code === 'ENOAUTH')
    return failed(`The mail server ${at} refuses the sign-in${reply}; correct user and password in SLUICE_SMTP_URL.`);
  // Behind ESOCKET stands an errno (ECONNREFUSED) or what TLS held against the certificate (CERT_HAS_EXPIRED, ERR_SSL_…).
  const untrusted = code === 'ESOCKET' && typeof originalCode === 'string' && !/^E(?!RR_)/.test(originalCode);
  if (code === 'ETLS' || untrusted)
    return failed(
      `The mail server ${at} offers no TLS that can be trusted; use smtps: or a server with STARTTLS in SLUICE_SMTP_URL, and put a private authority in SLUICE_CA_FILE.`,
    );
  if (code === 'EENVELOPE' || code === 'EMESSAGE') {
    const sentence = `The mail server ${at} does not take the notice${reply}; check the address under notify and the sender in SLUICE_SMTP_URL.`;
    // RFC 5321 4.2.1: a 5yz reply is not to be tried again.
    return typeof responseCode === 'number' && responseCode >= 500
      ? { outcome: 'refused', sentence }
      : failed(sentence);
  }
  if (code === 'EDNS')
    return failed(`The mail server ${at} is unknown to the name server; correct the host in SLUICE_SMTP_URL.`);
  return failed(`The mail server ${at} could not be reached in time${reply}; check SLUICE_SMTP_URL and the server.`);
}

const failed = (sentence: string): Attempt => ({ outcome: 'failed', sentence });
