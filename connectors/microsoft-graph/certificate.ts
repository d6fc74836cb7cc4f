import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { NeedsAttention } from '../../src/contract/index.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/;
const KEY = /-----BEGIN (RSA )?PRIVATE KEY-----[A-Za-z0-9+/=\s]+-----END (RSA )?PRIVATE KEY-----/;

/**
 * Looks at the certificate as Entra will. Its text never leaves here: a key stands in the same setting.
 * @throws NeedsAttention it cannot be read, has expired, or its key is missing, another's, or not RSA
 */
export function readCertificate(pem: string, now: Date): void {
  const [block] = CERTIFICATE.exec(pem) ?? [];
  const [keyBlock] = KEY.exec(pem) ?? [];
  if (!block || !keyBlock)
    throw new NeedsAttention(
      `The setting certificate must hold a certificate and its private key without a password, both as PEM text: ${page}.`,
    );
  const { certificate, key } = parsed(block, keyBlock);
  const expires = certificate.validToDate;
  if (expires <= now)
    throw new NeedsAttention(
      `The certificate in the setting certificate expired on ${dayOf(expires)}: make a new one, add it to the app registration and enter it; ${page}.`,
    );
  if (key.asymmetricKeyType !== 'rsa' || !certificate.checkPrivateKey(key))
    throw new NeedsAttention(
      `The private key in the setting certificate is another's than the certificate's, or not RSA, which Microsoft Entra wants: ${page}.`,
    );
}

function parsed(certificate: string, key: string): { certificate: X509Certificate; key: KeyObject } {
  try {
    return { certificate: new X509Certificate(certificate), key: createPrivateKey(key) };
  } catch {
    // OpenSSL's own text may quote names from the certificate.
    throw new NeedsAttention(
      `The certificate in the setting certificate, or its private key, is damaged: export both again as PEM text; ${page}.`,
    );
  }
}

const page = 'see "Sign-in" in the README of microsoft-graph';
const dayOf = (date: Date): string => date.toISOString().slice(0, 10);
