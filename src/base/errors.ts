/**
 * Errors are named by what to do next. Every message is one sentence for tenant IT: what, where, and the fix.
 * A message never quotes a record, a value from the source or a database error: those name people.
 */

/** What the caller should do about an error. */
export type Recovery = 'try-later' | 'needs-attention' | 'bad-input' | 'refused';

export abstract class SluiceError extends Error {
  abstract readonly recovery: Recovery;
}

/** The source is busy or away: the same reading will work later, perhaps at a moment the source named. */
export class TryLater extends SluiceError {
  readonly recovery = 'try-later';
  override readonly name = 'TryLater';
  readonly notBefore: Date | undefined;

  /** @param notBefore the instant the source asked us to wait for (Retry-After), if it named one */
  constructor(sentence: string, notBefore?: Date) {
    super(sentence);
    this.notBefore = notBefore;
  }
}

/** Trying again changes nothing: a person must act. The sentence says who and how. */
export class NeedsAttention extends SluiceError {
  readonly recovery = 'needs-attention';
  override readonly name = 'NeedsAttention';
}

/** An answer grew past what may be held of it; asked for in smaller parts, each may still fit. */
export class TooLarge extends NeedsAttention {}

/** The words or the file are wrong (exit status 2, HTTP 400). */
export class BadInput extends SluiceError {
  readonly recovery = 'bad-input';
  override readonly name = 'BadInput';
}

/** What a refusal is about; each is a problem type of the HTTP interface. */
export type RefusalKind =
  | 'not-found'
  | 'conflict'
  | 'not-admitted'
  | 'identity-conflict'
  | 'cursor-too-old'
  | 'feature-off'
  | 'no-opt-in'
  | 'already-running'
  | 'not-held'
  | 'locked';

/** The request is understood and the answer is no; `kind` says which no. */
export class Refused extends SluiceError {
  readonly recovery = 'refused';
  override readonly name = 'Refused';
  readonly kind: RefusalKind;

  constructor(kind: RefusalKind, sentence: string) {
    super(sentence);
    this.kind = kind;
  }
}

/**
 * The sentence that may be shown or logged for any thrown value. Ours is safe by construction; anything else may
 * quote data (PostgreSQL and parsers do), so only its kind is told.
 */
export function safeSentence(error: unknown): string {
  if (error instanceof SluiceError) return error.message;
  return `Something unexpected went wrong inside the hub (${describeUnexpected(error)}); please report it.`;
}

const SQLSTATE = /^[0-9A-Z]{5}$/;
const IDENTIFIER = /^[a-z_][a-z0-9_]{0,62}$/;

/**
 * Kind and place of an unexpected error, without its message: code, our own stack frame and, of PostgreSQL's errors
 * alone, table and constraint. Whatever is thrown may be hostile: a getter that throws must not hide it.
 */
export function describeUnexpected(error: unknown): string {
  if (!(error instanceof Error)) return 'a value was thrown that is not an error';
  try {
    const { name, code, table, constraint } = error as {
      name: unknown;
      code?: unknown;
      table?: unknown;
      constraint?: unknown;
    };
    const facts = [typeof name === 'string' && /^[A-Za-z]{1,40}$/.test(name) ? name : 'Error'];
    if (typeof code === 'string' && /^[A-Z0-9_]{2,32}$/.test(code)) facts.push(`code ${code}`);
    if (typeof code === 'string' && SQLSTATE.test(code)) {
      if (typeof table === 'string' && IDENTIFIER.test(table)) facts.push(`table ${table}`);
      if (typeof constraint === 'string' && IDENTIFIER.test(constraint)) facts.push(`constraint ${constraint}`);
    }
    const frame = /\/((?:src|connectors|migrations)\/[\w./-]+\.ts:\d+)/.exec(error.stack ?? '');
    if (frame?.[1]) facts.push(`at ${frame[1]}`);
    return facts.join(', ');
  } catch {
    return 'an error that cannot be read';
  }
}
