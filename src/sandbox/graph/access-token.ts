import { createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { Refusal } from './answer.ts';

export interface AccessToken {
  readonly roles: readonly string[];
  readonly appId: string;
}

const life_s = 3599;

/**
 * Gives out and checks bearer tokens. They look like Entra's (a JWT with `roles`, `aud`, `exp`) and are signed with a key
 * that nobody else has: to a client they are opaque.
 */
export class AccessTokens {
  readonly #key = randomBytes(32);
  readonly #clock: Clock;
  readonly #audience: string;
  readonly #tenantId: string;

  constructor(clock: Clock, audience: string, tenantId: string) {
    this.#clock = clock;
    this.#audience = audience;
    this.#tenantId = tenantId;
  }

  give(appId: string, roles: readonly string[], audience: string): { token: string; life_s: number } {
    const now_s = Math.floor(this.#clock.now().getTime() / 1000);
    const claims = {
      aud: audience,
      iss: `https://sts.windows.net/${this.#tenantId}/`,
      iat: now_s,
      nbf: now_s,
      exp: now_s + life_s,
      appid: appId,
      idtyp: 'app',
      roles,
      tid: this.#tenantId,
      uti: randomUUID(),
      ver: '1.0',
    };
    const head = `${encode({ typ: 'JWT', alg: 'HS256' })}.${encode(claims)}`;
    return { token: `${head}.${this.#sign(head).toString('base64url')}`, life_s };
  }

  /** Reads an `Authorization` header. Throws what Graph answers. */
  check(header: string | undefined): AccessToken {
    const token = /^Bearer +(\S+)$/i.exec(header ?? '')?.[1];
    if (!token) throw unauthenticated('Access token is empty.');
    const [head, claims, signature, ...rest] = token.split('.');
    if (!head || !claims || !signature || rest.length > 0) {
      throw unauthenticated('IDX14100: JWT is not well formed, there are no dots (.).');
    }
    const given = Buffer.from(signature, 'base64url');
    const right = this.#sign(`${head}.${claims}`);
    if (given.length !== right.length || !timingSafeEqual(given, right)) {
      throw unauthenticated('Access token validation failure. Invalid signature.');
    }
    const { aud, exp, roles, appid } = JSON.parse(Buffer.from(claims, 'base64url').toString());
    if (aud !== this.#audience) throw unauthenticated('Access token validation failure. Invalid audience.');
    if (this.#clock.now().getTime() >= exp * 1000) {
      throw unauthenticated('Lifetime validation failed, the token is expired.');
    }
    return { roles, appId: appid };
  }

  #sign(text: string): Buffer {
    return createHmac('sha256', this.#key).update(text).digest();
  }
}

function unauthenticated(text: string): Refusal {
  return new Refusal(401, 'InvalidAuthenticationToken', text, {
    'www-authenticate':
      'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", ' +
      'client_id="00000003-0000-0000-c000-000000000000", error="invalid_token"',
  });
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
