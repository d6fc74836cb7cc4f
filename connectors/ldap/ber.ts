/**
 * Just enough BER (X.690, as RFC 4511 5.1 restricts it) to take LDAP messages off a socket and results apart. All
 * lengths are checked against what contains them; whatever does not fit is `Unreadable`, never an index error.
 */

/** The bytes are not LDAP. The client turns it into a sentence. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable';
}

/** A message longer than a client should hold. */
export class TooLong extends Error {
  override readonly name = 'TooLong';
}

export const tags = {
  integer: 0x02,
  octets: 0x04,
  enumerated: 0x0a,
  sequence: 0x30,
  set: 0x31,
  controls: 0xa0,
  bindResponse: 0x61,
  entry: 0x64,
  done: 0x65,
  reference: 0x73,
  extendedResponse: 0x78,
  intermediate: 0x79,
  responseName: 0x8a,
  responseValue: 0x8b,
} as const;

/** Reads tag-length-value triples one after the other. After `enter`, `start` and `stop` bound the value. */
export class Reader {
  readonly bytes: Buffer;
  at: number;
  end: number;
  start = 0;
  stop = 0;

  constructor(bytes: Buffer, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  get more(): boolean {
    return this.at < this.end;
  }

  /** Steps over the next triple, leaving its value in `start` and `stop`. @returns its tag */
  next(): number {
    const { bytes, end } = this;
    let at = this.at;
    if (at + 2 > end) throw new Unreadable();
    const tag = bytes[at]!;
    let length = bytes[at + 1]!;
    at += 2;
    if (length > 0x7f) {
      const octets = length & 0x7f;
      if (octets === 0 || octets > 4 || at + octets > end) throw new Unreadable();
      length = bytes.readUIntBE(at, octets);
      at += octets;
    }
    if (at + length > end) throw new Unreadable();
    this.start = at;
    this.stop = at + length;
    this.at = this.stop;
    return tag;
  }

  /** The next triple, which must have this tag. */
  expect(tag: number): this {
    if (this.next() !== tag) throw new Unreadable();
    return this;
  }

  /** A reader over the value just stepped over. */
  inside(): Reader {
    return new Reader(this.bytes, this.start, this.stop);
  }

  number(): number {
    const length = this.stop - this.start;
    if (length < 1 || length > 4) throw new Unreadable();
    return this.bytes.readIntBE(this.start, length);
  }

  text(): string {
    return this.bytes.toString('utf8', this.start, this.stop);
  }
}

/** One LDAP message, still encoded: `op` spans the protocol operation's value, `rest` what follows it. */
export interface Message {
  readonly id: number;
  readonly tag: number;
  readonly bytes: Buffer;
  readonly start: number;
  readonly stop: number;
  readonly end: number;
}

export function readMessage(bytes: Buffer, at: number, end: number): Message {
  const reader = new Reader(bytes, at, end);
  const id = reader.expect(tags.integer).number();
  const tag = reader.next();
  return { id, tag, bytes, start: reader.start, stop: reader.stop, end };
}

/**
 * Cuts a stream of bytes into messages. Bytes are joined once, when a whole message is there: a 10 MB message that
 * arrives in 64 KiB pieces is copied once, not 160 times.
 */
export class Framer {
  readonly #maxBytes: number;
  #pieces: Buffer[] = [];
  #have = 0;
  #need = 2;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get isEmpty(): boolean {
    return this.#have === 0;
  }

  /** @throws Unreadable if the bytes are not LDAP; TooLong if a message would exceed the bound */
  take(piece: Buffer): Message[] {
    this.#pieces.push(piece);
    this.#have += piece.length;
    if (this.#have < this.#need) return [];
    const bytes = this.#pieces.length === 1 ? piece : Buffer.concat(this.#pieces, this.#have);
    const messages: Message[] = [];
    let at = 0;
    for (;;) {
      const frame = this.#frame(bytes, at);
      if (frame.end > bytes.length) {
        this.#need = frame.end - at;
        break;
      }
      messages.push(readMessage(bytes, frame.start, frame.end));
      at = frame.end;
    }
    this.#pieces = at === bytes.length ? [] : [bytes.subarray(at)];
    this.#have = bytes.length - at;
    return messages;
  }

  /** Where the message at `at` starts and ends; if its header is not all there, ends one byte beyond what is. */
  #frame(bytes: Buffer, at: number): { start: number; end: number } {
    const have = bytes.length - at;
    if (have > 0 && bytes[at] !== tags.sequence) throw new Unreadable();
    if (have < 2) return { start: at, end: at + 2 };
    let length = bytes[at + 1]!;
    let start = at + 2;
    if (length > 0x7f) {
      const octets = length & 0x7f;
      if (octets === 0 || octets > 4) throw new Unreadable();
      if (have < 2 + octets) return { start, end: at + 2 + octets };
      length = bytes.readUIntBE(start, octets);
      start += octets;
    }
    if (length > this.#maxBytes) throw new TooLong();
    return { start, end: start + length };
  }
}
