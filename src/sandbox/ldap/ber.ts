/**
 * The part of BER (ITU-T X.690) that LDAP allows: definite lengths, single-byte tags, primitive strings
 * (RFC 4511 5.1). Anything else is Malformed, as a strict server would have it.
 */
export class Malformed extends Error {}

export const tag = {
  boolean: 0x01,
  integer: 0x02,
  octetString: 0x04,
  enumerated: 0x0a,
  sequence: 0x30,
  set: 0x31,
} as const;

export interface Element {
  readonly tag: number;
  readonly content: Buffer;
}

/** Length in bytes of the element that starts the buffer; `undefined` while its header is incomplete. */
export function elementLength(buffer: Buffer): number | undefined {
  const first = buffer[1];
  if (first === undefined) return undefined;
  if (first < 0x80) return 2 + first;
  const octets = first & 0x7f;
  if (octets === 0 || octets > 4) throw new Malformed('indefinite or oversized length');
  if (buffer.length < 2 + octets) return undefined;
  return 2 + octets + buffer.readUIntBE(2, octets);
}

/** Reads the elements inside a constructed element, in order. */
export class Reader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(content: Buffer) {
    this.#buffer = content;
  }

  /** The tag of the next element; `undefined` at the end. */
  get nextTag(): number | undefined {
    return this.#buffer[this.#at];
  }

  element(): Element {
    const rest = this.#buffer.subarray(this.#at);
    const length = elementLength(rest);
    const first = rest[0];
    if (first === undefined || length === undefined || length > rest.length) throw new Malformed('truncated element');
    if ((first & 0x1f) === 0x1f) throw new Malformed('multi-byte tag');
    this.#at += length;
    const second = rest[1]!;
    return { tag: first, content: rest.subarray(second < 0x80 ? 2 : 2 + (second & 0x7f), length) };
  }

  expect(expected: number): Buffer {
    const { tag: found, content } = this.element();
    if (found !== expected) throw new Malformed(`tag ${found} where ${expected} belongs`);
    return content;
  }

  /** An INTEGER or ENUMERATED of at most 32 bits. */
  integer(expected: number = tag.integer): number {
    const content = this.expect(expected);
    if (content.length === 0 || content.length > 4) throw new Malformed('integer out of range');
    return content.readIntBE(0, content.length);
  }

  boolean(expected: number = tag.boolean): boolean {
    const content = this.expect(expected);
    if (content.length !== 1) throw new Malformed('boolean of the wrong length');
    return content[0] !== 0;
  }

  text(expected: number = tag.octetString): string {
    return utf8(this.expect(expected));
  }

  /** Nothing may follow. */
  end(): void {
    if (this.#at !== this.#buffer.length) throw new Malformed('something follows the last element');
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function utf8(bytes: Buffer): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new Malformed('text that is not UTF-8');
  }
}

export function encode(tagNumber: number, ...content: readonly Buffer[]): Buffer {
  const length = content.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat(
    [header(tagNumber, length), ...content],
    length + (length < 0x80 ? 2 : lengthOctets(length) + 2),
  );
}

function lengthOctets(length: number): number {
  return length < 0x100 ? 1 : length < 0x1_0000 ? 2 : length < 0x100_0000 ? 3 : 4;
}

function header(tagNumber: number, length: number): Buffer {
  if (length < 0x80) return Buffer.from([tagNumber, length]);
  const octets = lengthOctets(length);
  const bytes = Buffer.alloc(2 + octets);
  bytes[0] = tagNumber;
  bytes[1] = 0x80 | octets;
  bytes.writeUIntBE(length, 2, octets);
  return bytes;
}

export function encodeText(text: string | Buffer, tagNumber: number = tag.octetString): Buffer {
  return encode(tagNumber, typeof text === 'string' ? Buffer.from(text, 'utf8') : text);
}

/** The shortest two's complement form, as DER and most peers want it. */
export function encodeInteger(value: number, tagNumber: number = tag.integer): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  let from = 0;
  while (
    from < 3 &&
    ((bytes[from] === 0 && bytes[from + 1]! < 0x80) || (bytes[from] === 0xff && bytes[from + 1]! >= 0x80))
  )
    from += 1;
  return encode(tagNumber, bytes.subarray(from));
}
