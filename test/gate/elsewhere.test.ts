import { expect } from 'chai';
import type { Connector, SourceRecord } from '../../src/contract/index.ts';
import { gate, type Kept } from '../../src/gate/gate.ts';
import { laidOver } from '../../src/gate/laid-over.ts';
import { entry, type KnownUser, keyOf, planOf, rulesOf, userOf, usersConnector } from './support.ts';

const { users } = usersConnector.streams;
/** Its records carry their ids in the directory that the setting `forest` names. */
const linkedConnector: Connector = {
  ...usersConnector,
  streams: { users: { ...users!, elsewhere: { setting: 'forest', theirs: 'guid' } } },
};
const GUID = '41424344-4546-4748-494a-4b4c4d4e4f50';
const plan = (settings: Record<string, unknown>) => planOf('users', { connector: linkedConnector, settings });
const linked = plan({ forest: 'ad' });
const judged = (record: SourceRecord, known: readonly KnownUser[], partial = false) =>
  gate(linked, rulesOf(known), record, partial);
const ofForest = (n: number, id = GUID): KnownUser => ({ id: `user-${n}`, directoryIds: [`ad:${id}`] });

describe('an id in another directory', () => {
  it('is asked for only while the setting names one, and another than the connection’s own', () => {
    expect(linked.asked).to.include('guid');
    for (const settings of [{}, { forest: '' }, { forest: 7 }, { forest: 'people' }])
      expect(plan(settings).asked, JSON.stringify(settings)).not.to.include('guid');
    expect(gate(plan({}), rulesOf([ofForest(1)]), entry(1, { guid: GUID }))).to.include({ reason: 'not-a-user' });
  });

  it('recognises the person known by it there, whatever their address', () => {
    const decision = judged(entry(1, { mail: 'other@acme.example', guid: GUID.toUpperCase() }), [ofForest(1)]);
    expect(decision).to.have.nested.property('person.user', 'user-1');
    expect(decision).to.have.deep.property('matches', [
      { kind: 'directory-id', value: `ad:${GUID}` },
      { kind: 'directory-id', value: `people:${keyOf(1)}` },
    ]);
  });

  it('is never one of the connection’s own directory, nor the other way round', () => {
    const swapped: KnownUser[] = [
      { id: 'user-1', directoryIds: [`people:${GUID}`] },
      { id: 'user-2', directoryIds: [`ad:${keyOf(1)}`] },
    ];
    expect(judged(entry(1, { mail: null, guid: GUID }), swapped)).to.include({ reason: 'not-a-user' });
    // The same text in both places: two ids, and only one of them is the key.
    const same = judged(entry(1, { mail: null, guid: keyOf(1) }), [swapped[1]!]);
    expect(same).to.have.nested.property('person.user', 'user-2');
  });

  it('that is no UUID is nobody’s', () => {
    for (const guid of ['4711', 'p1@acme.example', `${GUID}0`, `x:${GUID}`, `{${GUID}}`, '']) {
      const known = [{ id: 'user-1', directoryIds: [`ad:${guid}`, `ad:${guid.toLowerCase()}`] }];
      expect(judged(entry(1, { mail: null, guid }), known), guid).to.include({ reason: 'not-a-user' });
    }
  });

  it('of one user and the address of another is ambiguous', () => {
    expect(judged(entry(2, { guid: GUID }), [ofForest(1), userOf(2)])).to.include({ reason: 'ambiguous' });
  });

  it('of a user who has another record of this connection is ambiguous', () => {
    const taken = { ...ofForest(1), bound: [keyOf(5)] };
    expect(judged(entry(2, { mail: null, guid: GUID }), [taken])).to.include({ reason: 'ambiguous' });
  });

  it('does not move a record that is bound', () => {
    const bound = userOf(1, { bound: [keyOf(1)] });
    expect(judged(entry(1, { guid: GUID }), [bound, ofForest(2)])).to.have.nested.property('person.user', 'user-1');
  });

  it('that a partial record does not speak of is said to stand, and one that it empties is not', () => {
    const bound = [userOf(1, { bound: [keyOf(1)] })];
    const { id, mail } = entry(1);
    const silent = { kind: 'directory-id', directory: 'ad' };
    expect(judged({ id: id!, mail: mail! }, bound, true)).to.deep.include({ unsaid: [silent] });
    expect(judged({ id: id!, mail: mail!, guid: null }, bound, true)).to.deep.include({ unsaid: [] });
    expect(judged({ id: id!, mail: mail! }, bound)).not.to.have.property('unsaid');
  });

  it('stands under a change laid over the record that told it, and goes when the change empties it', () => {
    const bound = [userOf(1, { bound: [keyOf(1)] })];
    const { id, mail } = entry(1);
    const change = (more: SourceRecord = {}) => judged({ id: id!, mail: mail!, ...more }, bound, true) as Kept;
    const whole = judged(entry(1, { guid: GUID }), bound) as Kept;
    const own = { kind: 'directory-id', value: `people:${keyOf(1)}` };
    expect(laidOver(whole, change()).matches).to.deep.equal([{ kind: 'directory-id', value: `ad:${GUID}` }, own]);
    expect(laidOver(whole, change({ guid: null })).matches).to.deep.equal([own]);
    expect(laidOver(whole, change())).not.to.have.property('unsaid');
    const silent = { kind: 'directory-id', directory: 'ad' };
    expect(laidOver(change(), change()).unsaid).to.deep.equal([silent]);
    expect(laidOver(change({ guid: GUID }), change()).unsaid).to.deep.equal([]);
    expect(laidOver(change({ guid: GUID }), change()).matches).to.have.length(2);
  });
});
