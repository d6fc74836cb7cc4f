import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { badRequest, Refusal } from './answer.ts';
import { withOptions } from './ask.ts';
import type { TokenExpiry } from './types.ts';

/** Where a round of a delta query stands; everything that a nextLink or deltaLink carries. */
export interface Round {
  /** What it is a token of: `users`, or a mailbox's calendar view. Good for nothing else. */
  readonly of: string;
  /** Path and query that began it, for a Location that starts over. */
  readonly restart: string;
  /** What its operation needs again, such as `$select`, or the frozen window. */
  readonly asked: Readonly<Record<string, string>>;
  /** Changes after this one are told; 0: everything is. */
  readonly since: number;
  /** Where the round before it began: what is told again when the service replays. */
  readonly prior: number;
  /** The last change when the round began: where the next one begins. Later changes may be seen in both. */
  readonly upTo: number;
  /** The last unit told. */
  readonly after: number;
  /** Whether the last page was one of the empty ones. */
  readonly blank: boolean;
}

interface Sealed extends Round {
  readonly born: string;
  readonly generation: number;
  readonly issued_ms: number;
}

/** Tokens of directory objects live this long (delta-query-overview); Outlook's have no fixed life. */
const directoryLife_ms = 7 * 24 * 3600_000;

/**
 * Gives out and opens the tokens of delta links. Encrypted, and different each time for the same state: a client that
 * compares or reads them breaks here and not in production. A token that a former sandbox of the same tenant gave out is
 * known as such, and expired: its state is lost, as after a mailbox was moved to another server.
 */
export class StateTokens {
  readonly #key: Buffer;
  readonly #clock: Clock;
  /** Of this sandbox and no former one. */
  readonly #born = randomBytes(8).toString('base64url');
  #generation = 1;
  #expiry: TokenExpiry = { status: 410, code: 'syncStateNotFound' };

  /** @param secret of the tenant: whoever has it, now or after a restart, can read its tokens */
  constructor(clock: Clock, secret: string) {
    this.#clock = clock;
    this.#key = createHash('sha256').update(`state tokens ${secret}`).digest();
  }

  seal(round: Round): string {
    const issued_ms = this.#clock.now().getTime();
    const sealed: Sealed = { ...round, born: this.#born, generation: this.#generation, issued_ms };
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce);
    const text = Buffer.concat([cipher.update(JSON.stringify(sealed)), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('base64url');
  }

  /** @param origin of the Location that an expired token may be answered with */
  open(token: string, of: string, origin: string): Round {
    const { born, generation, issued_ms, ...round } = this.#decrypt(token);
    if (round.of !== of) {
      throw new Refusal(400, 'SyncStateNotFound', 'The sync state root folder is not found.');
    }
    if (generation !== this.#generation || born !== this.#born) {
      const { status, code, location } = this.#expiry;
      const text = `The sync state generation is not found; generation=${generation};[highest=${this.#generation}].`;
      // The initial query again, with an empty token.
      const over =
        typeof location === 'string' ? location : `${origin}${withOptions(round.restart, { $deltatoken: '' })}`;
      throw new Refusal(status, code, text, location ? { location: over } : {});
    }
    if (of === 'users' && this.#clock.now().getTime() - issued_ms > directoryLife_ms) {
      throw new Refusal(400, 'syncStateNotFound', 'The delta token is expired; perform a full synchronization.');
    }
    return round;
  }

  expire(how: TokenExpiry): void {
    this.#generation += 1;
    this.#expiry = how;
  }

  #decrypt(token: string): Sealed {
    const bytes = Buffer.from(token, 'base64url');
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(0, 12), { authTagLength: 16 });
      decipher.setAuthTag(bytes.subarray(12, 28));
      return JSON.parse(Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString());
    } catch {
      throw badRequest('Badly formed token.');
    }
  }
}
