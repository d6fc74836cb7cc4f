import { expect } from 'chai';
import type { MatchValue } from '../../src/users/derive.ts';
import { type Candidate, decideLogOn } from '../../src/users/log-on.ts';

const S1 = 'https://login.example 1';
const S2 = 'https://login.example 2';
const X = 'people:00000000-0000-4000-8000-000000000001';
const Y = 'people:00000000-0000-4000-8000-000000000002';
const OTHER_FOREST = 'lab:00000000-0000-4000-8000-000000000002';

type By = Candidate['matchedBy'][number];
const user = (id: string, matchedBy: readonly By[], has: readonly string[] = []): Candidate => ({
  id,
  matchedBy,
  matches: has.map((value): MatchValue => ({ kind: value.includes(' ') ? 'subject' : 'directory-id', value })),
});

describe('who is logging on', () => {
  type Given = Parameters<typeof decideLogOn>[0];
  const cases: readonly [string, Given, readonly Candidate[], string][] = [
    ['nobody known', {}, [], 'create'],
    ['nobody known, with all values', { subject: S1, directory_id: X }, [], 'create'],
    ['the one with the address', {}, [user('a', ['email'])], 'a'],
    [
      'the one with the address, who has a subject that this log-on does not name',
      {},
      [user('a', ['email'], [S1])],
      'a',
    ],
    ['the one with the address, whose subject is new', { subject: S1 }, [user('a', ['email'])], 'a'],
    ['the one with the subject', { subject: S1 }, [user('a', ['subject'], [S1])], 'a'],
    ['the one with the subject and the address', { subject: S1 }, [user('a', ['subject', 'email'], [S1])], 'a'],
    [
      'the one with the subject, under a new directory-id',
      { subject: S1, directory_id: X },
      [user('a', ['subject'], [S1])],
      'a',
    ],
    ['the one with the directory-id', { directory_id: X }, [user('a', ['directory-id'], [X])], 'a'],
    [
      'the one with the directory-id, under a new address',
      { subject: S1, directory_id: X },
      [user('a', ['directory-id'], [X])],
      'a',
    ],
    [
      'the one with the address, known to another forest',
      { directory_id: X },
      [user('a', ['email'], [OTHER_FOREST])],
      'a',
    ],
    [
      'the one with the subject; another has the address, by nothing stronger',
      { subject: S1 },
      [user('a', ['subject'], [S1]), user('b', ['email'])],
      'a',
    ],
    [
      'the one with the directory-id; another has the address',
      { directory_id: X },
      [user('b', ['email']), user('a', ['directory-id'], [X])],
      'a',
    ],
    ['one of several subjects of a user', { subject: S2 }, [user('a', ['subject'], [S1, S2])], 'a'],
    ['the address of a user with another subject', { subject: S2 }, [user('a', ['email'], [S1])], 'conflict'],
    [
      'the directory-id of a user with another subject',
      { subject: S2, directory_id: X },
      [user('a', ['directory-id'], [X, S1])],
      'conflict',
    ],
    [
      'the address of a user with another id in that directory',
      { directory_id: X },
      [user('a', ['email'], [Y])],
      'conflict',
    ],
    [
      'the subject of a user with another id in that directory',
      { subject: S1, directory_id: X },
      [user('a', ['subject'], [S1, Y])],
      'conflict',
    ],
    [
      'the subject of one and the directory-id of another',
      { subject: S1, directory_id: X },
      [user('a', ['subject'], [S1]), user('b', ['directory-id'], [X])],
      'conflict',
    ],
    ['an address of two', {}, [user('a', ['email']), user('b', ['email'])], 'conflict'],
    [
      'a directory-id of two',
      { directory_id: X },
      [user('a', ['directory-id'], [X]), user('b', ['directory-id'], [X])],
      'conflict',
    ],
    ['a subject of two', { subject: S1 }, [user('a', ['subject'], [S1]), user('b', ['subject'], [S1])], 'conflict'],
  ];
  for (const [name, given, candidates, expected] of cases) {
    it(`${name}: ${expected}`, () => {
      for (const order of [candidates, [...candidates].reverse()]) {
        const decided = decideLogOn(given, order);
        expect(decided.decision === 'known' ? decided.user : decided.decision).to.equal(expected);
      }
    });
  }

  it('in conflict is told without any value', () => {
    const decided = decideLogOn({ subject: S2 }, [user('0199-id', ['email'], [S1])]);
    expect(decided).to.have.property('sentence').that.includes('nobody was changed');
    expect(JSON.stringify(decided)).to.not.include(S1).and.not.include(S2).and.not.include('0199-id');
  });
});
