import { expect } from 'chai';
import { InvalidValue, type KeptValue, mapValue } from '../../src/gate/map.ts';
import { eventFields, lockerAssignmentFields, lockerFields, spaceFields, userFields } from '../../src/model/model.ts';

describe('a kept value', () => {
  const { given_name: text, email, phone } = userFields;
  const { until: instant, shared: flag } = lockerAssignmentFields;
  const { status: choice } = lockerFields;
  const cases: [string, Parameters<typeof mapValue>[0], Parameters<typeof mapValue>[1], KeptValue][] = [
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
  const { capacity: count, time_zone: zone, equipment: codes } = spaceFields;
  const { organizer: person, series: group } = eventFields;
  cases.push(
    ['a count is a number', count, 8, 8],
    ['a count in text is a number', count, ' 50 ', 50],
    ['a count with a fraction of nothing is a number', count, '29.0', 29],
    ['a count that is no whole number from 0 is none', count, '8.5', null],
    ['a count below 0 is none', count, -1, null],
    ['a count in words is none', count, 'eight', null],
    ['a zone is an IANA zone', zone, 'Europe/Amsterdam', 'Europe/Amsterdam'],
    ['a zone is spelt as it is spelt', zone, 'europe/amsterdam', 'Europe/Amsterdam'],
    ['a zone that nobody knows is none', zone, 'W. Europe Standard Time', null],
    ['an offset is no zone', zone, '+02:00', null],
    ['codes are each once and in order', codes, ['video', 'display ', 'video', '', null], ['display', 'video']],
    ['no code is none of them', codes, undefined, []],
    ['one code is a list of one', codes, 'video', ['video']],
    ['a person without rules is nobody', person, 'ana@acme.example', null],
  );
  for (const [name, declaration, given, expected] of cases) {
    it(name, () => expect(mapValue(declaration, given)).to.deep.equal(expected));
  }

  it('names a person by their normalised address, and a group by a digest', () => {
    const asked: string[] = [];
    const naming = {
      person: (email: string) => {
        asked.push(email);
        return 'user-1';
      },
      group: (name: string) => `digest of ${name}`,
    };
    expect(mapValue(person, ' Ana@ACME.example', naming)).to.equal('user-1');
    expect(mapValue(person, 'Ana', naming)).to.equal(null);
    expect(asked).to.deep.equal(['ana@acme.example']);
    expect(mapValue(group, 'AAMkAGI2', naming)).to.equal('digest of AAMkAGI2');
  });

  it('refuses more codes than a room has things, and a code that is a text', () => {
    for (const wrong of [Array.from({ length: 65 }, (_, n) => `c${n}`), ['x'.repeat(65)]])
      expect(() => mapValue(codes, wrong)).to.throw(InvalidValue);
  });

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
