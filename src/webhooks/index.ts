export { type Expiring, expiryNotice, expirySentence } from './expiring.ts';
export {
  type ChangeKind,
  type Notice,
  type NoticeKind,
  noticeFor,
  noticeId,
  noticeOf,
  type StateChange,
} from './notice.ts';
export type { NoticeOutcome } from './outcome.ts';
export { ATTEMPT_DELAYS_S, type NextAttemptOptions, nextAttempt } from './retry.ts';
export { createNoticeSender, type NoticeSender, type NoticeSenderOptions } from './sender.ts';
export type { Post } from './webhook.ts';
