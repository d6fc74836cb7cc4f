import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/**
 * The only way out for a connector. It knows the run's deadline, the request budget, Retry-After, the tenant's
 * address rules and proxy, and keeps secrets out of logs. Every call may throw TryLater (busy or away) or
 * NeedsAttention (tenant IT must act), whose sentences name host and port, never credentials or content.
 */
export interface Net {
  /**
   * One HTTP exchange. Redirects are followed only on the same origin; 429 and 503 become TryLater with the
   * Retry-After of the answer; 401 and 403 become NeedsAttention, unless `answers` says that the connector reads
   * them itself; the body is capped after decompression.
   */
  http(request: HttpRequest): Promise<HttpResponse>;
  /** The rows of a CSV file with a header row, as the header names them. Throws if the body ended early. */
  csv(url: string, options?: HttpOptions): AsyncIterable<Record<string, string>>;
  /** A connected socket to an address the operator allows. TLS is verified against `ca` or the system's roots. */
  connect(target: SocketTarget): Promise<Socket>;
  /** The same socket, upgraded in place (StartTLS). Verification is never optional. */
  upgrade(socket: Socket, target: SocketTarget): Promise<TLSSocket>;
  /** The hub's clock, for waits that a source asks for: what `context.now` said is past when its answer comes. */
  now(): Date;
  /** Whether the operator allows a password to travel without TLS to this place. */
  allowsCleartext(host: string, port: number): boolean;
  /**
   * The token (a JWT) by which this machine proves to another authority who it is, where the operator lends the tenant
   * one. Read anew on each call, because it is renewed in its place. It opens what a password opens: it goes to the
   * authority that is asked for an access token and to nobody else, and is not kept.
   * @throws NeedsAttention the operator lends this tenant none, or it cannot be read
   */
  workloadToken(): Promise<string>;
  /** Adds to the run's counters and spends from its request budget; for protocols that are not HTTP. */
  count(spent: { requests?: number; bytes?: number }): void;
}

export interface HttpOptions {
  readonly bearer?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** PEM of private certificate authorities, beside the system's. */
  readonly ca?: string | undefined;
  readonly timeoutMs?: number;
}

export interface HttpRequest extends HttpOptions {
  readonly url: string;
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly json?: unknown;
  /** Sent as `application/x-www-form-urlencoded`, as OAuth's token endpoints want it; instead of `json`. */
  readonly form?: Readonly<Record<string, string>>;
  /** Statuses handed back instead of thrown, for a source whose body tells them apart. */
  readonly answers?: readonly number[];
  readonly maxBytes?: number;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface SocketTarget {
  readonly host: string;
  readonly port: number;
  /** Speak TLS from the first byte. */
  readonly tls: boolean;
  readonly ca?: string | undefined;
  /** To connect and to finish the TLS handshake. */
  readonly timeoutMs: number;
}
