import { expect } from 'chai';
import fc from 'fast-check';
import { Framer, type Message, readMessage, Unreadable } from '../../../connectors/ldap/ber.ts';
import { encodeSearch, present } from '../../../connectors/ldap/codec.ts';
import { EntryDecoder } from '../../../connectors/ldap/entry.ts';
import { readResult } from '../../../connectors/ldap/results.ts';
import { allFields } from '../../support/ldap-reading.ts';
import { done, entry, someone, uuid } from './hostile-server.ts';

const decoder = (alike: string[] = []) =>
  new EntryDecoder({
    fields: allFields,
    key: 'entryUUID',
    all: ['mail', 'objectClass'],
    alike,
    known: ['homePhone'],
  });
const contents = ({ id, tag, bytes, start, stop }: Message) => `${id} ${tag} ${bytes.toString('hex', start, stop)}`;

describe('messages from a socket', () => {
  it('come out the same in whatever pieces they arrive', () => {
    const sent = [
      someone(3, 1),
      done(3),
      someone(4, 2, { title: 'x'.repeat(300) }),
      entry(5, {}),
      done(5, { cookie: 'c' }),
    ];
    const bytes = Buffer.concat(sent);
    const whole = new Framer(1 << 20).take(bytes).map(contents);
    expect(whole).to.have.length(5);
    const cuts = fc.array(fc.nat({ max: bytes.length }), { maxLength: 40 });
    const cases = fc.property(cuts, (at) => {
      const framer = new Framer(1 << 20);
      const edges = [0, ...at.sort((a, b) => a - b), bytes.length];
      const pieces = edges.slice(1).map((edge, n) => bytes.subarray(edges[n], edge));
      expect(pieces.flatMap((piece) => framer.take(piece)).map(contents)).to.deep.equal(whole);
      expect(framer.isEmpty).to.equal(true);
    });
    fc.assert(cases, { numRuns: 500 });
  });

  it('are copied once, however many pieces a long one takes', () => {
    const long = someone(3, 1, { jpegPhoto: Buffer.alloc(20 * 1024 * 1024) });
    const framer = new Framer(32 * 1024 * 1024);
    const from = performance.now();
    let found = 0;
    for (let at = 0; at < long.length; at += 4096) found += framer.take(long.subarray(at, at + 4096)).length;
    expect(found).to.equal(1);
    expect(performance.now() - from).to.be.below(1000);
  });

  it('of damaged bytes are refused as unreadable, never with another error', () => {
    const whole = Buffer.concat([
      someone(3, 1, { homePhone: 'x', 'sn;lang-en': ['a', 'b'], title: '' }),
      done(3, { cookie: 'cookie', estimate: 7 }),
    ]);
    const damage = fc.array(fc.tuple(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 })), {
      minLength: 1,
      maxLength: 8,
    });
    const cases = fc.property(damage, (changes) => {
      const bytes = Buffer.from(whole);
      for (const [at, value] of changes) bytes[at] = value;
      try {
        for (const message of new Framer(1 << 16).take(bytes)) {
          if (message.tag === 0x64) decoder().decode(message);
          else readResult(message);
        }
      } catch (error) {
        expect((error as Error).name).to.be.oneOf(['Unreadable', 'TooLong']);
      }
    });
    fc.assert(cases, { numRuns: 5000 });
  });

  it('say no more than their own length', () => {
    const bytes = someone(3, 1);
    expect(() => readMessage(bytes, 6, bytes.length - 40)).to.throw(Unreadable);
  });
});

describe('a decoded entry', () => {
  const decode = (bytes: Buffer) => decoder().decode(new Framer(1 << 24).take(bytes)[0]!);

  it('holds nothing of the entry before it', () => {
    const one = decoder();
    const [first, second] = new Framer(1 << 20).take(
      Buffer.concat([someone(1, 1, { title: 'Engineer' }), entry(1, { entryUUID: uuid(2) })]),
    );
    expect(one.decode(first!).record).to.include({ title: 'Engineer' });
    expect(one.decode(second!)).to.deep.equal({ key: uuid(2), record: { entryUUID: uuid(2) } });
  });

  it('has its own classes, whatever the entries before it had, and wherever they lay', () => {
    const classes = fc.array(fc.constantFrom('top', 'person', 'perso', 'Ünit', 'x'.repeat(700)), { maxLength: 3 });
    const unreadable = Buffer.from([0xff, 0xfe]);
    const cases = fc.property(fc.array(fc.option(classes), { minLength: 1, maxLength: 12 }), (directory) => {
      const remembering = decoder(['objectClass']);
      // All in the same place, as in memory that is used again.
      const place = Buffer.alloc(4096);
      for (const objectClass of directory) {
        const told = entry(1, { entryUUID: uuid(1), objectClass: objectClass ?? [unreadable] });
        told.copy(place);
        const [message] = new Framer(1 << 20).take(place.subarray(0, told.length));
        expect(remembering.decode(message!)).to.deep.equal(decoder().decode(message!));
      }
    });
    fc.assert(cases, { numRuns: 500 });
  });

  it('holds at most 64 unasked names, and no name longer than a name', () => {
    const many = Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`x${n}-${'y'.repeat(n % 300)}`, 'v']));
    const { record } = decode(someone(1, 1, many));
    expect(Object.keys(record ?? {})).to.have.members(['entryUUID', 'objectClass', 'mail', 'sn', 'other']);
  });

  it('knows an attribute without values from one with an empty value', () => {
    expect(decode(someone(1, 1, { title: [], sn: '' })).record).to.deep.equal({
      entryUUID: uuid(1),
      objectClass: 'inetOrgPerson',
      mail: 'p1@acme.example',
      sn: '',
    });
  });

  it('holds only the fields that are asked for now, and is not unreadable for any other', () => {
    const [message] = new Framer(1 << 20).take(
      someone(1, 1, { title: Buffer.from([0xff, 0xfe]), homePhone: '+31 6 1', sn: 'Family' }),
    );
    const one = decoder();
    const deciding = new Set(['entryUUID', 'mail']);
    expect(one.decode(message!, deciding).record).to.deep.equal({
      entryUUID: uuid(1),
      mail: 'p1@acme.example',
      homePhone: null,
    });
    expect(one.decode(message!)).to.deep.equal({ key: uuid(1), record: undefined });
    expect(one.decode(message!, new Set(['sn'])).record).to.deep.equal({
      entryUUID: uuid(1),
      sn: 'Family',
      homePhone: null,
    });
  });

  it('is unreadable when one attribute has more than a thousand values', () => {
    const values = Array.from({ length: 1001 }, (_, n) => `a${n}@acme.example`);
    expect(decode(someone(1, 1, { mail: values }))).to.deep.equal({ key: uuid(1), record: undefined });
    expect(decode(someone(1, 1, { mail: values.slice(1) })).record?.mail).to.have.length(1000);
  });
});

describe('a search', () => {
  const search = { base: '', scope: 'subtree', filter: present('cn') } as const;
  for (const attributes of [[], ['*'], ['mail', '+']])
    it(`for ${JSON.stringify(attributes)} is never sent: it would mean everything`, () => {
      expect(() => encodeSearch(1, { ...search, attributes })).to.throw(TypeError);
    });
});
