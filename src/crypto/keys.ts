import { createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto';
import { BadInput, NeedsAttention } from '../base/errors.ts';
import { Hmac } from './hmac.ts';
import { open, type Place, seal } from './seal.ts';

const KEY_BYTES = 32;

/** SLUICE_KEY: wraps the tenants' keys and nothing else. With a previous key, values it wrapped still open. */
export interface MasterKey {
  readonly current: KeyObject;
  readonly previous: KeyObject | undefined;
}

export function parseMasterKey(current: string, previous?: string): MasterKey {
  return {
    current: parse('SLUICE_KEY', current),
    previous: previous ? parse('SLUICE_KEY_PREVIOUS', previous) : undefined,
  };
}

function parse(name: string, base64: string): KeyObject {
  const bytes = Buffer.from(base64.trim(), 'base64');
  if (bytes.length !== KEY_BYTES) {
    throw new BadInput(`${name} must be ${KEY_BYTES} bytes in base64; make one with: openssl rand -base64 32`);
  }
  return createSecretKey(bytes);
}

export function newMasterKeyText(): string {
  return randomBytes(KEY_BYTES).toString('base64');
}

/** A tenant's two keys as they are stored: each wrapped by SLUICE_KEY. */
export interface WrappedTenantKeys {
  readonly dataKey: Buffer;
  readonly digestKey: Buffer;
}

const wrapPlace = (tenant: string, column: string): Place => ({ tenant, table: 'tenant_key', column, row: tenant });

export function newTenantKeys(master: MasterKey, tenant: string): WrappedTenantKeys {
  const wrap = (column: string) => seal(master.current, wrapPlace(tenant, column), randomBytes(KEY_BYTES));
  return { dataKey: wrap('data_key'), digestKey: wrap('digest_key') };
}

function unwrap(master: MasterKey, place: Place, wrapped: Uint8Array): Buffer {
  for (const key of [master.current, master.previous]) {
    if (!key) continue;
    try {
      return open(key, place, wrapped);
    } catch {
      // The other key may fit; if neither does, the sentence below is the same.
    }
  }
  throw new NeedsAttention(
    'SLUICE_KEY is not the key that this database was filled with; start the hub with that key (SLUICE_KEY_PREVIOUS during a rotation).',
  );
}

/** The same keys wrapped by the current SLUICE_KEY; `undefined` if they are already. */
export function rewrapped(
  master: MasterKey,
  tenant: string,
  wrapped: WrappedTenantKeys,
): WrappedTenantKeys | undefined {
  try {
    open(master.current, wrapPlace(tenant, 'data_key'), wrapped.dataKey);
    open(master.current, wrapPlace(tenant, 'digest_key'), wrapped.digestKey);
    return undefined;
  } catch {
    const again = (column: string, key: Buffer) => {
      const place = wrapPlace(tenant, column);
      return seal(master.current, place, unwrap(master, place, key));
    };
    return { dataKey: again('data_key', wrapped.dataKey), digestKey: again('digest_key', wrapped.digestKey) };
  }
}

/** What one user's values are sealed with; destroying its stored form makes every copy of them unreadable. */
export interface UserKey {
  seal(table: string, column: string, row: string, plaintext: string): Buffer;
  open(table: string, column: string, row: string, sealed: Uint8Array): string;
}

/** A tenant's key ring, opened. */
export class TenantKeys {
  readonly tenant: string;
  readonly #dataKey: KeyObject;
  readonly #digestRoot: Buffer;
  readonly #digestKeys = new Map<string, Hmac>();

  constructor(master: MasterKey, tenant: string, wrapped: WrappedTenantKeys) {
    this.tenant = tenant;
    this.#dataKey = createSecretKey(unwrap(master, wrapPlace(tenant, 'data_key'), wrapped.dataKey));
    this.#digestRoot = unwrap(master, wrapPlace(tenant, 'digest_key'), wrapped.digestKey);
  }

  /** For what belongs to the tenant and no single user: settings, states, configuration. */
  seal(table: string, column: string, row: string, plaintext: string): Buffer {
    return seal(this.#dataKey, { tenant: this.tenant, table, column, row }, plaintext);
  }

  open(table: string, column: string, row: string, sealed: Uint8Array): string {
    return open(this.#dataKey, { tenant: this.tenant, table, column, row }, sealed).toString('utf8');
  }

  newUserKey(user: string): { key: UserKey; wrapped: Buffer } {
    const raw = randomBytes(KEY_BYTES);
    return { key: this.#userKey(raw), wrapped: seal(this.#dataKey, this.#userPlace(user), raw) };
  }

  userKey(user: string, wrapped: Uint8Array): UserKey {
    return this.#userKey(open(this.#dataKey, this.#userPlace(user), wrapped));
  }

  /**
   * HMAC-SHA-256 under a key of this tenant and this kind: equal values are recognised, nothing is told to whoever
   * lacks the key, and the same value of another kind or tenant has another digest. 32 bytes.
   */
  digest(kind: string, value: string): Buffer {
    return Buffer.from(this.digestText(kind, value), 'latin1');
  }

  /** The same, one character a byte: for looking up in memory. */
  digestText(kind: string, value: string): string {
    return this.#digestKey(kind).digest(value);
  }

  #digestKey(kind: string): Hmac {
    let key = this.#digestKeys.get(kind);
    if (!key) {
      const bytes = new Uint8Array(hkdfSync('sha256', this.#digestRoot, '', `digest:${kind}:v1`, 64));
      key = new Hmac(bytes.map((byte) => byte & 0x7f));
      this.#digestKeys.set(kind, key);
    }
    return key;
  }

  #userPlace(user: string): Place {
    return { tenant: this.tenant, table: 'user_key', column: 'wrapped', row: user };
  }

  #userKey(raw: Buffer): UserKey {
    const key = createSecretKey(raw);
    const tenant = this.tenant;
    return {
      seal: (table, column, row, plaintext) => seal(key, { tenant, table, column, row }, plaintext),
      open: (table, column, row, sealed) => open(key, { tenant, table, column, row }, sealed).toString('utf8'),
    };
  }
}
