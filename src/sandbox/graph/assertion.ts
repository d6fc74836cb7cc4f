import { constants, createHash, verify, X509Certificate } from 'node:crypto';

/** What is wrong with a client assertion, as Entra numbers it. */
export type AssertionFault =
  | 'malformed'
  | 'unknown-key'
  | 'bad-signature'
  | 'wrong-audience'
  | 'wrong-subject'
  | 'expired';

export interface Assertion {
  readonly clientId: string;
  /** The token endpoint it must be addressed to. */
  readonly audience: string;
  readonly now_ms: number;
}

/** Verifies a JWT that proves possession of a registered certificate's key (RFC 7523 3). */
export function checkAssertion(
  jwt: string,
  certificates: readonly string[],
  { clientId, audience, now_ms }: Assertion,
): AssertionFault | undefined {
  const [head = '', claims = '', signature = ''] = jwt.split('.');
  const header = parse(head);
  const stated = parse(claims);
  if (!header || !stated || !signature) return 'malformed';
  const certificate = certificates.map((pem) => new X509Certificate(pem)).find((one) => isOf(one, header));
  if (!certificate) return 'unknown-key';
  const pss = header.alg === 'PS256';
  if (!pss && header.alg !== 'RS256') return 'malformed';
  // With another kind of key, `verify` would follow the key and not the algorithm that was named.
  if (certificate.publicKey.asymmetricKeyType !== 'rsa') return 'malformed';
  const key = {
    key: certificate.publicKey,
    ...(pss ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } : {}),
  };
  // `none` and HMAC never come this far: the algorithm is chosen by us, from two.
  if (!verify('sha256', Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, 'base64url'))) {
    return 'bad-signature';
  }
  if (stated.iss !== clientId || stated.sub !== clientId) return 'wrong-subject';
  if (stated.aud !== audience) return 'wrong-audience';
  return isInTime(stated, now_ms) ? undefined : 'expired';
}

/** Entra allows five minutes of difference between clocks. */
export function isInTime({ exp, nbf = 0 }: Record<string, unknown>, now_ms: number): boolean {
  const now_s = now_ms / 1000;
  return typeof exp === 'number' && typeof nbf === 'number' && now_s <= exp + 300 && now_s >= nbf - 300;
}

/** `x5t` is the SHA-1 thumbprint (older clients), `x5t#S256` the SHA-256 one. */
function isOf(certificate: X509Certificate, header: Record<string, unknown>): boolean {
  const thumbprint = (algorithm: string) => createHash(algorithm).update(certificate.raw).digest('base64url');
  if (typeof header['x5t#S256'] === 'string') return header['x5t#S256'] === thumbprint('sha256');
  return header.x5t === thumbprint('sha1');
}

/** Header or claims of a JWT. */
export function parse(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
