import type { Clock } from '../base/clock.ts';
import type { Notify } from '../store/types.ts';
import { createMailer } from './mail.ts';
import { mailServerOf } from './mail-server.ts';
import type { Notice } from './notice.ts';
import type { Attempt, NoticeOutcome } from './outcome.ts';
import { type Post, postNotice } from './webhook.ts';

export interface NoticeSender {
  /**
   * One attempt for each receiver; outcomes stand in the order of `to`. Never throws, and one receiver's failure
   * keeps no other from being told. For a further attempt pass only those that failed.
   */
  send(notice: Notice, to: readonly Notify[]): Promise<NoticeOutcome[]>;
  /** Ends what is under way (it counts as failed and may be tried again) and waits for that. */
  close(): Promise<void>;
}

export interface NoticeSenderOptions {
  /** SLUICE_SMTP_URL; absent: e-mail is `not-configured`, and the notice stands in the runs and the log. */
  readonly smtpUrl?: string | undefined;
  /** Sender's address; see `mailServerOf` for what stands without it. */
  readonly from?: string | undefined;
  /** PEM text of SLUICE_CA_FILE. */
  readonly ca?: string | undefined;
  readonly post: Post;
  readonly clock: Clock;
  readonly webhookTimeoutMs?: number;
  readonly mailTimeoutMs?: number;
}

/** Receivers told at the same time; a tenant may name a hundred. */
const AT_ONCE = 4;

const NO_MAIL_SERVER: Attempt = {
  outcome: 'not-configured',
  sentence:
    'The hub has no mail server, so the notice stands only in the runs and the log; ask the operator to set SLUICE_SMTP_URL.',
};

/** @throws BadInput if SLUICE_SMTP_URL or the sender cannot be read */
export function createNoticeSender(options: NoticeSenderOptions): NoticeSender {
  // The standard wants 15 to 30 s for webhooks; mail servers may greet late on purpose (tarpits).
  const { smtpUrl, from, ca, post, clock, webhookTimeoutMs = 15_000, mailTimeoutMs = 60_000 } = options;
  const ending = new AbortController();
  const closing = ending.signal;
  const mailer = smtpUrl
    ? createMailer({ server: mailServerOf(smtpUrl, from), ca, clock, timeoutMs: mailTimeoutMs, closing })
    : undefined;
  const underWay = new Set<Promise<unknown>>();

  const attempt = (notice: Notice, target: Notify): Promise<Attempt> => {
    if ('webhook' in target) return postNotice(notice, target, { post, clock, timeoutMs: webhookTimeoutMs, closing });
    return mailer ? mailer.mail(notice, target.email) : Promise.resolve(NO_MAIL_SERVER);
  };

  const sendAll = async (notice: Notice, to: readonly Notify[]): Promise<NoticeOutcome[]> => {
    const outcomes: NoticeOutcome[] = [];
    const waiting = to.entries();
    const work = async () => {
      for (const [entry, target] of waiting)
        outcomes[entry] = {
          entry,
          channel: 'webhook' in target ? 'webhook' : 'email',
          ...(await attempt(notice, target)),
        };
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, to.length) }, work));
    return outcomes;
  };

  return {
    async send(notice, to) {
      const sending = sendAll(notice, to);
      underWay.add(sending);
      try {
        return await sending;
      } finally {
        underWay.delete(sending);
      }
    },
    async close() {
      ending.abort();
      await Promise.allSettled(underWay);
      mailer?.close();
    },
  };
}
