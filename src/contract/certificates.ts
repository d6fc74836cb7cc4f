import { X509Certificate } from 'node:crypto';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/**
 * When each certificate in a PEM text ends, in the order of the text. One that cannot be read is passed over: to say
 * so is the validation's and the check's part. Nothing else of a certificate leaves here: its subject may be a name.
 */
export function certificateEnds(pem: string): readonly Date[] {
  return (pem.match(CERTIFICATE) ?? []).flatMap((block) => {
    try {
      return [new X509Certificate(block).validToDate];
    } catch {
      return [];
    }
  });
}
