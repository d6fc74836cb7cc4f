import { randomUUID } from 'node:crypto';
import { request } from 'node:https';
import type { Json } from './types.ts';

/** An endpoint proves itself within this time, and takes a notice within the other. */
const validation_ms = 10_000;
const delivery_ms = 3_000;
const longestAnswer_bytes = 4096;

/** Speaks to notification endpoints. A notice that does not arrive is lost here, where Graph would try for four hours. */
export class Notifier {
  readonly #authority: string | undefined;
  readonly #stopping = new AbortController();

  constructor(authority: string | undefined) {
    this.#authority = authority;
  }

  /** The handshake: the endpoint answers 200 with the token it was sent, decoded, as plain text. */
  async validates(url: string): Promise<boolean> {
    // With letters that must be escaped in a URL: an endpoint that sends back what it has not decoded fails.
    const token = `Validation: Testing client application reachability for subscription request Request-Id: ${randomUUID()}`;
    const target = new URL(url);
    target.searchParams.set('validationToken', token);
    const answer = await this.#post(target, '', 'text/plain; charset=utf-8', validation_ms);
    return answer?.status === 200 && /^text\/plain\b/i.test(answer.type) && answer.body === token;
  }

  send(url: string, notices: readonly Json[]): void {
    const body = JSON.stringify({ value: notices });
    void this.#post(new URL(url), body, 'application/json; charset=utf-8', delivery_ms);
  }

  stop(): void {
    this.#stopping.abort();
  }

  /** `undefined`: no answer, or none in time. */
  #post(url: URL, body: string, type: string, timeout_ms: number) {
    return new Promise<{ status: number; type: string; body: string } | undefined>((resolve) => {
      const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(timeout_ms)]);
      const headers = { 'content-type': type, 'content-length': Buffer.byteLength(body) };
      const ca = this.#authority ? { ca: this.#authority } : {};
      const sent = request(url, { method: 'POST', headers, signal, ...ca }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => {
          text += part;
          if (text.length > longestAnswer_bytes) response.destroy();
        });
        response.on('error', () => resolve(undefined));
        response.on('close', () => resolve(undefined));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', body: text }),
        );
      });
      sent.on('error', () => resolve(undefined));
      sent.end(body);
    });
  }
}
