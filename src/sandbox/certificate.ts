import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { encode, encodeInteger, encodeText, tag } from './ldap/ber.ts';

/** PEM. */
export interface ServerCertificate {
  readonly key: string;
  readonly cert: string;
}

const DAY_MS = 86_400_000;
const LIFE_DAYS = 20 * 365;

/**
 * A certificate for a server of the sandbox, and its key: for `localhost` and 127.0.0.1, made where it is used, so that
 * no key lies in the source that somebody might come to trust. It signs itself and may sign nothing else (CA:FALSE): who
 * trusts it trusts one server on this machine. Node can check certificates and not make them, hence these lines of DER
 * (RFC 5280 4.1, with ECDSA as in RFC 5758 3.2).
 */
export function makeLoopbackCertificate(now: Date = new Date()): ServerCertificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = sequence(encode(tag.set, sequence(oid('2.5.4.3'), encodeText('Sluice sandbox', UTF8_STRING))));
  const algorithm = sequence(oid('1.2.840.10045.4.3.2'));
  const unsigned = sequence(
    encode(EXPLICIT_0, encodeInteger(2)),
    encode(tag.integer, serialNumber()),
    algorithm,
    name,
    // From yesterday on: the clock of whoever checks it may be behind.
    sequence(time(new Date(now.getTime() - DAY_MS)), time(new Date(now.getTime() + LIFE_DAYS * DAY_MS))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    encode(EXPLICIT_3, extensions()),
  );
  const signature = sign('sha256', unsigned, privateKey);
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: pem(sequence(unsigned, algorithm, bits(signature))),
  };
}

const OBJECT_IDENTIFIER = 0x06;
const BIT_STRING = 0x03;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const EXPLICIT_0 = 0xa0;
const EXPLICIT_3 = 0xa3;
/** Of a GeneralName. */
const DNS_NAME = 0x82;
const IP_ADDRESS = 0x87;
const TRUE = encode(tag.boolean, Buffer.from([0xff]));

const sequence = (...content: readonly Buffer[]) => encode(tag.sequence, ...content);
/** Whole octets: no bit is unused. */
const bits = (octets: Buffer) => encode(BIT_STRING, Buffer.from([0]), octets);

function extensions(): Buffer {
  const extension = (id: string, critical: boolean, value: Buffer) =>
    sequence(oid(id), ...(critical ? [TRUE] : []), encode(tag.octetString, value));
  const digitalSignature = encode(BIT_STRING, Buffer.from([7, 0x80]));
  const serverAuth = oid('1.3.6.1.5.5.7.3.1');
  return sequence(
    extension('2.5.29.19', true, sequence()),
    extension('2.5.29.15', true, digitalSignature),
    extension('2.5.29.37', false, sequence(serverAuth)),
    extension(
      '2.5.29.17',
      false,
      sequence(encodeText('localhost', DNS_NAME), encode(IP_ADDRESS, Buffer.from([127, 0, 0, 1]))),
    ),
  );
}

/** Positive, and of one length: the first bits are 01. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return bytes;
}

/** UTCTime has two digits for the year and ends in 2049. */
function time(at: Date): Buffer {
  const text = `${at.toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`;
  return at.getUTCFullYear() < 2050 ? encodeText(text.slice(2), UTC_TIME) : encodeText(text, GENERALIZED_TIME);
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  return encode(OBJECT_IDENTIFIER, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** Seven bits an octet, the highest bit of all but the last one set. */
function base128(value: number): number[] {
  const octets = [value & 0x7f];
  for (let left = value >>> 7; left > 0; left >>>= 7) octets.unshift((left & 0x7f) | 0x80);
  return octets;
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
