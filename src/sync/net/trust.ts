import { X509Certificate } from 'node:crypto';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { NeedsAttention, TryLater } from '../../base/errors.ts';
import { place } from './guard.ts';

/**
 * Verification of TLS servers: the roots that come with Node, the host system's, the operator's SLUICE_CA_FILE and
 * the connection's own `ca`. There is no switch that turns it off.
 */
export interface Trust {
  /** @throws NeedsAttention if `ca` holds no certificate, or a damaged one */
  contextFor(ca: string | undefined): SecureContext;
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/**
 * Building a context from hundreds of roots costs tens of milliseconds, more than many a run, so they outlive runs.
 * The key is all that went in: connections share a context only if they trust exactly the same authorities.
 */
const contexts = new Map<string, SecureContext>();
const MOST_CONTEXTS = 64;

export function createTrust(operatorCa: string | undefined): Trust {
  return {
    contextFor(ca) {
      const own = [...pemOf(operatorCa, 'SLUICE_CA_FILE'), ...pemOf(ca, 'the setting ca')];
      const key = own.join('\n');
      const known = contexts.get(key);
      if (known) return known;
      const roots = [...getCACertificates('default'), ...systemRoots()];
      const context = createSecureContext({ ca: [...new Set([...roots, ...own])] });
      const [oldest] = contexts.keys();
      if (contexts.size >= MOST_CONTEXTS && oldest !== undefined) contexts.delete(oldest);
      contexts.set(key, context);
      return context;
    },
  };
}

function pemOf(text: string | undefined, from: string): string[] {
  if (text === undefined || text.trim() === '') return [];
  const found = text.match(PEM_CERTIFICATE);
  if (!found)
    throw new NeedsAttention(
      `There is no certificate in ${from}; put the certificate authority there as PEM text (-----BEGIN CERTIFICATE-----).`,
    );
  // OpenSSL passes over what it cannot read without a word, and the handshake would then blame the server.
  for (const pem of found)
    try {
      new X509Certificate(pem);
    } catch {
      throw new NeedsAttention(
        `A certificate in ${from} is damaged; export the certificate authority again as PEM text.`,
      );
    }
  return found;
}

function systemRoots(): string[] {
  try {
    return getCACertificates('system');
  } catch {
    return []; // an unreadable store of the host; Node's own roots and `ca` still stand
  }
}

const EXPIRED = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']);
const UNKNOWN_ISSUER = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** The sentence for a handshake that failed. OpenSSL's own text may quote names from the certificate: never passed on. */
export function tlsFailure(error: unknown, host: string, port: number): NeedsAttention | TryLater {
  const { code } = error as { code?: unknown };
  const at = place(host, port);
  if (typeof code !== 'string') return new TryLater(`The TLS handshake with ${at} failed; the next run tries again.`);
  if (EXPIRED.has(code))
    return new NeedsAttention(
      `The certificate of ${at} has expired or is not valid yet; renew it there, or set that server's clock.`,
    );
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return new NeedsAttention(
      `The certificate of ${at} is for another name; use the name that the certificate carries, or have one issued for ${host}.`,
    );
  if (UNKNOWN_ISSUER.has(code))
    return new NeedsAttention(
      `The certificate of ${at} is from an issuer that is not known here; set ca to the PEM certificate of the authority that issued it.`,
    );
  if (code === 'ECONNRESET' || code === 'EPIPE')
    return new TryLater(`${at} broke off the TLS handshake; the next run tries again.`);
  if (code.startsWith('CERT_') || code.startsWith('ERR_TLS_CERT'))
    return new NeedsAttention(`The certificate of ${at} is not acceptable; have a new one issued.`);
  return new NeedsAttention(
    `${at} does not speak a TLS version that is still safe (1.2 or newer), or no TLS at all; check the port and the server's TLS settings.`,
  );
}
