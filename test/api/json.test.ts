import { expect } from 'chai';
import fc from 'fast-check';
import { canonicalJson, parseStrictJson } from '../../src/api/json.ts';
import { Problem } from '../../src/api/problems.ts';

const parse = (text: string | Buffer) => parseStrictJson(Buffer.from(text), 16);

function refusal(text: string | Buffer): string {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof Problem) return error.message;
    throw error;
  }
  throw new Error('was accepted');
}

describe('strict JSON', () => {
  it('reads whatever JSON.stringify writes', () => {
    // Keys that name a prototype are refused on purpose, and are tested below.
    const key = fc
      .string()
      .filter((text) => !['__proto__', 'constructor', 'prototype'].includes(text) && text.isWellFormed());
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 8 },
        fc.string({ unit: 'binary' }),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('any'), { maxLength: 5 }),
        fc.dictionary(key, tie('any'), { maxKeys: 5 }),
      ),
    })).any;
    fc.assert(
      fc.property(value, (original) => {
        const text = JSON.stringify(original);
        expect(JSON.stringify(parse(text))).to.equal(text);
      }),
      { numRuns: 300 },
    );
  });

  const refused: Record<string, string | Buffer> = {
    'a key twice': '{"a":1,"b":{"a":2},"a":3}',
    'a key twice, once escaped': '{"a":1,"\\u0061":2}',
    'a key twice deep inside': '{"a":[{"b":1,"b":2}]}',
    'a number beyond a double': '{"a":1e400}',
    'a negative number beyond a double': '[-1e400]',
    'half a surrogate pair in a value': '{"a":"\\ud800"}',
    'half a surrogate pair in a key': '{"\\udfff":1}',
    __proto__key: '{"a":{"__proto__":{"admin":true}}}',
    'an escaped __proto__ key': '{"__pr\\u006fto__":1}',
    'a constructor key': '{"constructor":1}',
    'nesting of 100,000 levels': '['.repeat(100_000) + ']'.repeat(100_000),
    'nesting of 17 levels': '['.repeat(17) + ']'.repeat(17),
    'bytes that are not UTF-8': Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]),
    'a byte order mark': '\ufeff{}',
    'a body that ends early': '{"a":',
    'a comma too many': '{"a":1,}',
    'a comment': '{} // x',
    NaN: '{"a":NaN}',
    'nothing but spaces': '   ',
  };
  for (const [name, text] of Object.entries(refused)) {
    it(`refuses ${name}`, () => {
      expect(refusal(text)).to.match(/^The body /);
    });
  }

  it('never quotes what it refuses', () => {
    for (const text of [
      '{"zoe@acme.example":1,"zoe@acme.example":2}',
      '{"zoe@acme.example":',
      '["zoe@acme.example\\ud800"]',
    ]) {
      expect(refusal(text)).to.not.include('zoe');
    }
  });

  it('takes keys and strings that only look like structure', () => {
    const text = '{"a,b":"{\\"c\\":[1]}","d:e":["}",":","\\\\"],"":{"":null}}';
    expect(parse(text)).to.deep.equal(JSON.parse(text));
  });

  it('takes 16 levels', () => {
    expect(parse('['.repeat(16) + ']'.repeat(16))).to.be.an('array');
  });

  it('allows the same key in neighbouring objects', () => {
    expect(parse('[{"a":1},{"a":2}]')).to.deep.equal([{ a: 1 }, { a: 2 }]);
  });

  it('refuses within 100 ms', () => {
    const started = performance.now();
    refusal(`{${'"a":{'.repeat(10_000)}`);
    refusal(`[${'1,'.repeat(30_000)}`);
    refusal(`"${'\\'.repeat(60_001)}"`);
    expect(performance.now() - started).to.be.below(100);
  });
});

describe('canonical JSON', () => {
  it('is the same for the same value in another order', () => {
    expect(canonicalJson({ b: [1, { d: null, c: 'x' }], a: true })).to.equal(
      canonicalJson({ a: true, b: [1, { c: 'x', d: null }] }),
    );
  });

  it('differs where values differ', () => {
    const values = [
      {},
      { a: 1 },
      { a: '1' },
      { a: [1] },
      { a: { 1: 1 } },
      [],
      null,
      undefined,
      [[]],
      [{}],
      'null ',
      { a: null },
    ];
    const texts = values.map(canonicalJson);
    expect(new Set(texts).size).to.equal(values.length - 1); // no body counts as null
  });
});
