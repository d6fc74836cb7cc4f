import { expect } from 'chai';
import { bearerToken, requireScope } from '../../src/api/auth.ts';
import { Problem } from '../../src/api/problems.ts';
import type { VerifiedKey } from '../../src/store/types.ts';

const token = `sl_acme-north_0a9ZkQ_${'aB3'.repeat(16)}`;

describe('bearer token', () => {
  it('is read whatever the case of the scheme', () => {
    for (const scheme of ['Bearer', 'bearer', 'BEARER']) expect(bearerToken(`${scheme} ${token}`)).to.equal(token);
  });

  it('is asked for when it is missing', () => {
    expect(() => bearerToken(undefined)).to.throw(Problem, 'Send Authorization');
  });

  it('of any other form is refused without being looked up, in one sentence for all', () => {
    const wrong = [
      '',
      'Bearer',
      `Basic ${token}`,
      token,
      `Bearer ${token} ${token}`,
      `Bearer ${token}, Bearer ${token}`,
      'Bearer sl_acme',
      `Bearer sl_ACME_1_${'a'.repeat(40)}`,
      `Bearer sl_acme_1'_${'a'.repeat(40)}`,
      `Bearer sl_acme_1_${'a'.repeat(400)}`,
      `Bearer sl_acme_1_${'a'.repeat(39)}-`,
      `Bearer sl_${'a'.repeat(41)}_1_${'a'.repeat(40)}`,
    ];
    const sentences = wrong.map((header) => {
      try {
        return bearerToken(header);
      } catch (error) {
        return (error as Problem).message;
      }
    });
    expect([...new Set(sentences)]).to.deep.equal([
      'The API key is not valid, has expired or was revoked; ask tenant IT for a new one.',
    ]);
  });
});

describe('scope', () => {
  const caller = (scopes: string[]): VerifiedKey => ({
    tenantId: 't',
    tenant: 'acme',
    key: { id: '1', name: 'x', scopes, features: null, expires_at: null },
  });

  it('opens what it names and nothing that begins like it', () => {
    requireScope(caller(['users:read']), 'users:read');
    expect(() => requireScope(caller(['users:read', 'users']), 'users:write')).to.throw(Problem, 'users:write');
    expect(() => requireScope(caller(['admin']), 'users:read')).to.throw(Problem);
    expect(() => requireScope(caller([]), 'admin')).to.throw(Problem);
  });
});
