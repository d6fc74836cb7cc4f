import type { VerifiedKey } from '../store/types.ts';
import { Problem } from './problems.ts';
import type { ScopeName } from './scopes.ts';

/** `sl_<tenant>_<id>_<secret><check>`: the tenant by its name, the rest base62. The store compares the secret. */
const TOKEN = /^sl_[a-z][a-z0-9-]{0,39}_[0-9A-Za-z]{1,64}_[0-9A-Za-z]{16,128}$/;

const challenge = (error?: string) => ({
  headers: { 'WWW-Authenticate': error ? `Bearer error="${error}"` : 'Bearer' },
});

/**
 * The token of an Authorization header (RFC 6750 2.1).
 * @throws Problem `unauthorized` if there is none, or it cannot be one of our keys
 */
export function bearerToken(header: string | undefined): string {
  if (header === undefined) {
    throw new Problem('unauthorized', 'Send Authorization: Bearer with an API key.', challenge());
  }
  const [, token] = /^Bearer +(\S{1,300}) *$/i.exec(header) ?? [];
  if (token === undefined || !TOKEN.test(token)) throw invalidKey();
  return token;
}

/** One sentence for wrong, unknown, expired and revoked alike: the difference would help only whoever guesses. */
export function invalidKey(): Problem {
  return new Problem(
    'unauthorized',
    'The API key is not valid, has expired or was revoked; ask tenant IT for a new one.',
    challenge('invalid_token'),
  );
}

/** @throws Problem `forbidden`, naming the scope that is missing */
export function requireScope(caller: VerifiedKey, scope: ScopeName): void {
  if (hasScope(caller, scope)) return;
  throw new Problem('forbidden', `This needs the scope ${scope}, which the key does not have.`, {
    headers: { 'WWW-Authenticate': `Bearer error="insufficient_scope", scope="${scope}"` },
  });
}

export function hasScope(caller: VerifiedKey, scope: ScopeName): boolean {
  return caller.key.scopes.includes(scope);
}
