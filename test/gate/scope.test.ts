import { expect } from 'chai';
import type { Scope, SourceRecord } from '../../src/contract/index.ts';
import { compileScope } from '../../src/gate/scope.ts';

describe('a scope', () => {
  const cases: readonly [string, Scope | undefined, SourceRecord, boolean][] = [
    ['none lets everything in', undefined, {}, true],
    ['equals, equal', { equals: { kind: 'staff' } }, { kind: 'staff' }, true],
    ['equals, another', { equals: { kind: 'staff' } }, { kind: 'contractor' }, false],
    ['equals, a part only', { equals: { kind: 'staff' } }, { kind: 'staff member' }, false],
    ['equals, absent', { equals: { kind: 'staff' } }, {}, false],
    ['equals, null', { equals: { kind: 'staff' } }, { kind: null }, false],
    ['equals, case and blanks aside', { equals: { kind: ' STAFF' } }, { kind: 'staff ' }, true],
    ['equals, however the accent is written', { equals: { place: 'Caf\u00e9' } }, { place: 'cafe\u0301' }, true],
    ['equals, a number', { equals: { floor: '3' } }, { floor: 3 }, true],
    ['equals, a flag', { equals: { active: 'true' } }, { active: true }, true],
    ['equals, one of several values', { equals: { kind: 'staff' } }, { kind: ['board', 'staff'] }, true],
    ['equals, none of several values', { equals: { kind: 'staff' } }, { kind: ['board', null] }, false],
    ['equals, both of two fields', { equals: { kind: 'staff', place: 'ams' } }, { kind: 'staff', place: 'ams' }, true],
    ['equals, one of two fields', { equals: { kind: 'staff', place: 'ams' } }, { kind: 'staff', place: 'rtm' }, false],
    ['in, listed', { in: { kind: ['staff', 'board'] } }, { kind: 'Board' }, true],
    ['in, not listed', { in: { kind: ['staff', 'board'] } }, { kind: 'guest' }, false],
    ['in, an empty list', { in: { kind: [] } }, { kind: 'staff' }, false],
    ['starts-with, it does', { 'starts-with': { code: 'NL-' } }, { code: 'nl-ams' }, true],
    ['starts-with, it does not', { 'starts-with': { code: 'NL-' } }, { code: 'be-nl-' }, false],
    ['ends-with, it does', { 'ends-with': { mail: '@acme.example' } }, { mail: 'a@ACME.example' }, true],
    ['ends-with, it does not', { 'ends-with': { mail: '@acme.example' } }, { mail: 'a@acme.example.org' }, false],
    ['present, it is', { present: 'badge' }, { badge: '0' }, true],
    ['present, blank', { present: 'badge' }, { badge: '  ' }, false],
    ['present, an empty list', { present: 'badge' }, { badge: [] }, false],
    ['present, of every object and no record', { present: 'constructor' }, {}, false],
    ['present, the prototype', { present: '__proto__' }, {}, false],
    ['present, an own __proto__', { present: '__proto__' }, JSON.parse('{"__proto__":"x"}'), true],
    ['and, both', { and: [{ present: 'a' }, { present: 'b' }] }, { a: '1', b: '1' }, true],
    ['and, one', { and: [{ present: 'a' }, { present: 'b' }] }, { a: '1' }, false],
    ['and, of nothing', { and: [] }, {}, true],
    ['or, one', { or: [{ present: 'a' }, { present: 'b' }] }, { b: '1' }, true],
    ['or, none', { or: [{ present: 'a' }, { present: 'b' }] }, {}, false],
    ['or, of nothing', { or: [] }, {}, false],
    ['not, of what holds', { not: { equals: { kind: 'contractor' } } }, { kind: 'Contractor' }, false],
    ['not, of what is absent', { not: { equals: { kind: 'contractor' } } }, {}, true],
    [
      'not, of one of several values',
      { not: { equals: { kind: 'contractor' } } },
      { kind: ['staff', 'contractor'] },
      false,
    ],
    [
      'nested',
      { and: [{ not: { in: { kind: ['guest'] } } }, { or: [{ present: 'a' }, { 'starts-with': { code: 'x' } }] }] },
      { kind: 'staff', code: 'XY' },
      true,
    ],
  ];
  for (const [name, scope, record, expected] of cases) {
    it(`${name}: ${expected ? 'in' : 'out'}`, () => {
      expect(compileScope(scope)(record)).to.equal(expected);
      if (scope) expect(compileScope({ not: scope })(record)).to.equal(!expected);
    });
  }
});
