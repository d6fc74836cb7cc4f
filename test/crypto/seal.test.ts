import { createHmac, createSecretKey, randomBytes } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { BadInput, NeedsAttention } from '../../src/base/errors.ts';
import { newId } from '../../src/base/uuid.ts';
import { Hmac } from '../../src/crypto/hmac.ts';
import { newMasterKeyText, newTenantKeys, parseMasterKey, TenantKeys } from '../../src/crypto/keys.ts';
import { open, type Place, seal } from '../../src/crypto/seal.ts';
import { matchKinds } from '../../src/model/model.ts';

const id = fc.uuid();
const place: fc.Arbitrary<Place> = fc.record({
  tenant: id,
  table: fc.constantFrom('users', 'contribution', 'match_value', 'configuration'),
  column: fc.oneof(fc.constantFrom('fields', 'email', 'document'), id),
  row: id,
});
const anyText = fc.string({ unit: 'binary', maxLength: 200 });
const key = createSecretKey(randomBytes(32));
const does = (work: () => unknown): boolean => {
  try {
    work();
    return true;
  } catch {
    return false;
  }
};

describe('a sealed value', () => {
  it('opens to what it was, whatever that was', () => {
    fc.assert(
      fc.property(place, anyText, (at, text) => {
        const sealed = seal(key, at, text);
        expect(open(key, at, sealed).toString('utf8')).to.equal(text.toWellFormed());
      }),
    );
  });

  it('shows nothing of the value but its length, and looks different every time', () => {
    const at = { tenant: newId(), table: 'users', column: 'fields', row: newId() };
    const marker = 'Adèle-Marker-Vermeulen';
    const sealed = Array.from({ length: 2000 }, () => seal(key, at, marker));
    expect(new Set(sealed.map((one) => one.subarray(1, 13).toString('hex'))).size, 'nonces').to.equal(2000);
    expect(
      sealed.every((one) => one.indexOf('Marker') < 0 && one.length === 1 + 12 + Buffer.byteLength(marker) + 16),
    ).to.equal(true);
  });

  it('moved to another tenant, table, column or row does not open', () => {
    fc.assert(
      fc.property(place, place, fc.constantFrom('tenant', 'table', 'column', 'row'), (here, there, part) => {
        fc.pre(here[part] !== there[part]);
        const sealed = seal(key, here, 'value');
        expect(
          does(() => open(key, { ...here, [part]: there[part] }, sealed)),
          part,
        ).to.equal(false);
        expect(does(() => open(key, here, sealed))).to.equal(true);
      }),
    );
  });

  it('does not open with any one bit changed, cut short or grown', () => {
    const at = { tenant: newId(), table: 'users', column: 'fields', row: newId() };
    const sealed = seal(key, at, 'a value of some length');
    for (let byte = 0; byte < sealed.length; byte++) {
      for (let bit = 0; bit < 8; bit++) {
        const changed = Buffer.from(sealed);
        changed[byte]! ^= 1 << bit;
        expect(
          does(() => open(key, at, changed)),
          `byte ${byte}, bit ${bit}`,
        ).to.equal(false);
      }
      expect(
        does(() => open(key, at, sealed.subarray(0, byte))),
        `${byte} bytes`,
      ).to.equal(false);
    }
    expect(does(() => open(key, at, Buffer.concat([sealed, Buffer.of(0)])))).to.equal(false);
    expect(
      does(() => open(createSecretKey(randomBytes(32)), at, sealed)),
      'another key',
    ).to.equal(false);
  });

  it('that does not open is told by place, without any of it', () => {
    const at = { tenant: newId(), table: 'users', column: 'fields', row: newId() };
    const changed = seal(key, at, 'Marker');
    changed[20]! ^= 1;
    expect(() => open(key, at, changed)).to.throw(
      'A sealed value in users.fields does not open with the keys of this hub.',
    );
    changed[0] = 9;
    expect(() => open(key, at, changed)).to.throw(
      'A sealed value in users.fields has a format this version does not know.',
    );
  });
});

describe('a tenant’s keys', () => {
  const text = newMasterKeyText();
  const master = parseMasterKey(text);
  const tenant = newId();
  const wrapped = newTenantKeys(master, tenant);
  const keys = new TenantKeys(master, tenant, wrapped);

  it('open again with SLUICE_KEY, and with it as the previous key', () => {
    const sealed = keys.seal('configuration', 'document', tenant, 'text');
    const rotated = parseMasterKey(newMasterKeyText(), text);
    for (const one of [master, rotated]) {
      const again = new TenantKeys(one, tenant, wrapped);
      expect(again.open('configuration', 'document', tenant, sealed)).to.equal('text');
      expect(again.digest('email', 'a@b.example')).to.deep.equal(keys.digest('email', 'a@b.example'));
    }
  });

  it('do not open with another key; the sentence says which setting', () => {
    for (const other of [parseMasterKey(newMasterKeyText()), parseMasterKey(newMasterKeyText(), newMasterKeyText())]) {
      expect(() => new TenantKeys(other, tenant, wrapped)).to.throw(
        NeedsAttention,
        'SLUICE_KEY is not the key that this database was filled with',
      );
    }
  });

  it('of another tenant do not open here, nor one in the place of the other', () => {
    expect(() => new TenantKeys(master, newId(), wrapped)).to.throw(NeedsAttention);
    expect(() => new TenantKeys(master, tenant, { dataKey: wrapped.digestKey, digestKey: wrapped.dataKey })).to.throw(
      NeedsAttention,
    );
  });

  it('refuse a SLUICE_KEY that is no key', () => {
    for (const wrong of ['', 'short', randomBytes(31).toString('base64'), randomBytes(33).toString('base64')]) {
      expect(() => parseMasterKey(wrong)).to.throw(BadInput, 'SLUICE_KEY must be 32 bytes in base64');
    }
    expect(() => parseMasterKey(text, 'short')).to.throw(BadInput, 'SLUICE_KEY_PREVIOUS');
  });

  it('give every user a key of their own, bound to the user', () => {
    const [one, other] = [newId(), newId()];
    const { key: own, wrapped: stored } = keys.newUserKey(one);
    const sealed = own.seal('users', 'fields', one, 'value');
    expect(keys.userKey(one, stored).open('users', 'fields', one, sealed)).to.equal('value');
    expect(
      does(() => keys.userKey(other, stored)),
      'another user’s row',
    ).to.equal(false);
    expect(
      does(() => keys.newUserKey(other).key.open('users', 'fields', one, sealed)),
      'another user’s key',
    ).to.equal(false);
    expect(
      does(() => keys.open('users', 'fields', one, sealed)),
      'the tenant’s key',
    ).to.equal(false);
    const stranger = newId();
    const elsewhere = new TenantKeys(master, stranger, newTenantKeys(master, stranger));
    expect(
      does(() => elsewhere.userKey(one, stored)),
      'another tenant',
    ).to.equal(false);
  });

  describe('digest', () => {
    it('equal values of one kind equally, and nothing else', () => {
      fc.assert(
        fc.property(
          fc.constantFrom(...matchKinds),
          fc.constantFrom(...matchKinds),
          anyText,
          anyText,
          (kind, otherKind, value, otherValue) => {
            const digest = keys.digest(kind, value);
            expect(digest).to.have.length(32);
            expect(keys.digest(kind, value).equals(digest)).to.equal(true);
            if (kind !== otherKind)
              expect(keys.digest(otherKind, value).equals(digest), 'another kind').to.equal(false);
            if (value.toWellFormed() !== otherValue.toWellFormed())
              expect(keys.digest(kind, otherValue).equals(digest), 'another value').to.equal(false);
          },
        ),
      );
    });

    it('the same value differently for every tenant', () => {
      const digests = Array.from({ length: 50 }, () => {
        const other = newId();
        return new TenantKeys(master, other, newTenantKeys(master, other))
          .digest('email', 'a@b.example')
          .toString('hex');
      });
      expect(new Set(digests).size).to.equal(50);
    });

    it('as HMAC-SHA-256 does (RFC 2104)', () => {
      fc.assert(
        fc.property(fc.uint8Array({ minLength: 64, maxLength: 64, max: 127 }), anyText, (raw, value) => {
          const expected = createHmac('sha256', raw).update(value).digest('hex');
          expect(Buffer.from(new Hmac(raw).digest(value), 'latin1').toString('hex')).to.equal(expected);
        }),
      );
    });

    it('nothing under a key that is too short', () => {
      expect(() => new Hmac(new Uint8Array(32))).to.throw('64 bytes');
      expect(() => new Hmac(new Uint8Array(64).fill(200))).to.throw('7 bits');
    });
  });
});
