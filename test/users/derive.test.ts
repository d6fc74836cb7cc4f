import { expect } from 'chai';
import fc from 'fast-check';
import { type UserField, userFieldNames } from '../../src/model/model.ts';
import { type Contribution, deriveUser, type MatchValue } from '../../src/users/derive.ts';

const says = (fields: Contribution['fields'], matches: readonly MatchValue[] = []): Contribution => ({
  fields,
  matches,
});

describe('deriving a user', () => {
  it('takes each field from the first supplier that says anything about it', () => {
    const { fields } = deriveUser([
      says({ given_name: 'Corrected' }),
      says({ given_name: 'Directory', job_title: 'Engineer' }),
      says({ given_name: 'Log-on', family_name: 'On', email: 'a@acme.example' }),
    ]);
    expect(fields).to.deep.equal({
      given_name: 'Corrected',
      job_title: 'Engineer',
      family_name: 'On',
      email: 'a@acme.example',
    });
  });

  it('takes a null as a value: later suppliers are not asked', () => {
    expect(deriveUser([says({ job_title: null }), says({ job_title: 'Old title' })]).fields).to.deep.equal({});
  });

  it('takes an absent field as silence', () => {
    expect(deriveUser([says({}), says({ job_title: 'Title' })]).fields).to.deep.equal({ job_title: 'Title' });
  });

  it('keeps the e-mail address when a directory has none', () => {
    const { fields, matches } = deriveUser([says({ email: null }), says({ email: 'a@acme.example' })]);
    expect(fields).to.deep.equal({ email: 'a@acme.example' });
    expect(matches).to.deep.equal([{ kind: 'email', value: 'a@acme.example' }]);
  });

  it('recognises by the present e-mail address only, normalised', () => {
    const { matches } = deriveUser([
      says({ email: 'New@ACME.example' }, [{ kind: 'directory-id', value: 'people:1' }]),
      says({ email: 'old@acme.example' }, [
        { kind: 'email', value: 'old@acme.example' },
        { kind: 'subject', value: 'issuer 1' },
      ]),
    ]);
    expect(matches).to.deep.equal([
      { kind: 'email', value: 'new@acme.example' },
      { kind: 'directory-id', value: 'people:1' },
      { kind: 'subject', value: 'issuer 1' },
    ]);
  });

  it('counts a match value once that several suppliers give', () => {
    const both = { kind: 'directory-id', value: 'people:1' } as const;
    expect(deriveUser([says({}, [both]), says({}, [both])]).matches).to.deep.equal([both]);
  });

  it('of nobody is nothing', () => {
    expect(deriveUser([])).to.deep.equal({ fields: {}, matches: [] });
  });

  it('agrees with the rule in words, for any suppliers', () => {
    const value = fc.option(fc.constantFrom('A', 'B', 'c@acme.example'), { nil: null });
    const fields = fc.record(
      Object.fromEntries(userFieldNames.map((name) => [name, value])) as Record<UserField, typeof value>,
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(fields, { maxLength: 5 }), (suppliers) => {
        const derived = deriveUser(suppliers.map((one) => says(one))).fields;
        for (const name of userFieldNames) {
          const heard = suppliers.flatMap((one) => (Object.hasOwn(one, name) ? [one[name]!] : []));
          const counted = name === 'email' ? heard.filter((one) => one !== null) : heard;
          expect(derived[name]).to.equal(counted[0] ?? undefined);
        }
        expect(Object.values(derived)).to.not.include(null);
      }),
    );
  });
});
