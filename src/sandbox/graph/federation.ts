import { createPublicKey, verify } from 'node:crypto';
import { isInTime, parse } from './assertion.ts';
import type { FederatedCredential } from './types.ts';

/** What is wrong with the token of another issuer, as Entra numbers it. */
export type FederationFault = 70021 | 700211 | 700212 | 700213 | 700024 | 7000272;

const EXCHANGE = 'api://AzureADTokenExchange';

/** The issuer that an assertion names; a client that signs for itself names itself. */
export const issuerOf = (jwt: string): unknown => parse(jwt.split('.')[1] ?? '')?.iss;

/** Verifies a token of another issuer against the federated credentials of the application. */
export function checkFederated(
  jwt: string,
  credentials: readonly FederatedCredential[],
  now_ms: number,
): FederationFault | undefined {
  const [head = '', claims = '', signature = ''] = jwt.split('.');
  const stated = parse(claims);
  if (!stated || credentials.length === 0) return 70021;
  const ofIssuer = credentials.filter(({ issuer }) => issuer === stated.iss);
  if (ofIssuer.length === 0) return 700211;
  // Letter by letter: Entra compares with case since 2025.
  const ofSubject = ofIssuer.filter(({ subject }) => subject === stated.sub);
  if (ofSubject.length === 0) return 700213;
  const trusted = ofSubject.find(({ audience = EXCHANGE }) => [stated.aud].flat().includes(audience));
  if (!trusted) return 700212;
  const signed = Buffer.from(`${head}.${claims}`);
  const key = createPublicKey(trusted.publicKey);
  // The algorithm is chosen by us: `none` and HMAC never come this far.
  const genuine =
    parse(head)?.alg === 'RS256' &&
    key.asymmetricKeyType === 'rsa' &&
    verify('sha256', signed, key, Buffer.from(signature, 'base64url'));
  if (!genuine) return 7000272;
  return isInTime(stated, now_ms) ? undefined : 700024;
}
