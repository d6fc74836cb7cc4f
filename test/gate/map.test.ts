import { expect } from 'chai';
import { InvalidValue, type KeptValue, mapValue } from '../../src/gate/map.ts';
import { lockerAssignmentFields, lockerFields, userFields } from '../../src/model/model.ts';

describe('a kept value', () => {
  const { given_name: text, email, phone } = userFields;
  const { until: instant, shared: flag } = lockerAssignmentFields;
  const { status: choice } = lockerFields;
  const cases: readonly [string, Parameters<typeof mapValue>[0], Parameters<typeof mapValue>[1], KeptValue][] = [
    ['text is trimmed', text, '  Ana ', 'Ana'],
    ['text is NFC', text, 'Zoe\u0308', 'Zo\u00eb'],
    ['text of blanks is none', text, ' \t\n ', null],
    ['text that is absent is none', text, undefined, null],
    ['several texts are the first in code point order', text, ['b', 'a', 'C'], 'C'],
    ['several with nulls and blanks are what is left', text, [null, ' ', 'b'], 'b'],
    ['a number is its digits', text, 42, '42'],
    ['text of 256 is kept', text, 'x'.repeat(256), 'x'.repeat(256)],
    ['an address is normalised', email, ' Ana@ACME.example', 'ana@acme.example'],
    ['an address that is none is none', email, 'ana', null],
    ['a number without country is none', phone, '020 555 0100', null],
    ['a number is E.164', phone, '+31 20 555 0100', '+31205550100'],
    ['a date is the start of its day in UTC', instant, '2026-11-22', '2026-11-22T00:00:00.000Z'],
    ['an instant is UTC', instant, '2026-11-22T10:00:00+01:00', '2026-11-22T09:00:00.000Z'],
    ['an instant without a zone is none', instant, '2026-11-22T10:00:00', null],
    ['a date that does not exist is none', instant, '2026-13-45', null],
    ['a date as people write it is none', instant, '22-11-2026', null],
    ['yes is true', flag, 'Yes', true],
    ['1 is true', flag, 1, true],
    ['true is true', flag, true, true],
    ['no is false', flag, 'no', false],
    ['anything else is false', flag, 'perhaps', false],
    ['nothing is none', flag, null, null],
    ['a choice is folded', choice, 'FREE', 'free'],
    ['another word is the otherwise', choice, 'broken', 'unknown'],
    ['no word is the otherwise', choice, undefined, 'unknown'],
  ];
  for (const [name, declaration, given, expected] of cases) {
    it(name, () => expect(mapValue(declaration, given)).to.equal(expected));
  }

  const refused: readonly [string, unknown][] = [
    ['NUL', 'a\0'],
    ['a lone surrogate', '\udfff'],
    ['257 characters', 'x'.repeat(257)],
    ['a megabyte', 'x'.repeat(1_000_000)],
    ['an object', { toString: () => 'Ana' }],
    ['an object without a prototype', Object.create(null)],
    ['a list in a list', [['Ana']]],
    ['one bad value among good ones', ['Ana', 'b\0']],
  ];
  for (const [name, given] of refused) {
    it(`is refused: ${name}, and the error carries nothing of it`, () => {
      expect(() => mapValue(text, given as string))
        .to.throw(InvalidValue)
        .with.property('message', '');
    });
  }
});
