import { randomUUID } from 'node:crypto';
import type { Json } from './types.ts';

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Json;
}

/**
 * A request that Graph refuses. What it tells the client may quote the request, as Graph's own texts do; the message
 * of the error itself does not, because it could reach a log.
 */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, text: string, headers: Readonly<Record<string, string>> = {}) {
    super(`The sandbox answered ${status} ${code}.`);
    this.status = status;
    this.code = code;
    this.text = text;
    this.headers = headers;
  }

  answer(now: Date): Answer {
    const requestId = randomUUID();
    return {
      status: this.status,
      headers: { ...this.headers, 'request-id': requestId },
      body: {
        error: {
          code: this.code,
          message: this.text,
          innerError: {
            date: now.toISOString().slice(0, 19),
            'request-id': requestId,
            'client-request-id': requestId,
          },
        },
      },
    };
  }
}

export const ok = (body: Json, headers: Readonly<Record<string, string>> = {}): Answer => ({
  status: 200,
  headers,
  body,
});

/** `400 BadRequest`, the answer to most mistakes in a request. */
export const badRequest = (text: string): Refusal => new Refusal(400, 'BadRequest', text);
