import { expect } from 'chai';
import fc from 'fast-check';
import type { SourceRecord } from '../../src/contract/index.ts';
import { countUndeclared, type Decision, gate } from '../../src/gate/gate.ts';
import { type Feature, featureNames } from '../../src/model/features.ts';
import { dropReasons, type StreamName, streams } from '../../src/model/model.ts';
import { entry, type KnownUser, keyOf, planOf, rulesOf, userOf, usersConnector } from './support.ts';

const judged = (record: SourceRecord, users: readonly KnownUser[], scope = planOf('users')): Decision =>
  gate(scope, rulesOf(users), record);
const reasonOf = (decision: Decision) => (decision.kept ? 'kept' : decision.reason);

describe('the gate', () => {
  it('lets in the declared fields of a user’s entry', () => {
    expect(judged(entry(1, { homePhone: 'marker' }), [userOf(1)])).to.deep.equal({
      kept: true,
      key: keyOf(1),
      person: { user: 'user-1', keyDigest: `directory-id people:${keyOf(1)}`, newBinding: true },
      fields: {
        given_name: 'Given1',
        family_name: 'Family1',
        email: 'p1@acme.example',
        phone: '+31205550100',
        job_title: 'Title 1',
        department: 'Tests',
      },
      matches: [{ kind: 'directory-id', value: `people:${keyOf(1)}` }],
      partial: false,
    });
  });

  it('keeps no field whose feature is off, and does not ask for it', () => {
    const plan = planOf('users', { features: new Set() });
    const decision = gate(plan, rulesOf([userOf(1)]), entry(1));
    expect(decision).to.have.property('fields').that.has.all.keys('given_name', 'family_name', 'email');
    expect(plan.asked).to.have.members(['id', 'mail', 'kind', 'disabled', 'given', 'family']);
    expect(plan.off.map(({ ours }) => ours)).to.have.members(['phone', 'job_title', 'department']);
  });

  it('asks for a replaced field and not for the one it replaces', () => {
    const plan = planOf('users', { fields: { job_title: 'function' } });
    expect(plan.asked).to.include('function').and.not.include('title');
    expect(gate(plan, rulesOf([userOf(1)]), entry(1, { function: 'Engineer' }))).to.have.nested.property(
      'fields.job_title',
      'Engineer',
    );
  });

  it('maps nothing to a field that the model does not have', () => {
    for (const ours of ['constructor', '__proto__', 'photo', 'toString']) {
      const plan = planOf('users', { fields: JSON.parse(`{"${ours}":"title"}`) });
      expect(plan.keep.map((field) => field.ours)).to.not.include(ours);
    }
  });

  it('finds no value under a name that every object has and no record does', () => {
    for (const theirs of ['constructor', 'toString', '__proto__']) {
      const plan = planOf('users', { fields: { job_title: theirs } });
      expect(gate(plan, rulesOf([userOf(1)]), entry(1)), theirs).to.have.nested.property('fields.job_title', null);
    }
  });

  it('lets the connector decide by its decide fields alone', () => {
    const seen: string[][] = [];
    const users = usersConnector.streams.users!;
    const inScope = (record: SourceRecord) => {
      seen.push(Object.keys(record));
      return true;
    };
    const plan = planOf('users', { connector: { ...usersConnector, streams: { users: { ...users, inScope } } } });
    gate(plan, rulesOf([userOf(1)]), entry(1, { kind: 'employee', disabled: 'no', homePhone: 'marker' }));
    expect(seen).to.deep.equal([['kind', 'disabled']]);
  });

  it('leaves absent fields of a partial record unsaid, and says null for those of a whole one', () => {
    const record = { id: keyOf(1), mail: 'p1@acme.example', title: '' };
    const fields = (partial: boolean) => {
      const decision = gate(planOf('users'), rulesOf([userOf(1)]), record, partial);
      return decision.kept ? decision.fields : undefined;
    };
    expect(fields(true)).to.deep.equal({ email: 'p1@acme.example', job_title: null });
    expect(fields(false)).to.deep.equal({
      given_name: null,
      family_name: null,
      email: 'p1@acme.example',
      phone: null,
      job_title: null,
      department: null,
    });
  });

  describe('knows the person', () => {
    it('by the binding alone, whatever else the entry says', () => {
      const users = [userOf(1, { bound: [keyOf(1)] }), userOf(2)];
      expect(judged(entry(1, { mail: 'p2@acme.example' }), users)).to.have.deep.property('person', {
        user: 'user-1',
        keyDigest: `directory-id people:${keyOf(1)}`,
        newBinding: false,
      });
    });

    it('by a directory-id in whatever case', () => {
      const id = 'ABCDEFAB-0000-4000-8000-000000000001';
      const user = { id: 'user-1', directoryIds: [`people:${id.toLowerCase()}`] };
      expect(judged(entry(1, { id }), [user])).to.have.nested.property('person.user', 'user-1');
    });

    it('not by the directory-id of another directory', () => {
      const user = { id: 'user-1', directoryIds: [`lab:${keyOf(1)}`] };
      expect(reasonOf(judged(entry(1), [user]))).to.equal('not-a-user');
    });

    it('who left and logged on anew as the user of now', () => {
      const users = [userOf(1, { id: 'old', left: true, bound: [keyOf(1)] }), userOf(1, { id: 'new' })];
      expect(judged(entry(1), users)).to.have.nested.property('person.user', 'new');
    });

    it('who left and is back within the grace as the same user', () => {
      expect(judged(entry(1), [userOf(1, { left: true, bound: [keyOf(1)] })])).to.have.nested.property(
        'person.user',
        'user-1',
      );
    });
  });

  describe('turns away, with its reason', () => {
    const lockers = (record: SourceRecord, users: readonly KnownUser[], features: readonly Feature[] = ['lockers']) =>
      gate(planOf('locker_assignments', { features: new Set(features) }), rulesOf(users), record);
    const assignment = { Id: 'a1', Mail: 'p1@acme.example', No: 'L1' };
    const bound = userOf(1, { bound: [keyOf(1)] });
    const staff = { not: { equals: { kind: 'contractor' } } } as const;

    const cases: readonly [string, () => Decision, Record<string, unknown>][] = [
      ['a stranger', () => judged(entry(9), [userOf(1)]), { reason: 'not-a-user' }],
      ['anybody before the first log-on', () => judged(entry(1), []), { reason: 'not-a-user' }],
      [
        'a second entry with a user’s address',
        () => judged(entry(2, { mail: 'p1@acme.example' }), [bound]),
        { reason: 'ambiguous' },
      ],
      [
        'an entry that matches two users',
        () => judged(entry(1, { mail: ['p1@acme.example', 'p2@acme.example'] }), [userOf(1), userOf(2)]),
        { reason: 'ambiguous' },
      ],
      [
        'an entry whose former user left, and that matches one who has another entry',
        () =>
          judged(entry(1), [
            userOf(1, { id: 'old', left: true, bound: [keyOf(1)] }),
            userOf(1, { id: 'new', bound: [keyOf(3)] }),
          ]),
        { reason: 'ambiguous', boundUser: 'old' },
      ],
      [
        'a user’s entry out of the connector’s scope',
        () => judged(entry(1, { disabled: 'yes' }), [bound]),
        { reason: 'out-of-scope', boundUser: 'user-1' },
      ],
      [
        'an entry out of the tenant’s scope',
        () => judged(entry(1, { kind: 'contractor' }), [userOf(1)], planOf('users', { scope: staff })),
        { reason: 'out-of-scope' },
      ],
      [
        'an entry without a key',
        () => judged(entry(1, { id: undefined }), [bound]),
        { reason: 'invalid', boundUser: undefined },
      ],
      ['an entry with a key of blanks', () => judged(entry(1, { id: '  ' }), [bound]), { reason: 'invalid' }],
      [
        'an entry with a key beyond all bounds',
        () => judged(entry(1, { id: 'k'.repeat(1025) }), [bound]),
        { reason: 'invalid' },
      ],
      [
        'a user’s entry with NUL in a kept field',
        () => judged(entry(1, { title: 'a\0b' }), [bound]),
        { reason: 'invalid', boundUser: 'user-1' },
      ],
      [
        'a user’s entry with a lone surrogate',
        () => judged(entry(1, { given: 'a\ud800' }), [bound]),
        { reason: 'invalid', boundUser: 'user-1' },
      ],
      [
        'a user’s entry with a field longer than the model allows',
        () => judged(entry(1, { title: 't'.repeat(257) }), [bound]),
        { reason: 'invalid', boundUser: 'user-1' },
      ],
      [
        'a user’s entry with a field of 10 MB',
        () => judged(entry(1, { family: 'f'.repeat(10_000_000) }), [bound]),
        { reason: 'invalid', boundUser: 'user-1' },
      ],
      [
        'a user’s entry with an object where a text belongs',
        () => judged(entry(1, { title: { toString: 1 } as never }), [bound]),
        { reason: 'invalid', boundUser: 'user-1' },
      ],
      [
        'a stranger’s entry with NUL',
        () => judged(entry(9, { mail: 'p9\0@acme.example' }), [bound]),
        { reason: 'invalid', boundUser: undefined, key: undefined },
      ],
      ['a whole stream whose feature is off', () => lockers(assignment, [userOf(1)], []), { reason: 'feature-off' }],
      ['a stranger’s locker, which is taken', () => lockers(assignment, []), { reason: 'not-a-user', locker: 'L1' }],
      [
        'an assignment to nobody, whose locker is not taken',
        () => lockers({ Id: 'a1', No: 'L1' }, []),
        { reason: 'not-a-user', locker: undefined },
      ],
      [
        'an assignment of two users',
        () => lockers({ ...assignment, Mail: ['p1@acme.example', 'p2@acme.example'] }, [userOf(1), userOf(2)]),
        { reason: 'ambiguous', locker: 'L1' },
      ],
      [
        'an assignment without a locker',
        () => lockers({ ...assignment, No: '' }, [userOf(1)]),
        { reason: 'invalid', key: 'a1' },
      ],
    ];
    for (const [name, decide, expected] of cases) {
      it(name, () => {
        const decision = decide();
        expect(decision.kept).to.equal(false);
        expect(decision).to.deep.include(expected);
      });
    }

    it('by every reason there is', () => {
      const reached = new Set(cases.map(([, decide]) => reasonOf(decide())));
      // No stream of the model needs an opt-in yet; the first that does adds its case here.
      expect([...reached]).to.have.members(dropReasons.filter((reason) => reason !== 'no-opt-in'));
    });

    it('with nothing of a stranger in the answer', () => {
      const stranger = entry(9, { mail: 'marker9@acme.example' });
      const decision = judged(stranger, [userOf(1)]);
      expect(JSON.stringify(decision)).to.not.match(/marker|0000-4000/);
    });
  });

  it('counts what nobody asked for by documented name, and by no other', () => {
    const counts = new Map<string, number>();
    const plan = planOf('users', { features: new Set() });
    const record = { ...entry(1), homePhone: '1', pager: '2', 'jan@acme.example': 'x', __proto__x: 'y' };
    countUndeclared(plan, record, counts);
    countUndeclared(plan, JSON.parse('{"id":"1","__proto__":"z","constructor":"w"}'), counts);
    // A field whose feature is off was declared by the connector, so its name is no secret.
    expect(Object.fromEntries(counts)).to.deep.equal({
      homePhone: 1,
      pager: 1,
      phone: 1,
      title: 1,
      department: 1,
      other: 4,
    });
  });

  describe('for any record whatever', () => {
    const hostile = fc.constantFrom(
      '__proto__',
      'constructor',
      'toString',
      'hasOwnProperty',
      'valueOf',
      '',
      '\0',
      '\ud800',
      'length',
    );
    const declared = fc.constantFrom(
      'id',
      'mail',
      'given',
      'family',
      'phone',
      'title',
      'department',
      'kind',
      'disabled',
      'No',
      'Id',
      'Mail',
      'Until',
      'Shared',
      'Status',
      'Place',
      'Room',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom(
        '\0',
        '\ud800',
        '\udc00x',
        '__proto__',
        'p1@acme.example',
        'P2@ACME.example',
        keyOf(1),
        keyOf(2),
        'L1',
        'yes',
        '2026-11-22',
        '2026-13-45',
        '9'.repeat(300),
      ),
      fc.integer({ min: 60_000, max: 70_000 }).map((length) => 'x'.repeat(length)),
    );
    const scalar = fc.oneof(
      { weight: 6, arbitrary: text },
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      fc.constant(undefined),
    );
    const value = fc.oneof(
      { weight: 5, arbitrary: scalar },
      fc.array(scalar, { maxLength: 4 }),
      fc.jsonValue() as fc.Arbitrary<unknown>,
      fc.constant(Object.create(null)),
    );
    const record = fc
      .array(fc.tuple(fc.oneof({ weight: 6, arbitrary: declared }, hostile, fc.string()), value), { maxLength: 12 })
      .map((fields) => {
        // As a parser would: own properties, `__proto__` included, over an ordinary prototype.
        const made = {};
        for (const [name, one] of fields)
          Object.defineProperty(made, name, { value: one, enumerable: true, configurable: true, writable: true });
        return made as SourceRecord;
      });
    const withKey = fc
      .tuple(record, fc.constantFrom(keyOf(1), keyOf(2)), fc.constantFrom('p1@acme.example', 'p2@acme.example'))
      .map(([one, id, mail]): SourceRecord => ({ ...one, id, mail, Id: 'a', Mail: mail, No: 'L1' }));
    const someFeatures = fc.subarray([...featureNames]).map((names) => new Set<Feature>(names));
    const stream = fc.constantFrom<StreamName>('users', 'lockers', 'locker_assignments');
    const users = [userOf(1, { bound: [keyOf(1)] }), userOf(2)];

    it('keeps only declared fields whose feature is on, as clean values of their type', () => {
      let kept = 0;
      fc.assert(
        fc.property(stream, someFeatures, fc.oneof(record, withKey), fc.boolean(), (name, features, one, partial) => {
          const decision = gate(planOf(name, { features }), rulesOf(users), one, partial);
          if (!decision.kept) {
            expect(dropReasons).to.include(decision.reason);
            return;
          }
          kept++;
          const declaration = streams[name].fields as Record<
            string,
            { feature?: Feature; maxLength: number; choices?: readonly string[] }
          >;
          for (const [field, kept] of Object.entries(decision.fields)) {
            expect(Object.hasOwn(declaration, field), field).to.equal(true);
            const { feature, maxLength, choices } = declaration[field]!;
            expect(feature === undefined || features.has(feature), field).to.equal(true);
            if (choices) expect(choices).to.include(kept);
            if (typeof kept !== 'string') continue;
            expect(
              kept.isWellFormed() &&
                !kept.includes('\0') &&
                kept === kept.trim() &&
                kept.normalize('NFC') === kept &&
                kept !== '',
              field,
            ).to.equal(true);
            expect(kept.length, field).to.be.at.most(maxLength);
          }
          expect(Object.getPrototypeOf(decision.fields)).to.equal(Object.prototype);
        }),
        { numRuns: 3000 },
      );
      expect(kept, 'records that got in').to.be.greaterThan(300);
    });

    it('decides the same again, and changes nothing of the record', () => {
      fc.assert(
        fc.property(stream, fc.oneof(record, withKey), (name, one) => {
          const before = Object.entries(one);
          const plan = planOf(name);
          const first = gate(plan, rulesOf(users), one);
          expect(gate(plan, rulesOf(users), one)).to.deep.equal(first);
          expect(Object.entries(one)).to.deep.equal(before);
        }),
        { numRuns: 500 },
      );
    });

    it('digests values of the key and match fields only', () => {
      fc.assert(
        fc.property(withKey, fc.constantFrom('given', 'phone', 'kind', 'homePhone'), (one, field) => {
          const rules = rulesOf(users);
          gate(planOf('users'), rules, { ...one, [field]: 'marker' });
          expect(rules.asked.join()).to.not.include('marker');
        }),
        { numRuns: 300 },
      );
    });

    it('answers the same in whatever order a field’s several values come', () => {
      const several = fc.uniqueArray(fc.constantFrom('Zed', 'Ada', 'Émile', '陈', 'bo', '10', '9'), { minLength: 2 });
      fc.assert(
        fc.property(several, fc.nat(), (values, turn) => {
          const turned = [...values.slice(turn % values.length), ...values.slice(0, turn % values.length)];
          const decide = (given: readonly string[]) => judged(entry(1, { given, title: given }), users);
          expect(decide(turned)).to.deep.equal(decide(values));
        }),
      );
    });
  });
});
