import type { Socket } from 'node:net';
import { NeedsAttention, type Net, type SocketTarget, TryLater } from '../../src/contract/index.ts';
import { Framer, type Message, TooLong, tags, Unreadable } from './ber.ts';
import { encodeAbandon, encodeBind, encodeExtended, encodeSearch, encodeUnbind, type Search } from './codec.ts';
import { codes, failure, type Result, readResult } from './results.ts';

/** Longest message taken: far above any entry of text, far below what would hurt the hub. */
const maxMessageBytes = 32 * 1024 * 1024;
const startTlsOid = '1.3.6.1.4.1.1466.20037';
/** How long a socket may take to say goodbye before it is destroyed. */
const goodbyeMs = 1000;

export interface ClientOptions {
  readonly net: Net;
  readonly target: SocketTarget;
  /** Without a byte for so long, the server is stalled. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Entries that arrived together, in one piece of memory; the last ones of a search come with its result. */
export interface SearchAnswer {
  readonly entries: Message[];
  readonly result: Result | undefined;
}

/**
 * LDAP over a socket of the hub's guarded net: one operation at a time, pulled by its reader, so that a slow
 * reader slows the server instead of filling memory. Whatever happens to the connection ends the operation under
 * way with TryLater or NeedsAttention; nothing waits without a deadline, no error goes unheard.
 */
export class LdapClient {
  /** `host:port`, for sentences. */
  readonly at: string;
  readonly #options: ClientOptions;
  #framer = new Framer(maxMessageBytes);
  #socket: Socket;
  #lastId = 0;
  /** The operation whose answer is not yet complete. */
  #outstanding: number | undefined;
  #answered = false;
  /** Why the connection is no more; every later operation fails with it. */
  #ended: Error | undefined;
  /** Wakes the reader that waits for bytes. */
  #wake: (() => void) | undefined;

  private constructor(socket: Socket, options: ClientOptions) {
    this.at = placeOf(options.target);
    this.#socket = socket;
    this.#options = options;
    this.#listen();
    options.signal.addEventListener('abort', this.#aborted, { once: true });
    if (options.signal.aborted) this.#aborted();
  }

  static async connect(options: ClientOptions): Promise<LdapClient> {
    options.signal.throwIfAborted();
    return new LdapClient(await options.net.connect(options.target), options);
  }

  /** StartTLS (RFC 4511 4.14): asks, then upgrades the socket in place. */
  async startTls(): Promise<void> {
    const result = await this.extended(startTlsOid);
    if (result.code !== codes.success)
      throw new NeedsAttention(
        `${this.at} refused StartTLS (result ${result.code}): give the server a certificate, or use \`ldaps://\` in \`url\`.`,
      );
    // Bytes sent in clear after the answer would be read as if TLS had protected them.
    if (!this.#framer.isEmpty || this.#socket.readableLength > 0)
      throw this.#end(
        new NeedsAttention(
          `${this.at} went on in clear after StartTLS: somebody may sit in between, so check the network.`,
        ),
      );
    await this.secure();
  }

  /** TLS from here on; for `ldaps://` before the first operation. */
  async secure(): Promise<void> {
    // The bare socket's end is now part of the handshake, and told better by whoever does that.
    this.#unlisten();
    try {
      this.#socket = await this.#options.net.upgrade(this.#socket, this.#options.target);
    } catch (error) {
      throw this.#end(error instanceof Error ? error : new TryLater(`${this.at} failed during the TLS handshake.`));
    }
    this.#listen();
    if (this.#ended) throw this.#end(this.#ended);
  }

  bind(dn: string, password: string): Promise<Result> {
    // A bind without password succeeds as nobody (RFC 4513 5.1.2) and would then read what anyone may read.
    if (password === '') throw new NeedsAttention('The setting `bind_password` is empty: give the account’s password.');
    return this.#exchange((id) => encodeBind(id, dn, password), tags.bindResponse);
  }

  extended(oid: string): Promise<Result> {
    return this.#exchange((id) => encodeExtended(id, oid), tags.extendedResponse);
  }

  /**
   * Asks at once. The entries still encoded, in batches as they arrive; the last one says how it ended, whatever the code.
   * References to other servers are left out and never followed: they would carry the password to whoever is named.
   */
  search(search: Search): AsyncGenerator<SearchAnswer> {
    return this.#answers(this.#send((id) => encodeSearch(id, search)));
  }

  async *#answers(id: number): AsyncGenerator<SearchAnswer> {
    for (;;) {
      const entries: Message[] = [];
      for (const message of await this.#messages()) {
        if (message.id !== id) continue;
        if (message.tag === tags.entry) entries.push(message);
        else if (message.tag === tags.done) {
          this.#outstanding = undefined;
          yield { entries, result: this.#read(message) };
          return;
        } else if (message.tag !== tags.reference && message.tag !== tags.intermediate) throw this.unreadable();
      }
      if (entries.length > 0) yield { entries, result: undefined };
    }
  }

  /** Says goodbye and lets go; never throws, never waits long. */
  close(): void {
    this.#options.signal.removeEventListener('abort', this.#aborted);
    if (!this.#ended) {
      const goodbye = [encodeUnbind(this.#nextId())];
      if (this.#outstanding !== undefined) goodbye.unshift(encodeAbandon(this.#nextId(), this.#outstanding));
      this.#socket.end(Buffer.concat(goodbye));
      // What is still under way must be read away, or the socket never notices that the server let go.
      this.#socket.removeAllListeners('readable');
      this.#socket.resume();
      const socket = this.#socket;
      setTimeout(() => socket.destroy(), goodbyeMs).unref();
    }
    this.#ended ??= new TryLater(`The connection to ${this.at} was closed.`);
  }

  async #exchange(encode: (id: number) => Buffer, answer: number): Promise<Result> {
    const id = this.#send(encode);
    const deadline = Date.now() + this.#options.timeoutMs;
    for (;;) {
      for (const message of await this.#messages(deadline)) {
        if (message.id !== id) continue;
        if (message.tag !== answer) throw this.unreadable();
        this.#outstanding = undefined;
        return this.#read(message);
      }
    }
  }

  #send(encode: (id: number) => Buffer): number {
    if (this.#ended) throw this.#ended;
    if (this.#outstanding !== undefined) throw new TypeError('one LDAP operation at a time');
    this.#options.net.count({ requests: 1 });
    const id = this.#nextId();
    this.#socket.write(encode(id));
    this.#outstanding = id;
    return id;
  }

  #nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  /** The next whole messages, at least one. */
  async #messages(deadline = Number.POSITIVE_INFINITY): Promise<Message[]> {
    for (;;) {
      const bytes = await this.#bytes(deadline);
      this.#options.net.count({ bytes: bytes.length });
      const messages = this.#framed(bytes);
      const notice = messages.find((message) => message.id === 0);
      if (notice) throw this.#end(this.#dismissed(notice));
      if (messages.length > 0) return messages;
    }
  }

  #framed(bytes: Buffer): Message[] {
    try {
      return this.#framer.take(bytes);
    } catch (error) {
      if (error instanceof TooLong)
        throw this.#end(
          new NeedsAttention(
            `${this.at} sent an entry of more than ${maxMessageBytes / 1024 / 1024} MiB: make \`filter\` leave it out.`,
          ),
        );
      throw error instanceof Unreadable ? this.unreadable() : error;
    }
  }

  async #bytes(deadline: number): Promise<Buffer> {
    for (;;) {
      const bytes = this.#socket.read() as Buffer | null;
      if (bytes) return bytes;
      if (this.#ended) throw this.#ended;
      await this.#awake(Math.min(this.#options.timeoutMs, deadline - Date.now()));
    }
  }

  #awake(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const stalled = () => {
        this.#end(
          new TryLater(
            `${this.at} sent nothing for ${Math.round(this.#options.timeoutMs / 1000)} s; it will be tried again.`,
          ),
        );
        resolve();
      };
      const timer = setTimeout(stalled, Math.max(0, ms));
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }

  #read(message: Message): Result {
    try {
      const result = readResult(message);
      this.#answered = true;
      return result;
    } catch (error) {
      throw error instanceof Unreadable ? this.unreadable() : error;
    }
  }

  /** A notice of disconnection (RFC 4511 4.4.1), or anything else nobody asked for. */
  #dismissed(notice: Message): Error {
    const result = this.#read(notice);
    const ended = failure(result, this.at, 'the connection');
    return ended instanceof NeedsAttention && result.code !== codes.strongAuthRequired
      ? new TryLater(`${this.at} ended the connection (result ${result.code}); it will be tried again.`)
      : ended;
  }

  /** Ends a connection whose bytes make no sense; also for whoever decodes further. @returns what to throw */
  unreadable(): Error {
    const error = this.#answered
      ? new TryLater(`${this.at} sent something that is not LDAP; it will be tried again.`)
      : new NeedsAttention(
          `What answers at ${this.at} does not speak LDAP: correct host and port in \`url\` (636 goes with ldaps://, 389 with ldap://).`,
        );
    this.#end(error);
    // Not what ended it first: entries may be decoded after a connection was closed as it should be.
    return error;
  }

  /** The first end counts. @returns it, for throwing */
  #end(error: Error): Error {
    this.#ended ??= error;
    this.#socket.destroy();
    this.#wake?.();
    return this.#ended;
  }

  readonly #aborted = (): void => {
    const { reason } = this.#options.signal;
    this.#end(reason instanceof Error ? reason : new TryLater('The run was stopped.'));
  };
  readonly #readable = (): void => this.#wake?.();
  readonly #dropped = (): void => {
    this.#end(new TryLater(`${this.at} dropped the connection before it had answered; it will be tried again.`));
  };

  #listen(): void {
    const socket = this.#socket;
    socket
      .on('readable', this.#readable)
      .on('end', this.#dropped)
      .on('close', this.#dropped)
      .on('error', this.#dropped);
  }

  #unlisten(): void {
    const socket = this.#socket;
    socket
      .off('readable', this.#readable)
      .off('end', this.#dropped)
      .off('close', this.#dropped)
      .off('error', this.#dropped);
    socket.on('error', () => {}); // under TLS it may still fail; the TLS socket tells
  }
}

/** `host:port`, an IPv6 address in brackets. */
export function placeOf(target: { host: string; port: number }): string {
  return `${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`;
}
