import { expect } from 'chai';
import type { z } from 'zod';
import { changesQuery } from '../../src/api/changes/schema.ts';
import { newKey } from '../../src/api/keys/schema.ts';
import { logOn } from '../../src/api/logons/schema.ts';
import type { Problem } from '../../src/api/problems.ts';
import { listQuery } from '../../src/api/shapes.ts';
import { queryOf, validated } from '../../src/api/validate.ts';

function problemOf(schema: z.ZodType, value: unknown, where: 'body' | 'query' = 'body'): Problem {
  try {
    validated(schema, value, where);
  } catch (error) {
    return error as Problem;
  }
  throw new Error('was accepted');
}

const places = (problem: Problem) => problem.errors.map(({ path, problem: sentence }) => `${path} ${sentence}`);

describe('validation', () => {
  const person = { email: 'noor@acme.example', given_name: 'Noor', family_name: 'de Wit' };

  it('names each wrong place and what is wrong with it', () => {
    expect(places(problemOf(logOn, { email: 'x', given_name: 7 }))).to.deep.equal([
      '/email is not an e-mail address',
      '/given_name must be a string',
      '/family_name is missing',
    ]);
  });

  it('quotes an unknown key only if it looks like one of ours', () => {
    expect(places(problemOf(logOn, { ...person, tenant_id: 'x' }))).to.deep.equal([' has the unknown key "tenant_id"']);
    for (const key of ['zoe@acme.example', 'Zoë', 'Zoe', 'zoe jansen', 'x'.repeat(41)]) {
      const text = JSON.stringify([
        problemOf(logOn, { ...person, [key]: 1 }).message,
        places(problemOf(logOn, { ...person, [key]: 1 })),
      ]);
      expect(text).to.include('an unknown key');
      expect(text).to.not.include(key);
    }
  });

  it('never quotes a value', () => {
    const secret = 'zoe-marker';
    const bodies = [
      { ...person, email: secret },
      { ...person, directory_id: secret },
      { ...person, given_name: `${secret}\n` },
      { ...person, family_name: [secret] },
      { id_token: { [secret]: secret } },
      secret,
      [secret],
    ];
    for (const body of bodies) {
      const problem = problemOf(logOn, body);
      expect(JSON.stringify([problem.message, problem.errors])).to.not.include(secret);
    }
  });

  it('complains about the form of a body that fits best', () => {
    expect(places(problemOf(logOn, { ...person, family_name: undefined }))).to.deep.equal(['/family_name is missing']);
    expect(places(problemOf(logOn, { id_token: 5 }))).to.deep.equal(['/id_token must be a string']);
  });

  it('refuses control characters in names, which forge log lines', () => {
    for (const character of ['\n', '\r', '\u0000', '\u001b', '\u0085', '\u2028']) {
      expect(places(problemOf(logOn, { ...person, given_name: `a${character}b` }))[0]).to.equal(
        '/given_name has the wrong form',
      );
    }
  });

  it('takes names in any script, an empty family name, and e-mail with spaces around', () => {
    const given = validated(
      logOn,
      { email: ' Noor@ACME.example ', given_name: '努尔 O’Brien-Łuç', family_name: '' },
      'body',
    );
    expect(given).to.deep.equal({ email: 'Noor@ACME.example', given_name: '努尔 O’Brien-Łuç', family_name: '' });
  });

  it('refuses scopes and features that do not exist', () => {
    expect(places(problemOf(newKey, { name: 'x', scopes: ['everything'] }))[0]).to.match(
      /^\/scopes\/0 must be one of users:read, /,
    );
    expect(places(problemOf(newKey, { name: 'x', scopes: ['admin'], features: ['photos'] }))[0]).to.match(
      /^\/features\/0 must be one of/,
    );
    expect(places(problemOf(newKey, { name: 'x', scopes: [] }))[0]).to.equal('/scopes is less than 1 entries');
  });

  it('reads numbers of a query within their range only', () => {
    expect(validated(listQuery, queryOf('/x?limit=1000'), 'query')).to.deep.equal({ limit: 1000 });
    expect(validated(listQuery, queryOf('/x'), 'query')).to.deep.equal({ limit: 100 });
    for (const limit of ['0', '1001', '-1', '1.5', 'ten', '', 'NaN', 'Infinity']) {
      expect(problemOf(listQuery, queryOf(`/x?limit=${limit}`), 'query').errors[0]?.path, limit).to.equal('limit');
    }
    for (const wait of ['31', '-1', '0.5']) {
      expect(problemOf(changesQuery, queryOf(`/x?wait=${wait}`), 'query').errors[0]?.path).to.equal('wait');
    }
  });

  it('refuses a query parameter that is unknown or given twice', () => {
    expect(places(problemOf(listQuery, queryOf('/x?limt=5'), 'query'))).to.deep.equal([' has the unknown key "limt"']);
    expect(() => queryOf('/x?limit=5&limit=6')).to.throw('given twice');
    expect(() => queryOf('/x?__proto__=5&__proto__=6')).to.throw('given twice');
    expect(problemOf(listQuery, queryOf('/x?__proto__=5'), 'query').message).to.include('an unknown key');
  });

  it('splits kinds at commas', () => {
    expect(validated(changesQuery, queryOf('/x?kinds=user,locker'), 'query').kinds).to.deep.equal(['user', 'locker']);
    expect(problemOf(changesQuery, queryOf('/x?kinds=user,photo'), 'query').errors[0]?.problem).to.equal(
      'must be one of user, locker, space, event, user_event',
    );
  });
});
