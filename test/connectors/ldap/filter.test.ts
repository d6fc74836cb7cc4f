import { expect } from 'chai';
import fc from 'fast-check';
import { Reader } from '../../../connectors/ldap/ber.ts';
import { and, encodeSearch, equal, type Filter, substring } from '../../../connectors/ldap/codec.ts';
import { parseFilter } from '../../../connectors/ldap/filter.ts';
import { pushedScope } from '../../../connectors/ldap/pushed-scope.ts';
import { searchFor } from '../../../connectors/ldap/read.ts';
import { vendorOf } from '../../../connectors/ldap/vendors.ts';
import { NeedsAttention, type Scope } from '../../../src/contract/index.ts';
import { contextFor } from '../../support/ldap-reading.ts';

const constructed: Record<number, string> = { 160: '&', 161: '|', 162: '!' };
const compared: Record<number, string> = { 163: '=', 165: '>=', 166: '<=', 168: '~=' };

/** What a server understands of a filter (RFC 4511 4.5.1.7), read by another hand than the one that wrote it. */
function understood(reader: Reader): unknown[] {
  const tag = reader.next();
  const inside = reader.inside();
  const text = (of: Reader) => {
    of.next();
    return of.bytes.toString('latin1', of.start, of.stop);
  };
  if (constructed[tag]) {
    const parts: unknown[] = [];
    while (inside.more) parts.push(understood(inside));
    return [constructed[tag], ...parts];
  }
  if (compared[tag]) return [compared[tag], text(inside), text(inside)];
  if (tag === 0x87) return ['present', reader.bytes.toString('latin1', reader.start, reader.stop)];
  if (tag === 0xa4) {
    const name = text(inside);
    const pieces = inside.expect(0x30).inside();
    const found: string[] = [];
    while (pieces.more) {
      const kind = pieces.next();
      found.push(`${kind - 0x80}:${pieces.bytes.toString('latin1', pieces.start, pieces.stop)}`);
    }
    return ['substring', name, ...found];
  }
  if (tag !== 0xa9) throw new Error(`no filter begins with ${tag}`);
  const parts: string[] = [];
  while (inside.more) {
    const kind = inside.next();
    parts.push(`${kind - 0x80}:${inside.bytes.toString('latin1', inside.start, inside.stop)}`);
  }
  return ['extensible', ...parts];
}
const onTheWire = (filter: Filter) => understood(new Reader(filter.toBer().buffer));
const latin1 = (text: string) => Buffer.from(text).toString('latin1');

/** RFC 4515 3: what must be escaped, and then everything beyond ASCII too. */
const escaped = (text: string) =>
  [...Buffer.from(text)]
    .map((byte) =>
      /[a-zA-Z0-9 ]/.test(String.fromCharCode(byte))
        ? String.fromCharCode(byte)
        : `\\${byte.toString(16).padStart(2, '0')}`,
    )
    .join('');

const nasty = fc
  .array(
    fc.oneof(
      fc.constantFrom('*', '(', ')', '\\', '\0', '\\2a', ')(uid=*', '*)(objectClass=*', '&', '|', '!', '=', '~=', ':='),
      fc.constantFrom('\u{1F600}', '\uFFFD', '\u0301', 'ß', 'İ', '\u202E', '\uFEFF', '\u00A0', '\r\n'),
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'binary' }),
    ),
    { minLength: 1, maxLength: 6 },
  )
  .map((parts) => parts.join('').toWellFormed())
  .filter((text) => text !== '');

describe('LDAP filters', () => {
  for (const [text, meaning] of [
    ['(objectClass=inetOrgPerson)', ['=', 'objectClass', 'inetOrgPerson']],
    ['objectClass=person', ['=', 'objectClass', 'person']],
    [
      ' ( & (a=1) ( | (b=2)(c=3) ) (!(d=*)) ) ',
      ['&', ['=', 'a', '1'], ['|', ['=', 'b', '2'], ['=', 'c', '3']], ['!', ['present', 'd']]],
    ],
    ['(cn=a\\2ab\\28\\29\\5c)', ['=', 'cn', 'a*b()\\']],
    ['(cn=Zoë)', ['=', 'cn', latin1('Zoë')]],
    ['(cn=Zo\\c3\\ab)', ['=', 'cn', latin1('Zoë')]],
    ['(objectGUID=\\44\\43\\ff\\00)', ['=', 'objectGUID', 'DC\xff\0']],
    ['(cn=Jö*n*\\2a*e)', ['substring', 'cn', `0:${latin1('Jö')}`, '1:n', '1:*', '2:e']],
    ['(cn=*x)', ['substring', 'cn', '2:x']],
    ['(givenName;lang-fr=Ada)', ['=', 'givenName;lang-fr', 'Ada']],
    ['(2.5.4.3=x)', ['=', '2.5.4.3', 'x']],
    ['(whenChanged>=20260101000000.0Z)', ['>=', 'whenChanged', '20260101000000.0Z']],
    ['(n<=5)', ['<=', 'n', '5']],
    ['(cn~=meier)', ['~=', 'cn', 'meier']],
    [
      '(memberOf:1.2.840.113556.1.4.1941:=CN=a\\2cb,DC=x)',
      ['extensible', '1:1.2.840.113556.1.4.1941', '2:memberOf', '3:CN=a,b,DC=x'],
    ],
    ['(ou:dn:=people)', ['extensible', '2:ou', '3:people', '4:\xff']],
    ['(:caseExactMatch:=x)', ['extensible', '1:caseExactMatch', '3:x']],
    [
      '(!(userAccountControl:1.2.840.113556.1.4.803:=2))',
      ['!', ['extensible', '1:1.2.840.113556.1.4.803', '2:userAccountControl', '3:2']],
    ],
  ] as const)
    it(`understands ${text}`, () => {
      expect(onTheWire(parseFilter(text))).to.deep.equal(meaning);
    });

  for (const text of [
    '',
    '(',
    '()',
    '(&)',
    '(cn=)',
    '(cn)',
    '(=x)',
    '(cn=a',
    '(cn=a))',
    '(cn=a)(cn=b)',
    '(cn=a\\)',
    '(cn=a\\zz)',
    '(cn=**)',
    '(c n=x)',
    '(!)',
    '(!(a=1)(b=2))',
    '(|(a=1)x)',
    '(:=x)',
    `${'(!'.repeat(60)}(a=1)${')'.repeat(60)}`,
    `(cn=${'x'.repeat(9000)})`,
  ])
    it(`refuses ${text.length > 40 ? `${text.slice(0, 10)}… (${text.length} characters)` : `"${text}"`} with a sentence`, () => {
      expect(() => parseFilter(text)).to.throw(
        NeedsAttention,
        /^The setting `filter` is not an LDAP filter: .*; correct it/,
      );
    });

  it('keeps its shape whatever is compared with (5,000 values)', () => {
    const cases = fc.property(nasty, (value) => {
      const bytes = latin1(value);
      expect(onTheWire(equal('mail', value))).to.deep.equal(['=', 'mail', bytes]);
      expect(onTheWire(and([equal('a', value), substring('b', value, [], '')]))).to.deep.equal([
        '&',
        ['=', 'a', bytes],
        ['substring', 'b', `0:${bytes}`],
      ]);
      expect(onTheWire(parseFilter(`(&(a=${escaped(value)})(b=1))`))).to.deep.equal([
        '&',
        ['=', 'a', bytes],
        ['=', 'b', '1'],
      ]);
    });
    fc.assert(cases, { numRuns: 5000 });
  });

  it('ends in a filter or a sentence whatever a tenant writes (5,000 texts)', () => {
    const cases = fc.property(
      fc.oneof(
        nasty,
        nasty.map((text) => `(a=${text})`),
      ),
      (text) => {
        try {
          onTheWire(parseFilter(text));
        } catch (error) {
          expect(error).to.be.instanceOf(NeedsAttention);
        }
      },
    );
    fc.assert(cases, { numRuns: 5000 });
  });

  it('keeps the tenant’s filter and the scope in their own brackets (5,000 values)', () => {
    const root = {
      objectClass: ['OpenLDAProotDSE'],
      supportedCapabilities: [],
      supportedExtension: [],
      vendorName: [],
    };
    const cases = fc.property(nasty, (value) => {
      fc.pre(value.trim() !== '');
      const scope: Scope = { and: [{ equals: { department: value } }, { in: { ou: ['a', value] } }] };
      const context = contextFor({
        settings: { url: 'ldap://x', filter: '(|(a=1)(b=2))' },
        scope,
      }) as unknown as Parameters<typeof searchFor>[1];
      const search = searchFor({ vendor: vendorOf(root) }, context);
      const sent = encodeSearch(1, search);
      expect(sent.length).to.be.above(0);
      const trimmed = latin1(value.trim());
      expect(onTheWire(search.filter)).to.deep.equal([
        '&',
        ['|', ['=', 'a', '1'], ['=', 'b', '2']],
        ['&', ['=', 'department', trimmed], ['|', ['=', 'ou', 'a'], ['=', 'ou', trimmed]]],
      ]);
    });
    fc.assert(cases, { numRuns: 5000 });
  });
});

describe('a scope pushed into the search', () => {
  const pushed = (scope: Scope, pushesNot = true) => {
    const filter = pushedScope(scope, pushesNot);
    return filter && onTheWire(filter);
  };

  it('narrows by comparisons that servers make as loosely as the gate', () => {
    expect(pushed({ equals: { employeeType: ' Staff ' } })).to.deep.equal(['=', 'employeeType', 'Staff']);
    expect(pushed({ 'starts-with': { ou: 'a' } })).to.deep.equal(['substring', 'ou', '0:a']);
    expect(pushed({ 'ends-with': { mail: '@acme.example' } })).to.deep.equal(['substring', 'mail', '2:@acme.example']);
    expect(pushed({ present: 'mail' })).to.deep.equal(['present', 'mail']);
    expect(pushed({ not: { in: { employeeType: ['a', 'b'] } } })).to.deep.equal([
      '!',
      ['|', ['=', 'employeeType', 'a'], ['=', 'employeeType', 'b']],
    ]);
  });

  it('never narrows by what it cannot be sure of', () => {
    expect(pushed({ equals: { acmeBadgeKind: 'x' } })).to.equal(undefined);
    expect(pushed({ equals: { employeeType: ' ' } })).to.equal(undefined);
    expect(pushed({ or: [{ equals: { ou: 'a' } }, { equals: { acmeKind: 'x' } }] })).to.equal(undefined);
    expect(pushed({ in: { ou: ['a', ''] } })).to.equal(undefined);
    expect(pushed({ in: { ou: [] } })).to.equal(undefined);
  });

  it('pushes the sure part of an “and”, and no “not” around a part', () => {
    const half: Scope = { and: [{ equals: { ou: 'a' } }, { equals: { acmeKind: 'x' } }] };
    expect(pushed(half)).to.deep.equal(['=', 'ou', 'a']);
    expect(pushed({ not: half })).to.equal(undefined);
    expect(pushed({ not: { equals: { ou: 'a', acmeKind: 'x' } } })).to.equal(undefined);
    expect(pushed({ not: { not: { equals: { ou: 'a' } } } })).to.equal(undefined);
  });

  it('pushes no “not” to a server that ignores accents', () => {
    expect(pushed({ not: { equals: { ou: 'a' } } }, false)).to.equal(undefined);
    expect(pushed({ and: [{ equals: { ou: 'a' } }, { not: { present: 'mail' } }] }, false)).to.deep.equal([
      '=',
      'ou',
      'a',
    ]);
  });
});
