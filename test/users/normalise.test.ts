import { expect } from 'chai';
import fc from 'fast-check';
import { normaliseDirectoryId, normaliseEmail, normalisePhone } from '../../src/users/normalise.ts';

const anyText = fc.string({ unit: 'binary', maxLength: 80 });

describe('an e-mail address', () => {
  // Domains by RFC 5890 (A-labels as the registries list them), local parts by RFC 5321 4.1.2 and RFC 6531.
  const cases: readonly [string, string, string | undefined][] = [
    ['as it should be', 'jan@acme.example', 'jan@acme.example'],
    ['in capitals', 'Jan.de.Vries@ACME.Example', 'jan.de.vries@acme.example'],
    ['with spaces around', '\t jan@acme.example \n', 'jan@acme.example'],
    ['with a tag, which the mail system understands and we do not', 'jan+lunch@acme.example', 'jan+lunch@acme.example'],
    ['with dots, likewise', 'j.a.n@acme.example', 'j.a.n@acme.example'],
    ['with an apostrophe', "o'brien@acme.example", "o'brien@acme.example"],
    ['with a decomposed accent', 'rene\u0301@acme.example', 'ren\u00e9@acme.example'],
    ['with a composed accent', 'ren\u00e9@acme.example', 'ren\u00e9@acme.example'],
    ['with a capital accent', 'REN\u00c9@acme.example', 'ren\u00e9@acme.example'],
    ['at a U-label', 'jan@b\u00fccher.example', 'jan@xn--bcher-kva.example'],
    ['at a decomposed U-label in capitals', 'jan@BU\u0308CHER.example', 'jan@xn--bcher-kva.example'],
    ['at its A-label', 'jan@XN--BCHER-KVA.example', 'jan@xn--bcher-kva.example'],
    ['at a U-label of another script', 'jan@\u4f8b\u3048.\u30c6\u30b9\u30c8', 'jan@xn--r8jz45g.xn--zckzah'],
    ['at an ideographic full stop', 'jan@acme\u3002example', 'jan@acme.example'],
    ['without an at', 'jan.acme.example', undefined],
    ['without a local part', '@acme.example', undefined],
    ['without a domain', 'jan@', undefined],
    ['empty', '', undefined],
    ['with two ats', 'jan@piet@acme.example', undefined],
    ['with a name', 'Jan <jan@acme.example>', undefined],
    ['two in one', 'jan@acme.example, piet@acme.example', undefined],
    ['two in one, by semicolon', 'jan@acme.example;piet@acme.example', undefined],
    ['quoted', '"jan de vries"@acme.example', undefined],
    ['with a space', 'jan de vries@acme.example', undefined],
    ['with a space in the domain', 'jan@acme example', undefined],
    ['with a control character', 'jan\u0007@acme.example', undefined],
    ['with NUL', 'jan\0@acme.example', undefined],
    ['at an address literal', 'jan@[192.0.2.1]', undefined],
    [
      'of 320 characters (RFC 5321 4.5.3.1: 64, an at, 255)',
      `${'a'.repeat(64)}@${'b'.repeat(247)}.example`,
      `${'a'.repeat(64)}@${'b'.repeat(247)}.example`,
    ],
    ['of 321 characters', `${'a'.repeat(65)}@${'b'.repeat(247)}.example`, undefined],
    ['of a megabyte', `${'a'.repeat(1_000_000)}@acme.example`, undefined],
  ];
  for (const [name, given, expected] of cases) {
    it(`${name} is ${expected === undefined ? 'none' : expected.slice(0, 40)}`, () => {
      expect(normaliseEmail(given)).to.equal(expected);
    });
  }

  it('normalised stays as it is', () => {
    const address = fc.tuple(anyText, fc.oneof(anyText, fc.domain())).map(([local, domain]) => `${local}@${domain}`);
    fc.assert(
      fc.property(fc.oneof(address, fc.emailAddress()), (text) => {
        const once = normaliseEmail(text);
        if (once !== undefined) expect(normaliseEmail(once)).to.equal(once);
      }),
      { numRuns: 2000 },
    );
  });

  it('is the same in whatever case and with whatever spaces around', () => {
    fc.assert(
      fc.property(fc.emailAddress(), fc.stringMatching(/^[ \t\n\u00a0]{0,4}$/), (email, space) => {
        const plain = normaliseEmail(email);
        expect(normaliseEmail(space + email.toUpperCase() + space)).to.equal(plain);
      }),
    );
  });
});

describe('a phone number', () => {
  // ITU-T E.164 6: a country code that does not begin with 0, at most 15 digits. RFC 3966 for `tel:`.
  const cases: readonly [string, string, string | undefined][] = [
    ['as E.164', '+31205550100', '+31205550100'],
    ['with spaces', '+31 20 555 0100', '+31205550100'],
    ['with a trunk prefix in brackets', '+31 (0)20 555 0100', '+31205550100'],
    ['with the international prefix 00', '0031 20 555 0100', '+31205550100'],
    ['with both', '0031(0)205550100', '+31205550100'],
    ['as a tel URI', 'tel:+31-20-555-0100', '+31205550100'],
    ['as a TEL URI', 'TEL:+31205550100', '+31205550100'],
    ['with brackets and dashes', '+1 (212) 555-0100', '+12125550100'],
    ['with dots', '+31.20.555.0100', '+31205550100'],
    ['with slashes', '+49 30/555 0100', '+49305550100'],
    ['with no-break spaces and en dashes', '+31\u00a020\u2013555\u20130100', '+31205550100'],
    ['with a space after the plus', '+ 31 20 555 0100', '+31205550100'],
    ['of 15 digits', '+123456789012345', '+123456789012345'],
    ['of 16 digits', '+1234567890123456', undefined],
    ['of 7 digits', '+2901234', '+2901234'],
    ['of 6 digits', '+290123', undefined],
    ['without a country', '020 555 0100', undefined],
    ['without a country, in brackets', '(020) 555 0100', undefined],
    ['an extension alone', '4711', undefined],
    ['with an extension', '+31 20 555 0100 ext. 5', undefined],
    ['with an extension after x', '+31205550100x5', undefined],
    ['with a tel URI parameter', 'tel:+31-20-555-0100;ext=5', undefined],
    ['of a country that begins with 0', '+0205550100', undefined],
    ['with three zeros', '00031205550100', undefined],
    ['with two plus signs', '++31205550100', undefined],
    ['with a plus in the middle', '31+205550100', undefined],
    ['in full-width digits', '+\uff13\uff1120\uff15\uff15\uff15\uff10\uff11\uff10\uff10', undefined],
    ['two in one', '+31205550100, +31205550101', undefined],
    ['in words', 'see the door', undefined],
    ['empty', '', undefined],
    ['too long to look at', `+31${' '.repeat(70)}205550100`, undefined],
  ];
  for (const [name, given, expected] of cases) {
    it(`${name} is ${expected ?? 'none'}`, () => {
      expect(normalisePhone(given)).to.equal(expected);
    });
  }

  it('is E.164 or none, and stays as it is', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, fc.stringMatching(/^(\+|00|tel:)?[0-9 ().-]{0,24}$/)), (text) => {
        const number = normalisePhone(text);
        if (number === undefined) return;
        expect(number).to.match(/^\+[1-9][0-9]{6,14}$/);
        expect(normalisePhone(number)).to.equal(number);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a directory-id', () => {
  const uuid = '7c9e6679-7425-40de-944b-e07fc1f90ae7';
  const cases: readonly [string, string | undefined][] = [
    [`people:${uuid}`, `people:${uuid}`],
    [`people:${uuid.toUpperCase()}`, `people:${uuid}`],
    [`People:${uuid}`, `People:${uuid}`],
    [`entra:${uuid}:${uuid.toUpperCase()}`, `entra:${uuid}:${uuid}`],
    [uuid, undefined],
    [`:${uuid}`, undefined],
    [`people:${uuid.slice(1)}`, undefined],
    [`people:{${uuid}}`, undefined],
    [`peo ple:${uuid}`, undefined],
    [`${'p'.repeat(129)}:${uuid}`, undefined],
    ['people:', undefined],
    ['', undefined],
  ];
  for (const [given, expected] of cases) {
    it(`${given.slice(0, 60)} is ${expected ?? 'none'}`, () => {
      expect(normaliseDirectoryId(given)).to.equal(expected);
    });
  }
});
