import type { MatchValue } from './derive.ts';

/** A user whom at least one value of the log-on names, with what is known to recognise them. */
export interface Candidate {
  readonly id: string;
  readonly matchedBy: readonly ('subject' | 'directory-id' | 'email')[];
  /** Subjects and directory-ids the user has. */
  readonly matches: readonly MatchValue[];
}

export type LogOnDecision =
  | { readonly decision: 'create' }
  | { readonly decision: 'known'; readonly user: string }
  | { readonly decision: 'conflict'; readonly sentence: string };

const directoryOf = (id: string) => id.slice(0, id.lastIndexOf(':'));

/**
 * Who is logging on: by issuer and subject, then directory-id, then e-mail. Whoever is found must not contradict the
 * other values given; a contradiction is an answer, and nobody is taken over.
 */
export function decideLogOn(
  given: { readonly subject?: string; readonly directory_id?: string },
  candidates: readonly Candidate[],
): LogOnDecision {
  for (const by of ['subject', 'directory-id', 'email'] as const) {
    const found = candidates.filter((candidate) => candidate.matchedBy.includes(by));
    if (found.length > 1) {
      return conflict('names two users', by);
    }
    const [user] = found;
    if (!user) continue;
    if (candidates.some((other) => other.id !== user.id && strongerThanEmail(other))) {
      return conflict('names another user than the other values do', by);
    }
    if (contradicts(given, user)) return conflict('belongs to a user with another identity', by);
    return { decision: 'known', user: user.id };
  }
  return { decision: 'create' };
}

const strongerThanEmail = (candidate: Candidate) => candidate.matchedBy.some((by) => by !== 'email');

function contradicts(given: { readonly subject?: string; readonly directory_id?: string }, user: Candidate): boolean {
  const subjects = user.matches.filter((match) => match.kind === 'subject').map((match) => match.value);
  if (given.subject && subjects.length > 0 && !subjects.includes(given.subject)) return true;
  if (!given.directory_id) return false;
  const directory = directoryOf(given.directory_id);
  return user.matches.some(
    (match) =>
      match.kind === 'directory-id' && directoryOf(match.value) === directory && match.value !== given.directory_id,
  );
}

function conflict(what: string, by: 'subject' | 'directory-id' | 'email'): LogOnDecision {
  return {
    decision: 'conflict',
    sentence: `The ${by} of this log-on ${what}; nobody was changed. Compare the directory entry with GET /v1/users, and erase or correct the wrong one.`,
  };
}
